/**
 * The verdict on attempts whose host is silent: final, so it is given only where the host must have stopped them by
 * itself, or where an operator takes it upon themselves. What they hold stays held: only the host can prove it free.
 */
import { fencedAfterMs } from '../../../proto/domain/fencing.ts';
import type { Exit } from '../../../proto/domain/job.ts';
import type { Command, CommandContext } from '../command.ts';
import type { Decision } from '../decision.ts';
import { refuse } from '../decision.ts';
import type { ClusterEvent } from '../event.ts';
import type { AttemptOnHost, ClusterReader } from '../reader.ts';
import { stepAttempt } from './attempt-transition.ts';
import { concludeAttempt } from './conclude-attempt.ts';
import type { AttemptRecord } from './model.ts';

type DeclareLost = Extract<Command, { readonly type: 'declare-lost' }>;

/** O(attempts of the host). Says nothing of attempts that have ended: the same verdict twice is harmless. */
export function decideDeclareLost(
  reader: ClusterReader,
  command: DeclareLost,
  context: CommandContext,
): Decision {
  const { hostId, only } = command;
  if (reader.host(hostId) === undefined) {
    return refuse('not-found', 'HOST_NOT_FOUND', 'this host is not registered', {
      hint: 'list hosts with nabla hosts list',
      details: { hostId },
    });
  }
  const named = only === undefined ? undefined : new Set(only.map(nameOf));
  const events: ClusterEvent[] = [];
  const declared: string[] = [];
  for (const { job, attempt } of reader.wantedAttempts(hostId)) {
    const name = nameOf({ jobId: job.id, attempt: attempt.number });
    if (named?.has(name) === false || !isLost(attempt, command)) continue;
    declared.push(name);
    events.push(...endAsLost({ job, attempt }, context.nowMs));
  }
  return { ok: true, events, outcome: { subject: hostId, replayed: false, declared } };
}

function nameOf({ jobId, attempt }: { readonly jobId: string; readonly attempt: number }): string {
  return `${jobId}.${attempt}`;
}

/** What has ended stays as it ended. */
function isLost(attempt: AttemptRecord, { by }: DeclareLost): boolean {
  if (attempt.phase === 'ended') return false;
  if (by.cause === 'operator') return true;
  return attempt.selfFenceMs !== undefined && by.silentMs >= fencedAfterMs(attempt.selfFenceMs);
}

function endAsLost({ job, attempt }: AttemptOnHost, nowMs: number): readonly ClusterEvent[] {
  const { id: jobId, projectId } = job;
  const exit: Exit = attempt.exit ?? {
    signal: 0,
    outOfMemory: false,
    verdict: 'host',
    reason: 'HOST_LOST',
    message: 'its host is lost',
    finishedAtMs: nowMs,
  };
  const ended = {
    type: 'attempt-ended',
    jobId,
    projectId,
    attempt: attempt.number,
    bootId: attempt.seenBootId,
    outcome: attempt.settledOutcome ?? 'lost',
    startedAtMs: attempt.startedAtMs,
    endedAtMs: exit.finishedAtMs || nowMs,
    exit,
    logBytes: attempt.logBytes,
  } as const;
  const step = stepAttempt(attempt, ended, 0);
  if (!step.ok) return [];
  const attempts = job.attempts.with(attempt.number - 1, step.next);
  return [ended, concludeAttempt({ ...job, attempts }, step.next, nowMs)];
}
