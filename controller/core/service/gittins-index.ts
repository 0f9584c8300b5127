/**
 * The Gittins index of jobs whose length is unknown: at each bin of attained service, the best ratio, over all points at
 * which one could stop, of the chance that the job ends by then to the service spent until then.
 */

/** What a job does that has reached a bin: it ends there at a constant rate (per millisecond) over a width (ms). */
export interface BinHazard {
  readonly ratePerMs: number;
  readonly widthMs: number;
}

interface Block {
  /** Chance of an end inside, expected service inside and chance to get through, for a job at the block's start. */
  endChance: number;
  serviceMs: number;
  passChance: number;
}

/**
 * Index of each bin at its start, per millisecond. A rate of 0 gives 0 unless a later bin is worth the way.
 * O(bins): from the last bin backwards, a bin swallows what follows as long as that is worth more than itself
 * (the maximal prefix; Gittins, Glazebrook and Weber 2011, 2.6).
 */
export function gittinsIndex(bins: readonly BinHazard[]): readonly number[] {
  const index = Array.from({ length: bins.length }, () => 0);
  const later: Block[] = [];
  for (let at = bins.length - 1; at >= 0; at -= 1) {
    const block = toBlock(bins[at] as BinHazard);
    for (let next = later.at(-1); next !== undefined && worthMore(next, block); next = later.at(-1)) {
      block.endChance += block.passChance * next.endChance;
      block.serviceMs += block.passChance * next.serviceMs;
      block.passChance *= next.passChance;
      later.pop();
    }
    index[at] = block.endChance / block.serviceMs;
    later.push(block);
  }
  return index;
}

function toBlock({ ratePerMs, widthMs }: BinHazard): Block {
  const passChance = Math.exp(-ratePerMs * widthMs);
  const endChance = 1 - passChance;
  // Too small a rate leaves nothing of the difference; the limit is the width.
  const serviceMs = endChance > 1e-9 ? endChance / ratePerMs : widthMs;
  return { endChance, serviceMs, passChance };
}

function worthMore(next: Block, block: Block): boolean {
  return next.endChance * block.serviceMs > block.endChance * next.serviceMs;
}
