/**
 * Which jobs should hold GPUs now, when nobody knows how long they take: rank all jobs, start what fits in that order, and
 * take GPUs from clearly worse jobs where nothing is free.
 */
import { couldHaveRoom, makeRoom, type Pass, touchableOf } from './evict.ts';
import { BAND, type RankedJob, rankJobs } from './rank-jobs.ts';
import { nextEdgeMs } from './service-bins.ts';
import type { ServiceIndex } from './service-index.ts';
import type { ServiceJob, ServicePacking } from './service-job.ts';
import type { ServiceParameters } from './service-parameters.ts';

export interface HolderInput {
  readonly jobs: readonly ServiceJob[];
  readonly packing: ServicePacking;
  readonly index: ServiceIndex;
  readonly parameters: ServiceParameters;
  readonly nowMs: number;
}

export interface HolderDecision {
  /** In the order in which they were chosen. May name an evicted job: it moves. */
  readonly starts: readonly string[];
  readonly evictions: readonly string[];
  /** All jobs, best first: their positions. Handed in again in this order they are ranked faster. */
  readonly order: readonly string[];
  /** When to decide again if nothing else happens: a running job enters another bin, or may be evicted from then on. */
  readonly reviewAtMs?: number;
}

/**
 * Decides, and carries it out on the packing, which is changed. Same inputs, same decision. O(n log n) for n jobs, O(n) in
 * the order of the last decision, plus O(running) once per shape that outranks running jobs and fits nowhere.
 */
export function decideHolders(input: HolderInput): HolderDecision {
  const { packing, parameters, nowMs } = input;
  const order = rankJobs({ ...input, totalGpuMilli: packing.totalGpuMilli() });
  const touchable = touchableOf(order, parameters, nowMs);
  const touchableGpuMilli = touchable.reduce((sum, { job }) => sum + job.gpuMilli, 0);
  const pass: Pass = {
    packing,
    parameters,
    touchable,
    touchableGpuMilli,
    evicted: new Set(),
    moved: [],
    inVain: new Map(),
  };
  const starts = startInOrder(order, pass);
  const reviewAtMs = reviewAt(order, pass, starts, nowMs);
  return {
    starts,
    evictions: [...pass.evicted],
    order: order.map(({ job }) => job.id),
    ...(Number.isFinite(reviewAtMs) ? { reviewAtMs } : {}),
  };
}

function startInOrder(order: readonly RankedJob[], pass: Pass): readonly string[] {
  const { packing, evicted, moved } = pass;
  const needsBehind = smallestNeedsBehind(order);
  const starts: string[] = [];
  for (const [at, ranked] of order.entries()) {
    const { job } = ranked;
    if (job.heldSinceMs !== undefined && (!evicted.has(job.id) || moved.includes(job.id))) continue;
    const free = packing.freeGpuMilli();
    // Everything behind is larger than what is free and what may be taken together.
    if (free + pass.touchableGpuMilli < (needsBehind[at] as number)) break;
    if ((free >= job.gpuMilli && packing.tryPlace(job.id)) || makeRoom(ranked, pass)) starts.push(job.id);
    // Else an endless stream of fresh jobs, all in their minimum runs, would keep a large one out for ever.
    else if (ranked.band === BAND.elder && couldHaveRoom(ranked, order, pass)) break;
  }
  return [...starts, ...moved];
}

/** For each place in the order the least GPUs that a job there or behind it wants. */
function smallestNeedsBehind(order: readonly RankedJob[]): Float64Array {
  const needs = new Float64Array(order.length);
  let smallest = Number.POSITIVE_INFINITY;
  for (let at = order.length - 1; at >= 0; at -= 1) {
    smallest = Math.min(smallest, order[at]?.job.gpuMilli ?? smallest);
    needs[at] = smallest;
  }
  return needs;
}

function reviewAt(
  order: readonly RankedJob[],
  { parameters, evicted }: Pass,
  starts: readonly string[],
  nowMs: number,
): number {
  const started = new Set(starts);
  let reviewMs = Number.POSITIVE_INFINITY;
  for (const { job } of order) {
    const runs = started.has(job.id) || (job.heldSinceMs !== undefined && !evicted.has(job.id));
    if (!runs) continue;
    const edgeMs = nextEdgeMs(job.attainedMs, parameters);
    const sliceMs =
      job.attainedMs < parameters.firstSliceMs ? parameters.firstSliceMs : Number.POSITIVE_INFINITY;
    reviewMs = Math.min(reviewMs, nowMs + Math.min(edgeMs, sliceMs) - job.attainedMs);
    const evictableMs = (started.has(job.id) ? nowMs : (job.heldSinceMs ?? nowMs)) + parameters.minRunMs;
    if (evictableMs > nowMs) reviewMs = Math.min(reviewMs, evictableMs);
  }
  return reviewMs;
}
