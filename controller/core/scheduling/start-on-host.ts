/** When one task first fits on one host, by the ends of what holds room there and around the starts that are kept there. */
import type { GangDemand, Packing, Placing } from './packing-port.ts';

interface Ending {
  readonly placing: Placing;
  readonly toMs: number;
}

export interface HostQuestion {
  /** Room now; left as it is found. */
  readonly packing: Packing;
  readonly host: number;
  /** What holds room there now, by end. */
  readonly spans: readonly Ending[];
  /** Starts that are kept there. */
  readonly kept: readonly (Ending & { readonly fromMs: number })[];
  readonly demand: GangDemand;
  readonly durationMs: number;
}

/** The first end after which the task fits for its whole length; Infinity: none. O(ends x kept x spans) where any is kept. */
export function findOnHost(question: HostQuestion): number {
  const { packing, host, spans, kept, demand, durationMs } = question;
  if (kept.length === 0) return findAmong(question);
  const fitsAt = (atMs: number): boolean => {
    const mark = packing.checkpoint();
    for (const { placing, toMs } of spans) if (toMs <= atMs) packing.release(placing);
    for (const { placing, fromMs, toMs } of kept) if (fromMs <= atMs && atMs < toMs) packing.take(placing);
    const isFitting = packing.countOn(demand, host) > 0;
    packing.rollback(mark);
    return isFitting;
  };
  const ends = [...spans, ...kept].map(({ toMs }) => toMs).filter(Number.isFinite);
  for (const startMs of [...new Set(ends)].sort((a, b) => a - b)) {
    const inTheWay = kept.filter(({ fromMs }) => fromMs > startMs && fromMs < startMs + durationMs);
    if (fitsAt(startMs) && inTheWay.every(({ fromMs }) => fitsAt(fromMs))) return startMs;
  }
  return Number.POSITIVE_INFINITY;
}

function findAmong({ packing, host, spans, demand }: HostQuestion): number {
  const mark = packing.checkpoint();
  let startMs = Number.POSITIVE_INFINITY;
  for (const { placing, toMs } of spans) {
    if (!Number.isFinite(toMs)) break;
    packing.release(placing);
    if (packing.countOn(demand, host) === 0) continue;
    startMs = toMs;
    break;
  }
  packing.rollback(mark);
  return startMs;
}
