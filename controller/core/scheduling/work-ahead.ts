/**
 * A rough estimate for jobs too far back for room to be kept: GPUs as one pool, filled in the order of the queue as what
 * runs ends. It ignores fragments and backfill, and is told as what it is.
 */
export interface WorkAheadInput {
  readonly nowMs: number;
  readonly capacityGpuMilli: number;
  readonly freeGpuMilli: number;
  /** What runs. */
  readonly ends: readonly { readonly endMs: number; readonly gpuMilli: number }[];
  /** How long a job without a time limit is taken to run. */
  readonly runtimeEstimateMs: number;
}

export class WorkAhead {
  readonly #input: WorkAheadInput;
  readonly #ends: readonly { readonly endMs: number; readonly gpuMilli: number }[];
  #next = 0;
  #free: number;
  #wanted = 0;
  #atMs: number;
  /** Thousandths times milliseconds of what runs and of all asked about. */
  #work: number;

  constructor(input: WorkAheadInput) {
    this.#input = input;
    this.#ends = [...input.ends].sort((a, b) => a.endMs - b.endMs);
    this.#free = input.freeGpuMilli;
    this.#atMs = input.nowMs;
    this.#work = input.ends.reduce((sum, one) => sum + one.gpuMilli * (one.endMs - input.nowMs), 0);
  }

  /** Call in the order of the queue, once a job; undefined: nothing can be said. O(1) on average. */
  estimate(gpuMilli: number, timeLimitMs: number): number | undefined {
    const { nowMs, capacityGpuMilli, runtimeEstimateMs } = this.#input;
    if (gpuMilli === 0 || gpuMilli > capacityGpuMilli) return undefined;
    this.#wanted += gpuMilli;
    while (this.#free < this.#wanted && this.#next < this.#ends.length) {
      const end = this.#ends[this.#next] as { endMs: number; gpuMilli: number };
      this.#next += 1;
      this.#free += end.gpuMilli;
      this.#atMs = Math.max(this.#atMs, end.endMs);
    }
    const drainedMs = nowMs + Math.ceil(this.#work / capacityGpuMilli);
    this.#work += gpuMilli * (timeLimitMs > 0 ? timeLimitMs : runtimeEstimateMs);
    return this.#free >= this.#wanted ? this.#atMs : Math.max(this.#atMs, drainedMs);
  }
}
