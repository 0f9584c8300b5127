/**
 * A rough estimate for jobs too far back for room to be kept: GPUs as one pool, filled in the order of the queue as what
 * runs ends. It ignores fragments and backfill, and is told as what it is.
 */
interface RunningEnd {
  readonly endMs: number;
  readonly job: { readonly demand: { readonly gpuMilli: number } };
}

export interface WorkAheadInput {
  readonly nowMs: number;
  readonly capacityGpuMilli: number;
  readonly freeGpuMilli: number;
  /** What runs, by end; one that has passed means at any moment. */
  readonly ends: readonly RunningEnd[];
  /** How long a job without a time limit is taken to run. */
  readonly runtimeEstimateMs: number;
}

export class WorkAhead {
  readonly #input: WorkAheadInput;
  #next = 0;
  #free: number;
  #wanted = 0;
  #atMs: number;
  /** Thousandths times milliseconds of what runs and of all asked about. */
  #work = 0;

  constructor(input: WorkAheadInput) {
    this.#input = input;
    this.#free = input.freeGpuMilli;
    this.#atMs = input.nowMs;
    for (const { endMs, job } of input.ends) {
      this.#work += job.demand.gpuMilli * Math.max(1, endMs - input.nowMs);
    }
  }

  /** Call in the order of the queue, once a job; undefined: nothing can be said. O(1) on average. */
  estimate(gpuMilli: number, timeLimitMs: number): number | undefined {
    const { nowMs, capacityGpuMilli, ends, runtimeEstimateMs } = this.#input;
    if (gpuMilli === 0 || gpuMilli > capacityGpuMilli) return undefined;
    this.#wanted += gpuMilli;
    while (this.#free < this.#wanted && this.#next < ends.length) {
      const { endMs, job } = ends[this.#next] as RunningEnd;
      this.#next += 1;
      this.#free += job.demand.gpuMilli;
      this.#atMs = Math.max(this.#atMs, endMs, nowMs + 1);
    }
    const drainedMs = nowMs + Math.ceil(this.#work / capacityGpuMilli);
    this.#work += gpuMilli * (timeLimitMs > 0 ? timeLimitMs : runtimeEstimateMs);
    return this.#free >= this.#wanted ? this.#atMs : Math.max(this.#atMs, drainedMs);
  }
}
