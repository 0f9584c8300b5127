/**
 * The ClusterError that a call throws, to match all of it: kind, code, fields, hint, details.
 */
import { type ClusterError, isClusterError } from '../../proto/errors/cluster-error.ts';

/** @throws Error when `run` throws nothing, or something that is not a ClusterError. */
export function caught(run: () => unknown): ClusterError {
  try {
    run();
  } catch (error) {
    if (isClusterError(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** As {@link caught}, for promises. */
export async function caughtAsync(run: () => Promise<unknown>): Promise<ClusterError> {
  try {
    await run();
  } catch (error) {
    if (isClusterError(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
