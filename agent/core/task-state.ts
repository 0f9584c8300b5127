/**
 * The life of one task on its host: a tagged union, the facts that move it, and the one pure function that
 * applies a fact. Shells carry out the work; what they learn comes back here as an event.
 */

import type { Exit } from '../../proto/domain/job.ts';
import type { TaskPhase } from '../../proto/domain/task.ts';
import { assertNever } from '../../proto/errors/cluster-error.ts';
import type { StartedTask } from './driver-port.ts';

/** A field exists only in the phases where it means something. */
export type TaskState =
  /** Journalled; nothing was done yet. */
  | { readonly phase: 'accepted' }
  /** Folders, workspace, image. */
  | { readonly phase: 'preparing' }
  | { readonly phase: 'running'; readonly started: StartedTask }
  /** The main process ended with proof of stop; outputs are being stored. */
  | { readonly phase: 'finalizing'; readonly started?: StartedTask; readonly exit: Exit }
  | {
      readonly phase: 'exited';
      readonly started?: StartedTask;
      readonly exit: Exit;
      /** Its log lies in the blob store, or there is none. */
      readonly logArchived: boolean;
    }
  /** The driver cannot say. `started` is what was known before. */
  | { readonly phase: 'unknown'; readonly reason: string; readonly started?: StartedTask };

/** Facts, in the past tense. */
export type TaskEvent =
  | { readonly type: 'preparation-began' }
  | { readonly type: 'started'; readonly started: StartedTask }
  /** It will never run again: it ended, could not be started, or was stopped before it began. */
  | { readonly type: 'ended'; readonly exit: Exit }
  | { readonly type: 'outputs-stored' }
  | { readonly type: 'log-archived' }
  | { readonly type: 'sight-lost'; readonly reason: string };

export type TaskEventType = TaskEvent['type'];

export type TaskStep =
  | { readonly ok: true; readonly next: TaskState }
  /** `duplicate` says nothing new; `illegal` would be a bug of the shell and changes nothing. */
  | { readonly ok: false; readonly why: 'duplicate' | 'illegal' };

/** Legal moves: phase to the events that move it. Everything else is a duplicate or illegal. */
export const TASK_MOVES: Readonly<Record<TaskPhase, readonly TaskEventType[]>> = {
  accepted: ['preparation-began', 'started', 'ended', 'sight-lost'],
  preparing: ['started', 'ended', 'sight-lost'],
  running: ['ended', 'sight-lost'],
  finalizing: ['outputs-stored', 'log-archived'],
  exited: ['log-archived'],
  unknown: ['started', 'ended'],
};

const DUPLICATES: Readonly<Record<TaskPhase, readonly TaskEventType[]>> = {
  accepted: [],
  preparing: ['preparation-began'],
  running: ['preparation-began', 'started'],
  finalizing: ['preparation-began', 'started', 'ended', 'sight-lost'],
  exited: ['preparation-began', 'started', 'ended', 'outputs-stored', 'sight-lost'],
  unknown: ['sight-lost', 'preparation-began'],
};

const DUPLICATE: TaskStep = { ok: false, why: 'duplicate' };
const ILLEGAL: TaskStep = { ok: false, why: 'illegal' };

/**
 * The state after `event`. Deterministic, never throws. An end is final: a later start, end or loss of sight
 * is a harmless duplicate, so a task can be followed twice after a restart without ending twice.
 */
export function stepTask(state: TaskState, event: TaskEvent): TaskStep {
  if (!TASK_MOVES[state.phase].includes(event.type)) {
    return DUPLICATES[state.phase].includes(event.type) ? DUPLICATE : ILLEGAL;
  }
  switch (event.type) {
    case 'preparation-began':
      return moved({ phase: 'preparing' });
    case 'started':
      return moved({ phase: 'running', started: event.started });
    case 'ended':
      return moved({ phase: 'finalizing', ...startedOf(state), exit: event.exit });
    case 'sight-lost':
      return moved({ phase: 'unknown', reason: event.reason, ...startedOf(state) });
    case 'outputs-stored':
    case 'log-archived':
      return stored(state, event.type);
    default:
      return assertNever(event);
  }
}

function stored(state: TaskState, type: 'outputs-stored' | 'log-archived'): TaskStep {
  if (state.phase === 'finalizing') {
    const logArchived = type === 'log-archived';
    return moved({ phase: 'exited', ...startedOf(state), exit: state.exit, logArchived });
  }
  if (state.phase !== 'exited') return ILLEGAL;
  return state.logArchived ? DUPLICATE : moved({ ...state, logArchived: true });
}

function moved(next: TaskState): TaskStep {
  return { ok: true, next };
}

function startedOf(state: TaskState): { readonly started?: StartedTask } {
  return 'started' in state && state.started !== undefined ? { started: state.started } : {};
}

/** It may still have a process: neither finalizing nor exited. */
export function isLive(state: TaskState): boolean {
  return state.phase !== 'finalizing' && state.phase !== 'exited';
}
