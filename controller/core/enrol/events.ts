/** Facts about who may speak for a host. The `type` strings are stored for ever: never rename one. */
import type { HostId } from '../../../proto/domain/ids.ts';

export interface JoinTokenCreated {
  readonly type: 'join-token-created';
  readonly tokenHash: string;
  readonly hostName: string;
  /** The known host that it is for. */
  readonly forHostId?: HostId;
  readonly expiresAtMs: number;
}

interface Issued {
  readonly hostId: HostId;
  readonly generation: number;
  readonly serial: string;
  readonly notAfterMs: number;
}

/** The token is used and the certificate stands, both or neither. */
export interface HostJoined extends Issued {
  readonly type: 'host-joined';
  readonly tokenHash: string;
  readonly keyHash: string;
  readonly hostName: string;
}

export interface HostCertificateRenewed extends Issued {
  readonly type: 'host-certificate-renewed';
}

/** `generation`: the one that is refused no longer by itself; no certificate has it yet. */
export interface HostRevoked {
  readonly type: 'host-revoked';
  readonly hostId: HostId;
  readonly generation: number;
  readonly reason: string;
}

/** Two agents say to be the host: its certificate was copied, or a folder was. */
export interface HostContested {
  readonly type: 'host-contested';
  readonly hostId: HostId;
  /** Of the agent that came second; empty: an older certificate than the newest was renewed. */
  readonly bootId: string;
}

export type EnrolEvent = JoinTokenCreated | HostJoined | HostCertificateRenewed | HostRevoked | HostContested;
