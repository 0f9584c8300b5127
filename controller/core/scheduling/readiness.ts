/**
 * Whether a waiting job may start at all, room and quota aside: holds, dependencies, times, and caps on how many of a
 * kind run at once. Caps are counted along the pass, so that however much one pass starts, none is passed.
 */
import type { PendingJob, QueueRules, RunningCap, RunningJob } from './pass-jobs.ts';

export type Gate = 'HELD' | 'DEPENDENCY' | 'IMPOSSIBLE' | 'NOT_BEFORE' | 'QUEUE_LIMIT';

/** What keeps it back whatever else starts or ends; undefined: nothing. A queue that is no more bounds nothing. */
export function findGate(job: PendingJob, queue: QueueRules | undefined, nowMs: number): Gate | undefined {
  if (!isSane(job)) return 'IMPOSSIBLE';
  if (job.isHeld) return 'HELD';
  if (job.dependencies !== 'met') return 'DEPENDENCY';
  if (job.notBeforeMs > nowMs) return 'NOT_BEFORE';
  return queue !== undefined && isBeyondQueue(job, queue) ? 'QUEUE_LIMIT' : undefined;
}

/** Refused at submit; looked at again here, because sums over one such job would spoil the plan of all others. */
function isSane(job: PendingJob): boolean {
  const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
  const isWhole = [job.taskCount, job.perHostMax].every((value) => isCount(value) && value > 0);
  const isTimed = [job.timeLimitMs, job.notBeforeMs].every(isCount);
  const isBounded = job.alternatives.every(({ demand }) =>
    [demand.gpuMilli, demand.cpuMilli, demand.memoryBytes].every(isCount),
  );
  return isWhole && isTimed && isBounded && Number.isFinite(job.priority) && job.alternatives.length > 0;
}

/** A queue may have been narrowed after the job was taken, or the job moved. */
function isBeyondQueue(job: PendingJob, { limits }: QueueRules): boolean {
  const { timeLimitMs, gpuMilliPerJob } = limits;
  if (timeLimitMs > 0 && (job.timeLimitMs === 0 || job.timeLimitMs > timeLimitMs)) return true;
  return gpuMilliPerJob > 0 && job.alternatives.every(({ demand }) => demand.gpuMilli > gpuMilliPerJob);
}

/** Counts of what runs, by key of a cap. */
export class CapCounts {
  readonly #counts: Map<string, number>;

  constructor(counts: ReadonlyMap<string, number> = new Map()) {
    this.#counts = new Map(counts);
  }

  fork(): CapCounts {
    return new CapCounts(this.#counts);
  }

  /** Work began to run, or ended. */
  count({ capKeys }: RunningJob, by: 1 | -1): void {
    for (const key of capKeys) this.#add(key, by);
  }

  #add(key: string, by: 1 | -1): void {
    const count = (this.#counts.get(key) ?? 0) + by;
    if (count === 0) this.#counts.delete(key);
    else this.#counts.set(key, count);
  }

  /** The first cap that one more would pass. */
  findFull(caps: readonly RunningCap[]): RunningCap | undefined {
    return caps.find(({ key, most }) => (this.#counts.get(key) ?? 0) >= most);
  }

  /** Counts a job that starts. */
  take(caps: readonly RunningCap[]): void {
    for (const { key } of caps) this.#add(key, 1);
  }
}
