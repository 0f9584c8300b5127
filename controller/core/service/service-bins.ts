/**
 * Bins of attained service: the first has a fixed width, every further one reaches to twice the service, the last has no
 * end. Service means time with GPUs, whatever their number.
 */
import type { ServiceParameters } from './service-parameters.ts';

export type BinShape = Pick<ServiceParameters, 'firstBinMs' | 'binCount'>;

/** The bin that a job with this much service is in, from 0. Exactly on an edge counts as the bin that begins there. */
export function binOf(attainedMs: number, { firstBinMs, binCount }: BinShape): number {
  let bin = 0;
  for (let endMs = firstBinMs; attainedMs >= endMs && bin < binCount - 1; endMs *= 2) bin += 1;
  return bin;
}

export function binStartMs(bin: number, { firstBinMs }: BinShape): number {
  return bin === 0 ? 0 : firstBinMs * 2 ** (bin - 1);
}

/** Milliseconds. The last bin, which has no end, counts as wide as if it had one. */
export function binWidthMs(bin: number, { firstBinMs }: BinShape): number {
  return bin === 0 ? firstBinMs : firstBinMs * 2 ** (bin - 1);
}

/** Service at which the next bin begins; infinite in the last. */
export function nextEdgeMs(attainedMs: number, shape: BinShape): number {
  const bin = binOf(attainedMs, shape);
  return bin === shape.binCount - 1 ? Number.POSITIVE_INFINITY : binStartMs(bin + 1, shape);
}
