/**
 * Making room for a job that fits nowhere: GPUs are taken from clearly worse jobs that have run for a while, as few as
 * possible and the worst first; others may be asked to move. Nothing is touched unless it makes the room.
 */
import { BAND, type RankedJob } from './rank-jobs.ts';
import type { ServicePacking } from './service-job.ts';
import type { ServiceParameters } from './service-parameters.ts';

/** One decision under way. */
export interface Pass {
  readonly packing: ServicePacking;
  readonly parameters: ServiceParameters;
  /** Jobs that may be evicted or moved, worst first. */
  readonly touchable: RankedJob[];
  /** GPUs of those, in thousandths. */
  touchableGpuMilli: number;
  readonly evicted: Set<string>;
  /** Evicted, and placed elsewhere at once. */
  readonly moved: string[];
  /** Shape -> with so many evictable jobs no room was made for it. Void once something changed places. */
  readonly inVain: Map<number, number>;
}

/** The running jobs that are no elders and are past their minimum run. */
export function touchableOf(
  order: readonly RankedJob[],
  { minRunMs }: Pick<ServiceParameters, 'minRunMs'>,
  nowMs: number,
): RankedJob[] {
  return order
    .filter(({ job: { heldSinceMs }, band }) => {
      return band !== BAND.elder && heldSinceMs !== undefined && nowMs - heldSinceMs >= minRunMs;
    })
    .reverse();
}

/** Evicts or moves others and places the job, or changes nothing and returns false. */
export function makeRoom(ranked: RankedJob, pass: Pass): boolean {
  const { packing, touchable, parameters, inVain } = pass;
  const { shape, gpuMilli } = ranked.job;
  let count = 0;
  let reach = packing.freeGpuMilli();
  while (count < touchable.length && mayEvict(ranked, touchable[count] as RankedJob, parameters.hysteresis)) {
    reach += touchable[count]?.job.gpuMilli ?? 0;
    count += 1;
  }
  if (reach < gpuMilli || (inVain.get(shape) ?? -1) >= count) return false;
  const worse = touchable.slice(0, count);
  // The smallest first: they find another place most easily.
  const better = touchable.slice(count).sort((a, b) => a.job.gpuMilli - b.job.gpuMilli);
  const made =
    (count > 0 && tryWithout(ranked, worse, [], pass)) ||
    (parameters.movesMax > 0 && better.length > 0 && tryWithout(ranked, worse, better, pass));
  if (!made) inVain.set(shape, count);
  return made;
}

/**
 * Releases the worse and then the better ones, one by one until the job fits; then everybody goes back who can, the best
 * first. Of the others the better ones must find another place, or all is undone; the worse ones are evicted.
 */
function tryWithout(
  { job }: RankedJob,
  worse: readonly RankedJob[],
  better: readonly RankedJob[],
  pass: Pass,
): boolean {
  const { packing, parameters } = pass;
  const mark = packing.mark();
  const released: RankedJob[] = [];
  let placed = false;
  for (const other of [...worse, ...better]) {
    packing.release(other.job.id);
    released.push(other);
    placed = packing.freeGpuMilli() >= job.gpuMilli && packing.tryPlace(job.id);
    if (placed) break;
  }
  const gone = placed ? released.reverse().filter((other) => !packing.restore(other.job.id)) : released;
  const mustMove = new Set(better);
  const movers = gone.filter((other) => mustMove.has(other));
  const fine = placed && movers.length <= parameters.movesMax;
  if (!fine || !movers.every((other) => packing.tryPlace(other.job.id))) {
    packing.undo(mark);
    return false;
  }
  noteGone(gone, movers, pass);
  return true;
}

function noteGone(gone: readonly RankedJob[], movers: readonly RankedJob[], pass: Pass): void {
  const left = new Set(gone);
  const stays = pass.touchable.filter((one) => !left.has(one));
  pass.touchable.splice(0, pass.touchable.length, ...stays);
  for (const { job } of gone) {
    pass.evicted.add(job.id);
    pass.touchableGpuMilli -= job.gpuMilli;
  }
  pass.moved.push(...movers.map((mover) => mover.job.id));
  pass.inVain.clear();
}

/**
 * Whether an elder that found no room would find it if all but the elders were gone, which they may be once
 * their minimum runs are over.
 */
export function couldHaveRoom(ranked: RankedJob, order: readonly RankedJob[], pass: Pass): boolean {
  const { packing, evicted } = pass;
  const mark = packing.mark();
  for (const { job, band } of order) {
    if (band !== BAND.elder && job.heldSinceMs !== undefined && !evicted.has(job.id)) packing.release(job.id);
  }
  const fits = packing.tryPlace(ranked.job.id);
  packing.undo(mark);
  return fits;
}

function mayEvict(ranked: RankedJob, other: RankedJob, hysteresis: number): boolean {
  if (ranked.band === BAND.elder) return true;
  if (other.band !== BAND.byScore) return false;
  return ranked.band === BAND.firstSlice || ranked.score >= hysteresis * other.score;
}
