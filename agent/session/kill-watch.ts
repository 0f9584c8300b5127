/**
 * How long a kill may go without proof. A process in the hands of the kernel (a dead mount, a hung GPU) takes no signal:
 * its host is told to be unfit until the proof comes, since the next task would meet the same.
 */
import { TASK_UNKILLABLE } from '../../proto/domain/catalog.ts';
import type { Clock, Timer } from '../../proto/ports/index.ts';
import type { ConditionBoard } from './condition-board.ts';

/** Between the last signal, at the end of the grace, and the condition. */
export const KILL_PROOF_MS = 60_000;

export interface KillWatchParts {
  readonly clock: Pick<Clock, 'after'>;
  readonly conditions: Pick<ConditionBoard, 'raise'>;
  /** Of the task. */
  readonly name: string;
  /** Until the kill. */
  readonly graceMs: number;
}

/** Raises the condition if it is not cancelled in time; whoever has the proof clears it. */
export function watchKill({ clock, conditions, name, graceMs }: KillWatchParts): Timer {
  return clock.after(graceMs + KILL_PROOF_MS, () =>
    conditions.raise(TASK_UNKILLABLE, 'a task was killed and does not end', name),
  );
}
