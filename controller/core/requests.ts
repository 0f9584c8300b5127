/**
 * Request ids: the same id with the same content gives the same answer for 24 h; other content under the same id is
 * refused, because answering it with the old record would hide that the new one was never made.
 */
import type { Principal } from '../../proto/domain/ids.ts';
import type { CommandContext, RequestMark } from './command.ts';
import type { Decision } from './decision.ts';
import { refuse } from './decision.ts';
import { REQUEST_KEPT_MS } from './limits.ts';
import type { ClusterReader } from './reader.ts';

/** Requests of two principals never meet, whatever ids they chose. */
export function requestKey(principal: Principal, requestId: string): string {
  return `${principal} ${requestId}`;
}

/** The remembered answer or refusal; undefined when the request is new (or has no id). */
export function replayRequest(
  reader: ClusterReader,
  mark: RequestMark | undefined,
  context: CommandContext,
): Decision | undefined {
  if (mark === undefined) return undefined;
  const known = reader.request(requestKey(context.principal, mark.requestId));
  if (known === undefined || context.nowMs - known.atMs >= REQUEST_KEPT_MS) return undefined;
  if (known.contentHash !== mark.contentHash) {
    return refuse('exists', 'REQUEST_ID_REUSED', 'this request id was used for something else', {
      hint: 'use a fresh request id for a different request',
      details: { requestId: mark.requestId, subject: known.subject },
    });
  }
  return { ok: true, events: [], outcome: { subject: known.subject, replayed: true } };
}
