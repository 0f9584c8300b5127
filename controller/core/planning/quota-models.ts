/**
 * Quota of single GPU models: which node's resource a card counts under, and the models that a waiting job may be given
 * where the tree tells them apart.
 */
import type { ResourceRequest } from '../../../proto/domain/job.ts';
import { matchesGpuModel } from '../placement/gpu-model.ts';
import type { QuotaTree } from '../quota/quota-tree.ts';

const PREFIX = 'gpu:';

export class QuotaModels {
  /** Models as the tree names them. */
  readonly #named: readonly string[];
  /** Models of the cluster's cards. */
  readonly #present: readonly string[];

  constructor(tree: QuotaTree, present: Iterable<string>) {
    this.#named = tree.resources.flatMap((one) => (one.startsWith(PREFIX) ? [one.slice(PREFIX.length)] : []));
    this.#present = this.#named.length === 0 ? [] : [...new Set(present)].sort();
  }

  /** The tree tells no models apart. */
  get isBlind(): boolean {
    return this.#named.length === 0;
  }

  /** As the tree names it; empty: by no name. */
  nameOf(model: string): string {
    return this.#named.find((name) => matchesGpuModel(model, [name])) ?? '';
  }

  /** Models one by one where they count differently; otherwise one empty text: any that the job takes. */
  choicesFor({ gpuMilli, gpuModels }: ResourceRequest): readonly string[] {
    if (gpuMilli === 0 || this.isBlind) return [''];
    const fitting = this.#present.filter((model) => matchesGpuModel(model, gpuModels));
    return fitting.length === 0 ? [''] : fitting;
  }
}
