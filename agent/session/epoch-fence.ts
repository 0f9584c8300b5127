/**
 * Which leader this agent obeys: the highest epoch ever seen, on disk before the first act under it. An older
 * leader is told so and never obeyed.
 */
import type { Journal } from '../core/journal-port.ts';

export interface EpochFence {
  readonly maxEpoch: number;
  /**
   * `obey` once the epoch is durable; `fenced` when a newer leader was seen before.
   *
   * @throws ClusterError cancelled JOURNAL_CLOSED
   */
  admit(epoch: number): Promise<'obey' | 'fenced'>;
}

export function createEpochFence(journal: Journal): EpochFence {
  let { maxEpoch } = journal.content.meta;
  return {
    get maxEpoch() {
      return maxEpoch;
    },
    async admit(epoch) {
      if (epoch < maxEpoch) return 'fenced';
      if (epoch > maxEpoch) {
        await journal.commit({ meta: { maxEpoch: epoch } });
        maxEpoch = epoch;
      }
      return 'obey';
    },
  };
}
