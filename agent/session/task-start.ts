/**
 * From an accepted order to a running task: folders, workspace and image side by side, then the start. Safe to
 * repeat from any point, because each step is.
 */
import type { TaskSpec } from '../../proto/domain/task.ts';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import type { Driver, PullProgress, StartedTask } from '../core/driver-port.ts';
import { toTaskPlan } from '../core/task-plan.ts';
import type { TaskContext } from './task-context.ts';
import type { TaskEntry } from './task-table.ts';

export interface StartInput {
  readonly entry: TaskEntry;
  readonly spec: TaskSpec;
  readonly driver: Driver;
  readonly secretValues: ReadonlyMap<string, Uint8Array>;
  /** Fires when the task is stopped before it runs, and when the agent stops. */
  readonly signal: AbortSignal;
  /** From here on the driver may hold something of the task. */
  readonly onAsked: () => void;
}

/**
 * Prepares and starts the task.
 *
 * @throws ClusterError of storage or driver; nothing of the task runs then, unless a driver that was asked did not
 * answer (kind `unavailable` after onAsked)
 */
export async function startTask(context: TaskContext, input: StartInput): Promise<StartedTask> {
  const { storage, table } = context;
  const { entry, spec, driver, secretValues, signal, onAsked } = input;
  const { key } = entry;
  const prepared = storage.foldersOf(key, spec.projectId);
  // Before anything is fetched: a missing secret is known without a byte of work.
  const { plan, ignoredEnvironment } = toTaskPlan({
    record: entry.record,
    spec,
    clusterId: context.clusterId(),
    hostId: context.hostId,
    ...prepared,
    mountView: driver.supports.mountView,
    secretValues,
  });
  await storage.makeFolders(key, spec, describeTask(entry, spec, ignoredEnvironment));
  const onProgress = (progress: PullProgress): void => table.setProgress(entry, progress);
  const { folders } = prepared;
  await Promise.all([
    storage.fetchWorkspace({ spec, folders, secretValues, onProgress, signal }),
    driver.prepare(plan, onProgress, signal),
  ]);
  if (signal.aborted)
    throw new ClusterError('cancelled', 'START_CANCELLED', 'the task was stopped before it began');
  onAsked();
  return driver.start(plan, signal);
}

/** What `/run/nabla/job.json` tells the task about itself; no secrets, no environment values. */
function describeTask(
  entry: TaskEntry,
  spec: TaskSpec,
  ignoredEnvironment: readonly string[],
): Readonly<Record<string, unknown>> {
  return {
    jobId: entry.key.jobId,
    attempt: entry.key.attempt,
    task: entry.key.task,
    name: spec.job.name,
    projectId: spec.projectId,
    project: spec.projectName,
    rank: spec.rank,
    worldSize: spec.worldSize,
    gpuUuids: spec.gpuUuids,
    gpusSimulated: spec.gpusSimulated,
    ports: spec.ports,
    resources: spec.job.resources,
    timeLimitMs: spec.job.timeLimitMs,
    graceMs: spec.job.graceMs,
    ignoredEnvironment,
  };
}
