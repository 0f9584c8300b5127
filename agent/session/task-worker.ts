/**
 * One worker per task, driven by the phase on record: begin, follow, store outputs, archive the log, forget.
 * Wherever an agent died, the next one's worker goes on from the recorded phase and what the driver sees.
 */
import type { Exit } from '../../proto/domain/job.ts';
import { assertNever, ClusterError, toClusterError } from '../../proto/errors/cluster-error.ts';
import type { Timer } from '../../proto/ports/index.ts';
import { chooseDelayMs, RECONNECT_BACKOFF } from '../core/backoff.ts';
import type { Driver, DriverTask, StartedTask } from '../core/driver-port.ts';
import {
  toExitBeforeStart,
  toExitFromError,
  toExitInterrupted,
  toExitVanished,
} from '../core/exit-verdict.ts';
import { isLive } from '../core/task-state.ts';
import { linkAbort } from './linked-abort.ts';
import { pause } from './pause.ts';
import type { TaskContext } from './task-context.ts';
import { createTaskEnding } from './task-ending.ts';
import { type Follower, followTask, throwIfStopping } from './task-follow.ts';
import { findStarted, lookUntilKnown } from './task-sight.ts';
import { startTask } from './task-start.ts';
import type { TaskEntry } from './task-table.ts';

/** Looking, asking for the removal and its answer have 30 s each in the driver of an engine. */
const REMOVE_TIMEOUT_MS = 100_000;

export interface TaskWorkerOptions {
  readonly context: TaskContext;
  readonly entry: TaskEntry;
  /** What the driver listed when the agent started or adopted it; undefined for a task that is new. */
  readonly seen?: DriverTask;
  /** The driver that listed it; decides when the record has no spec. */
  readonly seenBy?: Driver;
  /** The record is of a former life of the agent: its driver must be asked before anything is begun. */
  readonly restored: boolean;
  /** Secret values of the newest order; undefined until one came in this life of the agent. */
  readonly secretValues: () => ReadonlyMap<string, Uint8Array> | undefined;
  /** A bug: told once, the worker has ended. */
  readonly onFailure: (error: ClusterError) => void;
  /** The task and all that belonged to it is gone. */
  readonly onForgotten: () => void;
}

export interface TaskWorker {
  /** Goes on if it has ended short of its goal, e.g. for want of an order. Idempotent. */
  pursue(): void;
  /** Carries out the stop order in the record, whatever the phase. Idempotent. */
  stop(): void;
  /** Forgets the task once it has ended and its outputs are settled. Idempotent. */
  forgetWhenDone(): void;
  /** Resolves when nothing of the worker runs any more. */
  settled(): Promise<void>;
}

export function createTaskWorker(options: TaskWorkerOptions): TaskWorker {
  const { context, entry } = options;
  const { table } = context;
  const preparation = linkAbort(context.signal);
  const ending = createTaskEnding({ context, entry, restored: options.restored, driver: driverOf });
  let seen = options.seen;
  let follower: Follower | undefined;
  let running: Promise<void> | undefined;
  let pursuedAgain = false;
  /** The driver was asked to start it in this life of the agent: it may hold something of the task. */
  let asked = false;
  /** Why a start failed that is not settled: it ends the task once the driver holds nothing of it. */
  let unsettled: unknown;
  let forgetting = false;
  let forgotten = false;
  /** The log is stored, empty, or will never be taken. */
  let logSettled = false;

  /** Advances by one phase; false when it must wait for somebody else. */
  async function advanceOnce(): Promise<boolean> {
    const { state } = entry.record;
    const driver = driverOf();
    if (unsettled !== undefined && driver !== undefined) return settleStart(driver, unsettled);
    switch (state.phase) {
      case 'accepted':
      case 'preparing':
        return begin();
      case 'running':
      case 'unknown':
        await follow(state.started);
        return true;
      case 'finalizing':
        await ending.storeOutputs();
        return true;
      case 'exited':
        return wrapUp();
      default:
        return assertNever(state);
    }
  }

  async function begin(): Promise<boolean> {
    const driver = driverOf();
    if ((options.restored || asked) && driver !== undefined)
      seen ??= await lookUntilKnown(context, entry, driver);
    if (seen !== undefined && seen.state !== 'absent') return adopt(driver, seen);
    const { stop, spec } = entry.record;
    if (stop !== undefined) return end(toExitBeforeStart(stop, context.clock.nowMs()));
    const secretValues = options.secretValues();
    // It may have begun before the machine went down, and a start happens at most once.
    if (options.restored && entry.record.bootId !== context.bootId)
      return end(toExitInterrupted(context.clock.nowMs()));
    // After a restart only a new order may start it, and only that order carries its secrets.
    if (secretValues === undefined || spec === undefined) return false;
    if (driver === undefined) return end(exitWithoutDriver(context.clock.nowMs()));
    table.beginPreparation(entry);
    const { signal } = preparation;
    const onAsked = (): void => {
      asked = true;
      seen = undefined;
    };
    try {
      const started = await startTask(context, { entry, spec, driver, secretValues, signal, onAsked });
      await table.advance(entry, [{ type: 'started', started }], { durable: false });
      return true;
    } catch (error) {
      throwIfStopping(context.signal);
      return asked ? settleStart(driver, error) : end(exitOfFailedStart(error));
    }
  }

  /**
   * A start without an answer may have taken effect: it has failed only when the driver says that it holds nothing. What
   * was made and not begun is removed first, for as long as that takes, and never begun by a second start.
   */
  async function settleStart(driver: Driver, error: unknown): Promise<boolean> {
    const { kind } = toClusterError(error);
    if (kind !== 'unavailable' && kind !== 'deadline') return end(exitOfFailedStart(error));
    unsettled = error;
    const found = await lookUntilKnown(context, entry, driver);
    if (found.state === 'created') await removeLeft(driver);
    else context.conditions.clear('TASK_UNREMOVABLE', entry.name);
    unsettled = undefined;
    if (found.state === 'running' || found.state === 'exited') return adopt(driver, found);
    return end(exitOfFailedStart(error));
  }

  /** @throws ClusterError of the driver */
  async function removeLeft(driver: Driver): Promise<void> {
    try {
      await withDeadline(context.clock, REMOVE_TIMEOUT_MS, driver.remove(entry.key));
      context.conditions.clear('TASK_UNREMOVABLE', entry.name);
    } catch (error) {
      const { code } = toClusterError(error);
      const message = `what a failed start left cannot be removed (${code})`;
      context.conditions.raise('TASK_UNREMOVABLE', message, entry.name);
      throw error;
    }
  }

  function exitOfFailedStart(error: unknown): Exit {
    const nowMs = context.clock.nowMs();
    const { stop } = entry.record;
    if (preparation.signal.aborted && stop !== undefined) return toExitBeforeStart(stop, nowMs);
    const told = toClusterError(error);
    const failed = { task: entry.name, code: told.code, cause: String(told.cause ?? '') };
    context.logger.warn('a task could not be started', failed);
    return toExitFromError(told, nowMs);
  }

  /** The driver already holds it: a former life of this agent started it. */
  async function adopt(driver: Driver | undefined, found: DriverTask): Promise<boolean> {
    seen = undefined;
    switch (found.state) {
      case 'running':
      case 'exited':
        await table.advance(entry, [{ type: 'started', started: found.started }], { durable: false });
        return true;
      case 'unknown':
        await table.advance(entry, [{ type: 'sight-lost', reason: found.reason }], { durable: false });
        return true;
      case 'created':
        // Made but never begun: what is left of it goes, then the start is tried as if new.
        if (driver !== undefined) await removeLeft(driver);
        seen = { state: 'absent' };
        return true;
      case 'absent':
        return true;
      default:
        return assertNever(found);
    }
  }

  async function follow(started: StartedTask | undefined): Promise<void> {
    const driver = driverOf();
    const known = started ?? (await findStarted(context, entry, driver));
    if (driver === undefined || known === undefined) {
      await end(toExitVanished(context.clock.nowMs()));
      return;
    }
    const log = await ending.openLog();
    follower = followTask(context, {
      entry,
      driver,
      log,
      started: known,
      onBug: (error) => options.onFailure(toClusterError(error)),
    });
    try {
      const exit = await follower.ended;
      await end(exit);
    } finally {
      follower = undefined;
    }
  }

  /** Records the end. With nothing to upload the exit is told at once, in one synced write. */
  async function end(exit: Exit): Promise<true> {
    preparation.release();
    await (await ending.openLog()).finish();
    await table.advance(entry, [{ type: 'ended', exit }, ...(await ending.immediateFacts())], {
      durable: true,
    });
    return true;
  }

  /** After the exit: bring the log to safety, then forget if nobody needs the record any more. */
  async function wrapUp(): Promise<boolean> {
    const { state } = entry.record;
    if (state.phase === 'exited' && !state.logArchived && !logSettled) await ending.archiveLog();
    logSettled = true;
    if (forgetting && !forgotten) {
      await ending.forget();
      forgotten = true;
      options.onForgotten();
    }
    return false;
  }

  function driverOf(): Driver | undefined {
    const { spec } = entry.record;
    return spec === undefined ? options.seenBy : context.driverOf(spec.driver);
  }

  async function runPhases(): Promise<void> {
    do {
      pursuedAgain = false;
      while (await advanceOnce()) throwIfStopping(context.signal);
    } while (pursuedAgain && !context.signal.aborted);
  }

  /** What may pass is tried again from the recorded phase; a bug or damage ends the process. */
  async function run(): Promise<void> {
    for (let failures = 1; !context.signal.aborted; failures += 1) {
      try {
        await runPhases();
        break;
      } catch (error) {
        const told = toClusterError(error);
        if (context.signal.aborted || told.kind === 'cancelled') break;
        if (told.kind === 'bug') {
          options.onFailure(told);
          break;
        }
        const { code } = told;
        const { phase } = entry.record.state;
        context.logger.warn('work on a task failed and is tried again', { task: entry.name, phase, code });
        await pause(context.clock, chooseDelayMs(failures, RECONNECT_BACKOFF, context.rng), context.signal);
      }
    }
    running = undefined;
  }

  function pursue(): void {
    if (context.signal.aborted) return;
    if (running === undefined) running = run();
    else pursuedAgain = true;
  }

  return {
    pursue,
    stop() {
      if (!isLive(entry.record.state)) return;
      preparation.abort();
      follower?.stop();
      pursue();
    },
    forgetWhenDone() {
      forgetting = true;
      pursue();
    },
    settled: () => running ?? Promise.resolve(),
  };
}

/** The work goes on when its time is up; only the wait for it ends. @throws ClusterError DRIVER_TIMEOUT */
async function withDeadline(
  clock: TaskContext['clock'],
  timeoutMs: number,
  work: Promise<void>,
): Promise<void> {
  let timer: Timer | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = clock.after(timeoutMs, () => reject(removalLate()));
  });
  try {
    await Promise.race([work, late]);
  } finally {
    timer?.cancel();
  }
}

function removalLate(): ClusterError {
  return new ClusterError('deadline', 'DRIVER_TIMEOUT', 'the driver did not remove a task in time', {
    hint: 'look at the container engine of that host',
  });
}

function exitWithoutDriver(nowMs: number): Exit {
  const error = new ClusterError(
    'precondition',
    'DRIVER_UNAVAILABLE',
    'this host has no driver of the kind that the job needs',
    { hint: 'start the container engine of the host, or give the job no image' },
  );
  return toExitFromError(error, nowMs);
}
