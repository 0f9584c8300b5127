/**
 * The attempt's state machine: one table decides every phase and event, one function builds the next record. Used
 * by decisions (to see what a report changes) and by apply (to change it), so the two cannot disagree.
 */

import type { AttemptPhase } from '../../../proto/domain/job.ts';
import { assertNever } from '../../../proto/errors/cluster-error.ts';
import type { AttemptEvent } from './events.ts';
import type { AttemptRecord } from './model.ts';

/** duplicate: known already, harmless. stale: overtaken, dropped. illegal: cannot follow, counted. */
export type Halt = 'duplicate' | 'stale' | 'illegal';

export type AttemptStep =
  | { readonly ok: true; readonly next: AttemptRecord }
  | { readonly ok: false; readonly why: Halt };

type Row = Readonly<Record<AttemptEvent['type'], AttemptPhase | Halt>>;

/** Phase after the event, or why there is none. A phase named again is a move that changes other fields only. */
export const ATTEMPT_MOVES: Readonly<Record<AttemptPhase, Row>> = {
  placed: {
    'attempt-accepted': 'placed',
    'attempt-preparing': 'preparing',
    'attempt-progressed': 'placed',
    'attempt-started': 'running',
    'attempt-finalizing': 'finalizing',
    'attempt-stop-requested': 'placed',
    'attempt-ended': 'ended',
    'attempt-released': 'illegal',
    'attempt-log-archived': 'illegal',
    'attempt-forgotten': 'illegal',
  },
  preparing: {
    'attempt-accepted': 'preparing',
    'attempt-preparing': 'duplicate',
    'attempt-progressed': 'preparing',
    'attempt-started': 'running',
    'attempt-finalizing': 'finalizing',
    'attempt-stop-requested': 'preparing',
    'attempt-ended': 'ended',
    'attempt-released': 'illegal',
    'attempt-log-archived': 'illegal',
    'attempt-forgotten': 'illegal',
  },
  running: {
    'attempt-accepted': 'running',
    'attempt-preparing': 'stale',
    'attempt-progressed': 'running',
    'attempt-started': 'duplicate',
    'attempt-finalizing': 'finalizing',
    'attempt-stop-requested': 'running',
    'attempt-ended': 'ended',
    'attempt-released': 'illegal',
    'attempt-log-archived': 'illegal',
    'attempt-forgotten': 'illegal',
  },
  // The main process has ended: its GPUs may be proved free while outputs still go up.
  finalizing: {
    'attempt-accepted': 'finalizing',
    'attempt-preparing': 'stale',
    'attempt-progressed': 'finalizing',
    'attempt-started': 'stale',
    'attempt-finalizing': 'duplicate',
    'attempt-stop-requested': 'finalizing',
    'attempt-ended': 'ended',
    'attempt-released': 'finalizing',
    'attempt-log-archived': 'finalizing',
    'attempt-forgotten': 'illegal',
  },
  ended: {
    'attempt-accepted': 'stale',
    'attempt-preparing': 'stale',
    'attempt-progressed': 'stale',
    'attempt-started': 'stale',
    'attempt-finalizing': 'stale',
    'attempt-stop-requested': 'stale',
    'attempt-ended': 'duplicate',
    'attempt-released': 'ended',
    'attempt-log-archived': 'ended',
    'attempt-forgotten': 'ended',
  },
};

/**
 * The attempt after `event`, or why it does not follow. `seq` is the event's sequence: orders (stop, and gone with
 * the end) remember it. Never throws.
 */
export function stepAttempt(now: AttemptRecord, event: AttemptEvent, seq: number): AttemptStep {
  const cell = ATTEMPT_MOVES[now.phase][event.type];
  if (cell === 'duplicate' || cell === 'stale' || cell === 'illegal') return { ok: false, why: cell };
  if (isKnown(now, event)) return { ok: false, why: 'duplicate' };
  return { ok: true, next: { ...move(now, event, seq), phase: cell } };
}

/** Moves that stay in their phase are told apart from their repetition by what they set. */
function isKnown(now: AttemptRecord, event: AttemptEvent): boolean {
  switch (event.type) {
    case 'attempt-accepted':
      return now.seenBootId === event.bootId;
    case 'attempt-stop-requested':
      return now.stopCause !== undefined;
    case 'attempt-released':
      return now.released;
    case 'attempt-log-archived':
      return now.logArchived;
    case 'attempt-forgotten':
      return now.forgotten;
    case 'attempt-progressed':
      return (
        now.progress === event.progress &&
        now.progressBytes === event.progressBytes &&
        now.progressTotalBytes === event.progressTotalBytes
      );
    default:
      return false;
  }
}

function move(now: AttemptRecord, event: AttemptEvent, seq: number): AttemptRecord {
  switch (event.type) {
    case 'attempt-accepted':
      return { ...now, seenBootId: event.bootId };
    case 'attempt-preparing':
      return { ...now, ...progressOf(event), seenBootId: event.bootId };
    case 'attempt-progressed':
      return { ...now, ...progressOf(event) };
    case 'attempt-started':
      return {
        ...now,
        ...NO_PROGRESS,
        seenBootId: event.bootId,
        startedAtMs: event.startedAtMs,
        ports: event.ports,
      };
    case 'attempt-finalizing':
      return {
        ...now,
        ...NO_PROGRESS,
        seenBootId: event.bootId,
        startedAtMs: event.startedAtMs,
        exit: event.exit,
        settledOutcome: event.outcome,
        logBytes: event.logBytes,
      };
    case 'attempt-stop-requested':
      return {
        ...now,
        stopCause: event.cause,
        graceMs: event.graceMs,
        generation: now.generation + 1,
        orderedSeq: seq,
      };
    case 'attempt-ended':
      return end(now, event, seq);
    case 'attempt-released':
      return { ...now, released: true };
    case 'attempt-log-archived':
      return { ...now, logArchived: true, logBytes: event.logBytes };
    case 'attempt-forgotten':
      return { ...now, released: true, forgotten: true };
    default:
      return assertNever(event);
  }
}

const NO_PROGRESS = { progress: '', progressBytes: 0, progressTotalBytes: 0 } as const;

function progressOf(event: Extract<AttemptEvent, { readonly progress: string }>): {
  readonly progress: string;
  readonly progressBytes: number;
  readonly progressTotalBytes: number;
} {
  const { progress, progressBytes, progressTotalBytes } = event;
  return { progress, progressBytes, progressTotalBytes };
}

/** The end is also an order: from now on the host should forget it. */
function end(
  now: AttemptRecord,
  event: Extract<AttemptEvent, { readonly type: 'attempt-ended' }>,
  seq: number,
): AttemptRecord {
  return {
    ...now,
    ...NO_PROGRESS,
    outcome: event.outcome,
    seenBootId: event.bootId,
    startedAtMs: event.startedAtMs,
    endedAtMs: event.endedAtMs,
    exit: event.exit,
    logBytes: event.logBytes,
    generation: now.generation + 1,
    orderedSeq: seq,
  };
}
