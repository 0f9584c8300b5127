/**
 * The time limit of a running task, kept on its host: counted from the task's own start, on the monotonic
 * clock from the moment that this agent began to follow it.
 */
import { toClusterError } from '../../proto/errors/cluster-error.ts';
import type { Timer } from '../../proto/ports/index.ts';
import type { Driver, StartedTask } from '../core/driver-port.ts';
import type { TaskContext } from './task-context.ts';
import type { TaskEntry } from './task-table.ts';

export interface TimeLimitInput {
  readonly entry: TaskEntry;
  readonly driver: Driver;
  readonly started: StartedTask;
  /** Carries out the stop order in the record. */
  readonly stop: () => void;
}

const NOTHING: Timer = { cancel: () => undefined };

export interface TimeSpent {
  /** Above 0. */
  readonly timeLimitMs: number;
  /** 0 is no warning. */
  readonly warnBeforeMs: number;
  /** Wall time that the driver wrote down when the task began: the same one after every restart of the agent. */
  readonly startedAtMs: number;
  /** Wall time. */
  readonly nowMs: number;
}

export interface TimeLeft {
  /** From now; from 0 to the whole limit, whatever became of the wall clock meanwhile. */
  readonly limitMs: number;
  /** From now; undefined when there is none, or its moment has passed: a task is not warned twice. */
  readonly warningMs: number | undefined;
}

/** What is left to a task that may have begun under an earlier agent. Pure. */
export function toTimeLeft({ timeLimitMs, warnBeforeMs, startedAtMs, nowMs }: TimeSpent): TimeLeft {
  const ranMs = Math.max(0, nowMs - startedAtMs);
  const limitMs = Math.max(0, timeLimitMs - ranMs);
  const isWarned = warnBeforeMs > 0 && warnBeforeMs < limitMs;
  return { limitMs, warningMs: isWarned ? limitMs - warnBeforeMs : undefined };
}

/** Arms warning and limit as the spec asks. Only tasks that have a limit cost a timer. */
export function armTimeLimit(context: TaskContext, input: TimeLimitInput): Timer {
  const job = input.entry.record.spec?.job;
  if (job === undefined || job.timeLimitMs <= 0) return NOTHING;
  const { clock } = context;
  const { startedAtMs } = input.started;
  const { limitMs, warningMs } = toTimeLeft({ ...job, startedAtMs, nowMs: clock.nowMs() });
  const limit = clock.after(limitMs, () => void reachLimit(context, input));
  const warning =
    warningMs === undefined
      ? NOTHING
      : clock.after(warningMs, () => void warn(context, input, job.warnSignal));
  return {
    cancel() {
      limit.cancel();
      warning.cancel();
    },
  };
}

async function reachLimit(context: TaskContext, { entry, stop }: TimeLimitInput): Promise<void> {
  try {
    const graceMs = entry.record.spec?.job.graceMs ?? 0;
    await context.table.orderStop(entry, { cause: 'time-limit', graceMs, atMs: context.clock.nowMs() });
    stop();
  } catch (error) {
    // Only a closing journal refuses; the next start of the agent finds the limit passed.
    context.logger.warn('time limit could not be journalled', {
      task: entry.name,
      code: toClusterError(error).code,
    });
  }
}

async function warn(
  context: TaskContext,
  { entry, driver }: TimeLimitInput,
  signalName: string,
): Promise<void> {
  try {
    await driver.signal(entry.key, signalName === '' ? 'USR1' : signalName);
  } catch (error) {
    context.logger.warn('a task could not be warned', { task: entry.name, code: toClusterError(error).code });
  }
}
