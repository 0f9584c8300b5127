/**
 * How a session between controller and agent can fail, each with what to do about it.
 */
import { ClusterError } from '../../../proto/errors/cluster-error.ts';

export function helloExpected(reason: string): ClusterError {
  return new ClusterError('invalid', 'HELLO_EXPECTED', 'the session does not begin with a valid hello', {
    hint: 'compare the versions of agent and controller',
    details: { reason },
  });
}

export function sessionDisplaced(): ClusterError {
  return new ClusterError('conflict', 'SESSION_DISPLACED', 'a newer session of the same host took over', {
    hint: 'run one agent per host id',
  });
}

/** The log lost its tail: acknowledged work may be missing from it. */
export function controllerBehind(maxSeenSeq: number, headSeq: number): ClusterError {
  return new ClusterError(
    'corrupt',
    'CONTROLLER_BEHIND',
    'the agent has seen commits that this controller does not have',
    {
      hint: 'restore the newest data of the controller, or clear the state folder of an agent of another cluster',
      details: { maxSeenSeq: String(maxSeenSeq), headSeq: String(headSeq) },
    },
  );
}

/** Somebody else leads. */
export function controllerFenced(maxEpoch: number, epoch: number): ClusterError {
  return new ClusterError('conflict', 'CONTROLLER_FENCED', 'an agent obeys a newer leader than this one', {
    hint: 'stop this controller; the newer one goes on',
    details: { maxEpoch: String(maxEpoch), epoch: String(epoch) },
  });
}
