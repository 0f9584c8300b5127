/**
 * How a session between controller and agent can fail, each with what to do about it.
 */
import type { HostId } from '../../../proto/domain/ids.ts';
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

/** What a complete report left out cannot be taken for gone any more, and no other report says it. */
export function reportsOutOfOrder(): ClusterError {
  return new ClusterError('invalid', 'REPORTS_OUT_OF_ORDER', 'a complete report came after later ones', {
    hint: 'nothing to do: the agent connects again and tells everything anew',
  });
}

/** Two machines, or two folders, with one certificate: whoever came first keeps the host until a person looks. */
export function hostContested(): ClusterError {
  return new ClusterError('conflict', 'HOST_CONTESTED', 'another agent speaks for this host at this moment', {
    hint: 'if its certificate was copied: nabla hosts revoke HOST, then join again with a token made with --host',
  });
}

/** The log lost its tail: acknowledged work may be missing from it. */
export function controllerBehind(hostId: HostId, maxSeenSeq: number, headSeq: number): ClusterError {
  return new ClusterError(
    'corrupt',
    'CONTROLLER_BEHIND',
    'the agent has seen commits that this controller does not have',
    {
      hint: 'reading goes on, nothing is written: put the newest data folder back, or take it through nabla-controller restore from the newest backup',
      details: { hostId, maxSeenSeq: String(maxSeenSeq), headSeq: String(headSeq) },
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

/** Somebody else led, with this cluster's own keys: over another copy of this data folder, or a newer one. */
export function controllerFenced(hostId: HostId, maxEpoch: number, epoch: number): ClusterError {
  return new ClusterError('conflict', 'CONTROLLER_FENCED', 'an agent obeyed a newer leader of this cluster', {
    hint: 'reading goes on, nothing is written: stop this controller if another one runs; else put the newest data folder back, or take it through nabla-controller restore from the newest backup',
    details: { hostId, maxEpoch: String(maxEpoch), epoch: String(epoch) },
  });
}

/** The log was put back to an older state and went on another way from there. */
export function historyDiffers(hostId: HostId, seq: number): ClusterError {
  return new ClusterError(
    'corrupt',
    'HISTORY_DIFFERS',
    'an agent was told of a commit that reads otherwise in this log',
    {
      hint: 'reading goes on, nothing is written: the data folder is an older copy; put the newest one back, or take it through nabla-controller restore from the newest backup',
      details: { hostId, seq: String(seq) },
    },
  );
}

/** Time after which a host that was refused for what it says may dial again. */
const CLAIM_RETRY_MS = 10_000;

/** One host's word, which nobody else has to do with. */
export function claimUnproved(what: string, details: Readonly<Record<string, string>>): ClusterError {
  return new ClusterError('precondition', 'CLAIM_UNPROVED', 'the host claims a history that nothing proves', {
    hint: 'this host alone is refused: give its agent a new data folder and join it with a token of nabla hosts join-token --host HOST, or take its certificate back with nabla hosts revoke HOST',
    details: { ...details, claim: what },
    retryAfterMs: CLAIM_RETRY_MS,
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
