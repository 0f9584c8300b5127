/**
 * Looking for a task in its driver until the driver can say. An engine that does not answer is not an end, so the look
 * is repeated, at growing distances, for as long as the agent runs.
 */
import { toClusterError } from '../../proto/errors/cluster-error.ts';
import { chooseDelayMs, RECONNECT_BACKOFF } from '../core/backoff.ts';
import type { Driver, DriverTask, StartedTask } from '../core/driver-port.ts';
import { pause } from './pause.ts';
import type { TaskContext } from './task-context.ts';
import { throwIfStopping } from './task-follow.ts';
import type { TaskEntry } from './task-table.ts';

/** Records `unknown` while the driver cannot say. @throws ClusterError of kind cancelled when the agent stops */
export async function lookUntilKnown(
  context: TaskContext,
  entry: TaskEntry,
  driver: Driver,
): Promise<Exclude<DriverTask, { state: 'unknown' }>> {
  for (let failures = 1; ; failures += 1) {
    throwIfStopping(context.signal);
    const found = await driver
      .inspect(entry.key)
      .catch((error: unknown) => ({ state: 'unknown', reason: toClusterError(error).message }) as const);
    if (found.state !== 'unknown') return found;
    await context.table.advance(entry, [{ type: 'sight-lost', reason: found.reason }], { durable: false });
    await pause(context.clock, chooseDelayMs(failures, RECONNECT_BACKOFF, context.rng), context.signal);
  }
}

/**
 * A task in sight again after its driver could not say: what the driver knows of its start, if it holds it. One that was
 * made and never begun is removed first, so that nothing can begin it once it counts as gone.
 *
 * @throws ClusterError of the driver when that removal fails
 */
export async function findStarted(
  context: TaskContext,
  entry: TaskEntry,
  driver: Driver | undefined,
): Promise<StartedTask | undefined> {
  if (driver === undefined) return undefined;
  const found = await lookUntilKnown(context, entry, driver);
  if (found.state === 'created') await driver.remove(entry.key);
  return found.state === 'running' || found.state === 'exited' ? found.started : undefined;
}
