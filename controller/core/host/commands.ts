/** Commands about hosts beside what hosts say themselves: who may join, and what operators want of them. */
import type { DrainMode } from '../../../proto/domain/catalog.ts';
import type { HostId } from '../../../proto/domain/ids.ts';
import type { JoinAsk } from '../enrol/model.ts';

export type HostCommand =
  /** Asked for by an operator: lets one host join. */
  | {
      readonly type: 'create-join-token';
      readonly tokenHash: string;
      /** Empty: a host of any name. */
      readonly hostName: string;
      /** A known host that gets a new certificate; empty: a new host. */
      readonly host: string;
      readonly ttlMs: number;
    }
  /** The certificate is signed already and is handed out once this is durable. */
  | {
      readonly type: 'join-host';
      readonly hostId: HostId;
      readonly generation: number;
      readonly ask: Omit<JoinAsk, 'freshHostId'>;
      readonly serial: string;
      readonly notAfterMs: number;
    }
  | {
      readonly type: 'renew-certificate';
      readonly hostId: HostId;
      readonly generation: number;
      readonly serial: string;
      readonly notAfterMs: number;
    }
  | { readonly type: 'revoke-host'; readonly host: string; readonly reason: string }
  | { readonly type: 'note-contested'; readonly hostId: HostId; readonly bootId: string }
  | { readonly type: 'cordon-host'; readonly host: string; readonly reason: string }
  | { readonly type: 'uncordon-host'; readonly host: string }
  | {
      readonly type: 'drain-host';
      readonly host: string;
      readonly mode: DrainMode;
      /** 0: none. */
      readonly deadlineAfterMs: number;
      readonly reason: string;
    }
  /** The deadline of a drain may have come. */
  | { readonly type: 'enforce-drain'; readonly hostId: HostId }
  | { readonly type: 'remove-host'; readonly host: string; readonly force: boolean };
