/**
 * What a host reported about tasks, turned into facts. Reports may come twice, late, or out of order: each is
 * measured against the attempt's state machine, and what does not follow is ignored and counted. A host can only
 * speak about attempts that were placed on it.
 */
import { toTaskName } from '../../../proto/domain/ids.ts';
import type { Exit } from '../../../proto/domain/job.ts';
import type { TaskObservation } from '../../../proto/domain/task.ts';
import type { Command, CommandContext } from '../command.ts';
import type { Decision } from '../decision.ts';
import { refuse } from '../decision.ts';
import { refuseRevoked } from '../enrol/decide-identity.ts';
import type { ClusterEvent } from '../event.ts';
import { PROGRESS_STEP_PERCENT } from '../limits.ts';
import type { AttemptOnHost, ClusterReader } from '../reader.ts';
import { stepAttempt } from './attempt-transition.ts';
import { concludeAttempt, outcomeOf } from './conclude-attempt.ts';
import type { AttemptEvent } from './events.ts';
import type { AttemptRecord, JobRecord } from './model.ts';

type ObserveTasks = Extract<Command, { readonly type: 'observe-tasks' }>;

export function decideObservation(
  reader: ClusterReader,
  command: ObserveTasks,
  context: CommandContext,
): Decision {
  if (reader.host(command.hostId) === undefined) {
    return refuse('not-found', 'HOST_NOT_FOUND', 'this host is not registered', {
      hint: 'say hello first',
      details: { hostId: command.hostId },
    });
  }
  const silenced = refuseRevoked(reader, command.hostId);
  if (silenced !== undefined) return silenced;
  const events: ClusterEvent[] = [];
  let ignored = 0;
  // Of two reports about one task in one message the later is the newer.
  const reports = new Map(command.tasks.map((task) => [toTaskName(task.key), task]));
  for (const report of reports.values()) {
    const found = findAttempt(reader, command, report);
    if (found === undefined) {
      ignored += 1;
      continue;
    }
    const draft = new Draft(found, events);
    observe(draft, report, command, context);
    ignored += draft.illegal;
  }
  if (command.complete) {
    for (const found of reader.wantedAttempts(command.hostId)) {
      const name = toTaskName({ jobId: found.job.id, attempt: found.attempt.number, task: 0 });
      if (!reports.has(name)) miss(new Draft(found, events), command, context);
    }
  }
  const outcome = { subject: command.hostId, replayed: false, ...(ignored === 0 ? {} : { ignored }) };
  return { ok: true, events, outcome };
}

function findAttempt(
  reader: ClusterReader,
  command: ObserveTasks,
  report: TaskObservation,
): AttemptOnHost | undefined {
  const job = reader.job(report.key.jobId);
  const attempt = job?.attempts[report.key.attempt - 1];
  if (job === undefined || attempt === undefined) return undefined;
  if (report.key.task < 0 || report.key.task >= job.spec.tasks) return undefined;
  return attempt.hostId === command.hostId ? { job, attempt } : undefined;
}

/** The attempt as it becomes while one report is worked through. */
class Draft {
  readonly job: JobRecord;
  attempt: AttemptRecord;
  illegal = 0;
  readonly #events: ClusterEvent[];

  constructor(found: AttemptOnHost, events: ClusterEvent[]) {
    this.job = found.job;
    this.attempt = found.attempt;
    this.#events = events;
  }

  get ids(): {
    readonly jobId: JobRecord['id'];
    readonly projectId: JobRecord['projectId'];
    readonly attempt: number;
  } {
    return { jobId: this.job.id, projectId: this.job.projectId, attempt: this.attempt.number };
  }

  /** Adds the fact when it moves the attempt; duplicates and stale facts vanish, illegal ones are counted. */
  add(event: AttemptEvent): void {
    const step = stepAttempt(this.attempt, event, 0);
    if (step.ok) {
      this.attempt = step.next;
      this.#events.push(event);
    } else if (step.why === 'illegal') {
      this.illegal += 1;
    }
  }

  /** Ends the attempt and says what becomes of the job. */
  end(event: Extract<AttemptEvent, { readonly type: 'attempt-ended' }>, nowMs: number): void {
    if (this.attempt.phase === 'ended') return;
    this.add(event);
    const attempts = this.job.attempts.with(this.attempt.number - 1, this.attempt);
    this.#events.push(concludeAttempt({ ...this.job, attempts }, this.attempt, nowMs));
  }
}

function observe(
  draft: Draft,
  report: TaskObservation,
  command: ObserveTasks,
  context: CommandContext,
): void {
  const { bootId } = command;
  switch (report.phase) {
    case 'accepted':
    case 'unknown':
      // Unknown means that the driver cannot say: that the host knows the task is all it proves.
      if (draft.attempt.phase !== 'ended') draft.add({ type: 'attempt-accepted', ...draft.ids, bootId });
      break;
    case 'preparing':
      observePreparing(draft, report, bootId);
      break;
    case 'running':
      draft.add({
        type: 'attempt-started',
        ...draft.ids,
        bootId,
        startedAtMs: report.startedAtMs,
        ports: report.ports,
      });
      break;
    case 'finalizing':
      observeFinalizing(draft, report, bootId, context.nowMs);
      break;
    case 'exited':
      observeExit(draft, report, bootId, context.nowMs);
      break;
  }
  proveFree(draft, report);
}

function observePreparing(draft: Draft, report: TaskObservation, bootId: string): void {
  const { progress, progressBytes, progressTotalBytes } = report;
  const now = { progress, progressBytes, progressTotalBytes };
  if (draft.attempt.phase === 'placed') {
    draft.add({ type: 'attempt-preparing', ...draft.ids, bootId, ...now });
  } else if (draft.attempt.phase === 'preparing' && isWorthKeeping(draft.attempt, report)) {
    draft.add({ type: 'attempt-progressed', ...draft.ids, ...now });
  }
}

/** Another step, or a tenth of the way further: pulls report often, and the log is not for telemetry. */
function isWorthKeeping(attempt: AttemptRecord, report: TaskObservation): boolean {
  if (attempt.progress !== report.progress) return true;
  const moved = Math.abs(report.progressBytes - attempt.progressBytes);
  return (
    moved > 0 &&
    moved * 100 >= report.progressTotalBytes * PROGRESS_STEP_PERCENT &&
    report.progressTotalBytes > 0
  );
}

function observeFinalizing(draft: Draft, report: TaskObservation, bootId: string, nowMs: number): void {
  const exit = report.exit ?? unknownExit(nowMs);
  draft.add({
    type: 'attempt-finalizing',
    ...draft.ids,
    bootId,
    startedAtMs: draft.attempt.startedAtMs || report.startedAtMs,
    exit,
    outcome: outcomeOf(draft.attempt, exit, report.observedGeneration),
    logBytes: report.logBytes,
  });
}

function observeExit(draft: Draft, report: TaskObservation, bootId: string, nowMs: number): void {
  const { attempt } = draft;
  // What was said when the main process ended stands; a later report cannot change it.
  const exit = attempt.exit ?? report.exit ?? unknownExit(nowMs);
  draft.end(
    {
      type: 'attempt-ended',
      ...draft.ids,
      bootId,
      outcome: attempt.settledOutcome ?? outcomeOf(attempt, exit, report.observedGeneration),
      startedAtMs: attempt.startedAtMs || report.startedAtMs,
      endedAtMs: exit.finishedAtMs || nowMs,
      exit,
      logBytes: report.logBytes,
    },
    nowMs,
  );
}

function unknownExit(nowMs: number): Exit {
  const message = 'its host does not know how it ended';
  return {
    signal: 0,
    outOfMemory: false,
    verdict: 'host',
    reason: 'EXIT_UNKNOWN',
    message,
    finishedAtMs: nowMs,
  };
}

/** GPUs, CPU and ports are free only on proof of stop. */
function proveFree(draft: Draft, report: TaskObservation): void {
  const { phase } = draft.attempt;
  if (phase !== 'finalizing' && phase !== 'ended') return;
  if (report.stopped && isOver(report)) draft.add({ type: 'attempt-released', ...draft.ids });
  if (report.logArchived && isOver(report)) {
    draft.add({ type: 'attempt-log-archived', ...draft.ids, logBytes: report.logBytes });
  }
}

/** A late `running` report about an attempt that has ended proves nothing, whatever flags it carries. */
function isOver(report: TaskObservation): boolean {
  return report.phase === 'finalizing' || report.phase === 'exited';
}

/**
 * A complete report does not name this attempt. Never seen: the order may still be under way, so it stays wanted
 * (unless the host says that it had applied the stop). Seen before: it is gone from the host and ends as lost.
 */
function miss(draft: Draft, command: ObserveTasks, context: CommandContext): void {
  const { attempt } = draft;
  // Sent to a boot that is over: it may have run there though nobody lived to tell, so it is not sent again.
  const knownBootId = attempt.seenBootId || (attempt.placedBootId ?? '');
  const rebooted = knownBootId !== '' && knownBootId !== command.bootId;
  const applied = command.revisionApplied !== undefined && command.revisionApplied >= attempt.orderedSeq;
  const neverStarted = attempt.seenBootId === '' && attempt.stopCause !== undefined && applied;
  if (attempt.phase !== 'ended') {
    if (attempt.seenBootId === '' && !neverStarted && !rebooted) return;
    draft.end(
      lostEvent(draft, { rebooted, neverStarted, bootId: command.bootId }, context.nowMs),
      context.nowMs,
    );
    // Only a reboot, or an order that came too late to start anything, proves that no process is left.
    if (rebooted || neverStarted) draft.add({ type: 'attempt-forgotten', ...draft.ids });
    return;
  }
  if (rebooted || applied) draft.add({ type: 'attempt-forgotten', ...draft.ids });
}

function lostEvent(
  draft: Draft,
  how: { readonly rebooted: boolean; readonly neverStarted: boolean; readonly bootId: string },
  nowMs: number,
): Extract<AttemptEvent, { readonly type: 'attempt-ended' }> {
  const { attempt } = draft;
  const { rebooted, neverStarted, bootId } = how;
  const lost: Exit = {
    signal: 0,
    outOfMemory: false,
    verdict: 'host',
    reason: rebooted ? 'HOST_RESTARTED' : 'TASK_MISSING',
    message: rebooted ? 'its host restarted' : 'its host no longer has it',
    finishedAtMs: nowMs,
  };
  // A result that was reported before the outputs were lost still stands.
  const exit =
    attempt.exit ??
    (neverStarted ? { ...lost, verdict: 'none', reason: 'NEVER_STARTED', message: '' } : lost);
  return {
    type: 'attempt-ended',
    ...draft.ids,
    bootId,
    outcome: attempt.settledOutcome ?? (neverStarted ? outcomeOf(attempt, exit, attempt.generation) : 'lost'),
    startedAtMs: attempt.startedAtMs,
    endedAtMs: nowMs,
    exit,
    logBytes: attempt.logBytes,
  };
}
