/**
 * What can go wrong between the controller and an agent's data connection, in words for the user who waits.
 */
import { ClusterError, isClusterError } from '../../proto/errors/cluster-error.ts';
import { fromErrorBody } from '../core/error-body.ts';

export function hostUnreachable(reason: string, cause?: unknown): ClusterError {
  return new ClusterError('unavailable', 'HOST_UNREACHABLE', 'the host cannot be reached now', {
    hint: 'look at the host with hosts show; the job itself goes on',
    details: { reason: reason.slice(0, 300) },
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Errors of http2 and of the socket below it: whatever they are, the connection is of no use any more. */
export function toDataConnectionError(error: unknown): ClusterError {
  if (isClusterError(error)) return error;
  return hostUnreachable('the data connection broke', error);
}

/** An agent's JSON error body as the same error here; anything else is a broken agent. */
export function fromAgentError(status: number, body: string): ClusterError {
  const told = fromErrorBody(body);
  if (told !== undefined) return told;
  if (status === 404) {
    return new ClusterError('not-found', 'TASK_NOT_FOUND', 'the host does not have the task', {
      hint: 'it may not have begun there yet, or be gone',
    });
  }
  return hostUnreachable(`the agent answered with status ${status}`);
}
