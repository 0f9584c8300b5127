/**
 * Join tokens by hash and identities by host. What is long over is forgotten with the next fact about joining and
 * depends only on that fact's time, so the fold of the events forgets the same.
 */
import type { HostId } from '../../proto/domain/ids.ts';
import type { HostIdentity, JoinToken } from '../core/enrol/model.ts';
import { IDENTITY_KEPT_MS } from '../core/limits.ts';

export class EnrolTable {
  readonly tokens = new Map<string, JoinToken>();
  readonly identities = new Map<HostId, HostIdentity>();

  /** `isHost`: a registered host's identity is kept whatever its age. */
  sweep(
    nowMs: number,
    isHost: (hostId: HostId) => boolean,
    onForget: (row: `join-token/${string}` | `host-identity/${string}`) => void,
  ): void {
    const over: string[] = [];
    for (const [hash, token] of this.tokens) if (token.expiresAtMs <= nowMs) over.push(hash);
    const gone: HostId[] = [];
    for (const [hostId, identity] of this.identities) {
      // Until no certificate of it can be good any more, its generation must not begin again at one.
      if (identity.notAfterMs + IDENTITY_KEPT_MS <= nowMs && !isHost(hostId)) gone.push(hostId);
    }
    for (const hash of over) {
      this.tokens.delete(hash);
      onForget(`join-token/${hash}`);
    }
    for (const hostId of gone) {
      this.identities.delete(hostId);
      onForget(`host-identity/${hostId}`);
    }
  }
}
