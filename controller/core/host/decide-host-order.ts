/**
 * An operator's orders about hosts: keep new work away, empty one by a time, forget one that is gone.
 */
import type { Host } from '../../../proto/domain/catalog.ts';
import type { HostId } from '../../../proto/domain/ids.ts';
import type { Command, CommandContext } from '../command.ts';
import type { Decision } from '../decision.ts';
import { accept, refuse } from '../decision.ts';
import { revoked } from '../enrol/decide-identity.ts';
import type { ClusterEvent } from '../event.ts';
import { stepAttempt } from '../job/attempt-transition.ts';
import { concludeAttempt } from '../job/conclude-attempt.ts';
import type { AttemptEvent } from '../job/events.ts';
import { DRAIN_DEADLINE_MAX_MS, REASON_CHARACTERS_MAX } from '../limits.ts';
import { requireHost } from '../lookup.ts';
import type { AttemptOnHost, ClusterReader } from '../reader.ts';

type Of<T extends Command['type']> = Extract<Command, { readonly type: T }>;

export function decideCordonHost(reader: ClusterReader, command: Of<'cordon-host'>): Decision {
  const found = requireHost(reader, command.host);
  if (!found.ok) return found;
  const { id: hostId, cordon } = found.record;
  const reason = command.reason.slice(0, REASON_CHARACTERS_MAX);
  const isKnown = cordon !== undefined && (reason === '' || cordon.reason === reason);
  return accept(hostId, isKnown ? [] : [{ type: 'host-cordoned', hostId, reason }]);
}

export function decideUncordonHost(reader: ClusterReader, command: Of<'uncordon-host'>): Decision {
  const found = requireHost(reader, command.host);
  if (!found.ok) return found;
  const { id: hostId, cordon } = found.record;
  return accept(hostId, cordon === undefined ? [] : [{ type: 'host-uncordoned', hostId }]);
}

export function decideDrainHost(
  reader: ClusterReader,
  command: Of<'drain-host'>,
  { nowMs }: CommandContext,
): Decision {
  const found = requireHost(reader, command.host);
  if (!found.ok) return found;
  const { deadlineAfterMs, mode } = command;
  if (deadlineAfterMs > DRAIN_DEADLINE_MAX_MS) {
    return refuse('invalid', 'BAD_DEADLINE', 'the deadline of the drain is too far away', {
      hint: 'give at most 90 days, or none',
      fields: [{ path: 'deadline', reason: 'must be at most 90 days' }],
    });
  }
  const { id: hostId } = found.record;
  const reason = command.reason.slice(0, REASON_CHARACTERS_MAX);
  const deadline = deadlineAfterMs === 0 ? {} : { deadlineMs: nowMs + deadlineAfterMs };
  const started: ClusterEvent = { type: 'host-drain-started', hostId, mode, reason, ...deadline };
  return accept(hostId, mode === 'stop' ? [started, ...stopAll(reader, hostId)] : [started]);
}

/** Carries out a drain whose time has come; does nothing to any other. */
export function decideEnforceDrain(
  reader: ClusterReader,
  { hostId }: Of<'enforce-drain'>,
  { nowMs }: CommandContext,
): Decision {
  const drain = reader.host(hostId)?.drain;
  const isDue =
    drain !== undefined && !drain.stopping && drain.deadlineMs !== undefined && drain.deadlineMs <= nowMs;
  return accept(hostId, isDue ? stopAll(reader, hostId) : []);
}

/** Preempted: the jobs are queued again at once and no retry of theirs is spent. */
function stopAll(reader: ClusterReader, hostId: HostId): readonly ClusterEvent[] {
  const stops = reader
    .wantedAttempts(hostId)
    .filter(({ attempt }) => attempt.phase !== 'ended' && attempt.stopCause === undefined)
    .map(
      ({ job, attempt }): ClusterEvent => ({
        type: 'attempt-stop-requested',
        jobId: job.id,
        projectId: job.projectId,
        attempt: attempt.number,
        cause: 'preempted',
        graceMs: job.spec.graceMs,
      }),
    );
  return [...stops, { type: 'host-drain-enforced', hostId, attempts: stops.length }];
}

/** Forgets a host. What it still holds is given up only by force: nobody proves any more that it has ended. */
export function decideRemoveHost(
  reader: ClusterReader,
  command: Of<'remove-host'>,
  context: CommandContext,
): Decision {
  const joined = reader.hostIdentity(command.host as HostId);
  if (joined !== undefined && reader.host(joined.hostId) === undefined) {
    return accept(joined.hostId, joined.revoked ? [] : [revoked(joined, 'removed before it said hello')]);
  }
  const found = requireHost(reader, command.host);
  if (!found.ok) return found;
  const host = found.record;
  const held = reader.wantedAttempts(host.id);
  const busy = held.filter(({ attempt }) => attempt.phase !== 'ended' || !attempt.released);
  if (busy.length > 0 && !command.force) return hostBusy(host, busy);
  const identity = reader.hostIdentity(host.id);
  const ends = held.flatMap((one) => loseAttempt(one, context.nowMs));
  const removal: ClusterEvent = { type: 'host-removed', hostId: host.id, name: host.name, lost: busy.length };
  const revocation =
    identity === undefined || identity.revoked ? [] : [revoked(identity, 'the host was removed')];
  return accept(host.id, [...ends, ...revocation, removal]);
}

function hostBusy(host: Host, busy: readonly AttemptOnHost[]): Decision {
  return refuse('precondition', 'HOST_BUSY', 'the host still holds tasks', {
    hint: 'drain it first, or give up what it holds with --force once the machine is off',
    details: {
      hostId: host.id,
      tasks: String(busy.length),
      jobs: busy
        .slice(0, 10)
        .map(({ job }) => job.id)
        .join(','),
    },
  });
}

/** The operator's word stands in for the host's: lost, released and forgotten in one commit. */
function loseAttempt({ job, attempt }: AttemptOnHost, nowMs: number): readonly ClusterEvent[] {
  const ids = { jobId: job.id, projectId: job.projectId, attempt: attempt.number };
  const forgotten: ClusterEvent = { type: 'attempt-forgotten', ...ids };
  if (attempt.phase === 'ended') return [forgotten];
  const ended: Extract<AttemptEvent, { readonly type: 'attempt-ended' }> = {
    type: 'attempt-ended',
    ...ids,
    bootId: attempt.seenBootId,
    outcome: attempt.settledOutcome ?? 'lost',
    startedAtMs: attempt.startedAtMs,
    endedAtMs: nowMs,
    exit: attempt.exit ?? {
      signal: 0,
      outOfMemory: false,
      verdict: 'host',
      reason: 'HOST_REMOVED',
      message: 'its host was removed by an operator',
      finishedAtMs: nowMs,
    },
    logBytes: attempt.logBytes,
  };
  const step = stepAttempt(attempt, ended, 0);
  if (!step.ok) return [];
  const attempts = job.attempts.with(attempt.number - 1, step.next);
  return [ended, concludeAttempt({ ...job, attempts }, step.next, nowMs), forgotten];
}
