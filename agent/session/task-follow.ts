/**
 * Staying with a task that the driver holds until it is proven to have ended: its output goes to the log, its
 * time limit is kept, stop orders are carried out. A driver that cannot say is asked again, never overruled.
 */
import { TASK_UNKILLABLE } from '../../proto/domain/catalog.ts';
import type { Exit } from '../../proto/domain/job.ts';
import { ClusterError, toClusterError } from '../../proto/errors/cluster-error.ts';
import { chooseDelayMs, RECONNECT_BACKOFF } from '../core/backoff.ts';
import type { Driver, DriverExit, StartedTask } from '../core/driver-port.ts';
import { toExit, toExitAcrossBoot, toExitVanished } from '../core/exit-verdict.ts';
import type { TaskLog } from '../core/log-port.ts';
import { watchKill } from './kill-watch.ts';
import { linkAbort } from './linked-abort.ts';
import { pumpOutput } from './output-pump.ts';
import { pause } from './pause.ts';
import type { TaskContext } from './task-context.ts';
import type { TaskEntry } from './task-table.ts';
import { armTimeLimit } from './time-limit.ts';

export interface Follower {
  /**
   * Resolves with the task's end.
   *
   * @throws ClusterError cancelled AGENT_STOPPING when the agent stops; the task goes on
   */
  readonly ended: Promise<Exit>;
  /** Carries out the stop order that stands in the record. Idempotent until that changes. */
  stop(): void;
}

export interface FollowInput {
  readonly entry: TaskEntry;
  readonly driver: Driver;
  readonly log: TaskLog;
  readonly started: StartedTask;
  readonly onBug: (error: unknown) => void;
}

export function followTask(context: TaskContext, input: FollowInput): Follower {
  const { entry, driver } = input;
  const { key } = entry;
  const over = linkAbort(context.signal);
  let killAtMs = Number.POSITIVE_INFINITY;

  /** A later order that kills sooner is carried out beside the first. */
  function stop(): void {
    const order = entry.record.stop;
    if (order === undefined || order.atMs + order.graceMs >= killAtMs) return;
    killAtMs = order.atMs + order.graceMs;
    carryOutStop(context, input, over.signal).catch(input.onBug);
  }

  async function follow(): Promise<Exit> {
    const limit = armTimeLimit(context, { entry, driver, started: input.started, stop });
    const pumped = pumpOutput({
      driver,
      key,
      log: input.log,
      clock: context.clock,
      logger: context.logger,
      signal: context.signal,
      onTrouble: (code) => tellLogTrouble(context, entry, code),
    });
    try {
      const exit = await waitForEnd(context, input);
      over.abort();
      context.conditions.clear(TASK_UNKILLABLE, entry.name);
      const whole = await pumped;
      if (!whole && !context.signal.aborted) {
        context.logger.error('output of a task is incomplete', { task: entry.name });
      }
      if (exit === undefined) return toExitVanished(context.clock.nowMs());
      const { bootId = '', stop: order } = entry.record;
      // Records of early versions do not say in which boot they were made.
      const isOfThisBoot = bootId === '' || bootId === context.bootId;
      return toExit(isOfThisBoot ? exit : toExitAcrossBoot(exit), order);
    } finally {
      limit.cancel();
      over.abort();
    }
  }

  stop();
  return { ended: follow(), stop };
}

function tellLogTrouble(context: TaskContext, entry: TaskEntry, code: string | undefined): void {
  if (code === undefined) context.conditions.clear('LOG_NOT_STORED', entry.name);
  else context.conditions.raise('LOG_NOT_STORED', `output of a task cannot be stored (${code})`, entry.name);
}

/** The driver's word that it ended; undefined when it knows the task no more. */
async function waitForEnd(context: TaskContext, input: FollowInput): Promise<DriverExit | undefined> {
  const { entry, driver } = input;
  for (let failures = 0; ; ) {
    throwIfStopping(context.signal);
    try {
      return await driver.wait(entry.key, context.signal);
    } catch (error) {
      throwIfStopping(context.signal);
      failures += 1;
      const { code } = toClusterError(error);
      context.logger.warn('driver cannot follow a task and is asked again', { task: entry.name, code });
    }
    const seen = await lookAgain(context, input);
    if (seen === 'absent') return undefined;
    if (seen !== 'present') return seen;
    await pause(context.clock, chooseDelayMs(failures, RECONNECT_BACKOFF, context.rng), context.signal);
  }
}

/** What inspection says after a failed wait, told in the table when it changes the picture. */
async function lookAgain(
  context: TaskContext,
  { entry, driver }: FollowInput,
): Promise<'present' | 'absent' | DriverExit> {
  const { table } = context;
  const seen = await driver
    .inspect(entry.key)
    .catch((error: unknown) => ({ state: 'unknown', reason: toClusterError(error).message }) as const);
  switch (seen.state) {
    case 'absent':
      return 'absent';
    case 'exited':
      return seen.exit;
    case 'unknown':
      await table.advance(entry, [{ type: 'sight-lost', reason: seen.reason }], { durable: false });
      return 'present';
    case 'running':
      await table.advance(entry, [{ type: 'started', started: seen.started }], { durable: false });
      return 'present';
    case 'created':
      return 'present';
  }
}

/** Stops until it is proven stopped; a task that does not die keeps its GPUs and is told as a condition. */
async function carryOutStop(
  context: TaskContext,
  { entry, driver }: FollowInput,
  signal: AbortSignal,
): Promise<void> {
  const { stop, spec } = entry.record;
  if (stop === undefined) return;
  // What is left of the grace: the agent may have been away, and wall time may have been set meanwhile.
  const leftMs = stop.atMs + stop.graceMs - context.clock.nowMs();
  const graceMs = Math.min(stop.graceMs, Math.max(0, leftMs));
  if (stop.cause === 'preempted' && spec !== undefined) {
    const { folders } = context.storage.foldersOf(entry.key, spec.projectId);
    // A task that cannot be told in advance is still told by the signal.
    await context.storage.writePreemptFile(folders, context.clock.nowMs() + graceMs).catch(() => undefined);
  }
  // It ended meanwhile: nobody would call the watch off.
  if (signal.aborted) return;
  const watch = watchKill({
    clock: context.clock,
    conditions: context.conditions,
    name: entry.name,
    graceMs,
  });
  signal.addEventListener('abort', () => watch.cancel(), { once: true });
  for (let failures = 1; !signal.aborted; failures += 1) {
    try {
      await driver.stop(entry.key, graceMs);
      watch.cancel();
      context.conditions.clear(TASK_UNKILLABLE, entry.name);
      return;
    } catch (error) {
      if (signal.aborted) return;
      const { code } = toClusterError(error);
      context.logger.error('a task cannot be stopped and is tried again', { task: entry.name, code });
      context.conditions.raise(TASK_UNKILLABLE, `a task cannot be stopped (${code})`, entry.name);
      await pause(context.clock, chooseDelayMs(failures, RECONNECT_BACKOFF, context.rng), signal);
    }
  }
}

export function throwIfStopping(signal: AbortSignal): void {
  if (!signal.aborted) return;
  throw new ClusterError('cancelled', 'AGENT_STOPPING', 'the agent is stopping', {
    hint: 'the task goes on and is adopted when the agent starts again',
  });
}
