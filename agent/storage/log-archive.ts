/**
 * Brings a finished log to the blob store in one request.
 */
import { Readable } from 'node:stream';
import { type TaskKey, toTaskName } from '../../proto/domain/ids.ts';
import { toClusterError } from '../../proto/errors/cluster-error.ts';
import type { WholeLog } from '../core/log-port.ts';
import type { ControllerHttp } from './controller-http.ts';

/** Kinds that another try would only meet again: the controller knows the task no more, or never will. */
const FINAL_KINDS: readonly string[] = [
  'not-found',
  'gone',
  'forbidden',
  'invalid',
  'precondition',
  'unsupported',
];

/**
 * Streams the log.
 *
 * @throws ClusterError unavailable and the like, when it may be tried again
 */
export async function archiveLog(
  http: ControllerHttp,
  key: TaskKey,
  log: WholeLog,
  signal: AbortSignal,
): Promise<'stored' | 'refused'> {
  try {
    await http.put(
      `/v1/agent/tasks/${toTaskName(key)}/log`,
      Readable.from(log.pieces),
      log.bytes,
      {},
      signal,
    );
    return 'stored';
  } catch (error) {
    const told = toClusterError(error);
    if (FINAL_KINDS.includes(told.kind)) return 'refused';
    throw told;
  }
}
