/**
 * What the cluster keeps about who may speak for a host: join tokens by their hash, and one identity per host. A
 * certificate is good while its generation is that of the host, so that one number revokes them all (ADR-0014).
 */
import type { HostId, Principal } from '../../../proto/domain/ids.ts';

export interface JoinToken {
  /** sha256 of the token, lower-case hex; the token itself is nowhere. */
  readonly tokenHash: string;
  /** Empty: a host of any name. */
  readonly hostName: string;
  /** A known host that gets a new certificate; absent: a new host. */
  readonly hostId?: HostId;
  readonly createdBy: Principal;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  /** Kept until the token expires, so that the same key may ask again after a crash. */
  readonly used?: {
    readonly hostId: HostId;
    readonly generation: number;
    /** sha256 of the public key of the request. */
    readonly keyHash: string;
  };
}

export interface HostIdentity {
  readonly hostId: HostId;
  /** Rises with each join and each revocation, also across the removal of the host. */
  readonly generation: number;
  readonly revoked: boolean;
  /** Of the newest certificate. */
  readonly serial: string;
  readonly notAfterMs: number;
  readonly joinedAtMs: number;
  /** Its host was removed while it held tasks: nobody has proved since that they are gone. */
  readonly gaveUpTasks?: true;
}

/** What a host that joins shows and says. */
export interface JoinAsk {
  readonly tokenHash: string;
  readonly keyHash: string;
  readonly hostName: string;
  /** What the agent's folder says; empty: it has none yet. */
  readonly claimedHostId: string;
  /** Taken when nobody names another. */
  readonly freshHostId: HostId;
}

/** `nabla://CLUSTER/hosts/HOST/GENERATION`, the URI in an agent's certificate. */
export interface CertifiedHost {
  readonly clusterId: string;
  readonly hostId: HostId;
  readonly generation: number;
}

export function toIdentityUri({ clusterId, hostId, generation }: CertifiedHost): string {
  return `nabla://${clusterId}/hosts/${hostId}/${generation}`;
}

/** The inverse of {@link toIdentityUri}; undefined for anything else. Never throws. */
export function parseIdentityUri(uri: string): CertifiedHost | undefined {
  const match = /^nabla:\/\/([\w-]{1,128})\/hosts\/(host_[0-9a-z]{1,40})\/([1-9]\d{0,8})$/.exec(uri);
  if (match === null) return undefined;
  return { clusterId: match[1]!, hostId: match[2] as HostId, generation: Number(match[3]) };
}
