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

/** Two machines, or two folders, with one certificate: whoever came first keeps the host until a person looks. */
export function hostContested(): ClusterError {
  return new ClusterError('conflict', 'HOST_CONTESTED', 'another agent speaks for this host at this moment', {
    hint: 'if its certificate was copied: nabla hosts revoke HOST, then join again with a token made with --host',
  });
}

/** The log lost its tail: acknowledged work may be missing from it. */
export function controllerBehind(maxSeenSeq: number, headSeq: number): ClusterError {
  return new ClusterError(
    'corrupt',
    'CONTROLLER_BEHIND',
    'the agent has seen commits that this controller does not have',
    {
      hint: 'reading goes on, nothing is written: put the newest data folder back, or take it through nabla-controller restore from the newest backup',
      details: { maxSeenSeq: String(maxSeenSeq), headSeq: String(headSeq) },
    },
  );
}

/** Everybody comes at once. */
export function tooManyHellos(retryAfterMs: number): ClusterError {
  return new ClusterError('unavailable', 'TOO_MANY_HELLOS', 'too many agents connect at once', {
    hint: 'nothing to do: the agent comes again by itself',
    retryAfterMs,
  });
}

/** Contact with a leader that is none must not count as contact. */
export function leadershipUnproved(): ClusterError {
  return new ClusterError('unavailable', 'LEADERSHIP_UNPROVED', 'this controller may not lead any more', {
    hint: 'connect again',
  });
}

/** A machine that belonged elsewhere: what its journal holds is about another cluster. */
export function otherCluster(was: string, is: string): ClusterError {
  return new ClusterError('precondition', 'WRONG_CLUSTER', 'the data of this agent is of another cluster', {
    hint: 'give the agent a new data folder, and join with that',
    details: { was, is },
  });
}

/** Somebody else leads. */
export function controllerFenced(maxEpoch: number, epoch: number): ClusterError {
  return new ClusterError('conflict', 'CONTROLLER_FENCED', 'an agent obeys a newer leader than this one', {
    hint: 'stop this controller; the newer one goes on',
    details: { maxEpoch: String(maxEpoch), epoch: String(epoch) },
  });
}

export function hostNotConnected(): ClusterError {
  return new ClusterError('unavailable', 'HOST_NOT_CONNECTED', 'the host is not connected', {
    hint: 'try again once nabla hosts list shows it as ready',
  });
}

export function noStopHeld(): ClusterError {
  return new ClusterError('precondition', 'NO_STOP_HELD', 'the host holds back no stop', {
    hint: 'a held stop is told as the condition MASS_STOP_HELD in nabla hosts show',
  });
}

export function stopChanged(count: number): ClusterError {
  return new ClusterError(
    'precondition',
    'STOP_CHANGED',
    'the host holds back another stop than the one named',
    {
      hint: 'look at its condition again, then confirm that number of tasks',
      details: { count: String(count) },
    },
  );
}
