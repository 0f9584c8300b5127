/**
 * Who holds how much of what: the use of every node of the quota tree, kept up to date in O(depth), and the questions
 * that a pass asks of it. One ledger is one thought: a pass keeps a second one for what will be once evicted work is gone.
 */
import { invariant } from '../../../proto/errors/cluster-error.ts';
import { findMeetingNode, type QuotaTree } from './quota-tree.ts';

/** What one job holds or asks for, over all its tasks. */
export interface QuotaDemand {
  readonly gpuMilli: number;
  /** Model of the GPUs that it holds or would get; empty: not known, and then counted under `gpu` alone. */
  readonly gpuModel: string;
  readonly cpuMilli: number;
  readonly memoryBytes: number;
}

/** Amounts above 0, by resource of the tree. */
export type Claim = readonly { readonly resource: number; readonly amount: number }[];

/** Which bound a claim would pass. */
export interface QuotaBlock {
  readonly node: number;
  readonly resource: number;
  readonly missing: number;
}

/** Resources that the tree does not name are left out: they are neither counted nor bounded. */
export function toClaim(tree: QuotaTree, demand: QuotaDemand): Claim {
  return tree.resources.flatMap((resource, at) => {
    const amount = amountOf(resource, demand);
    return amount > 0 ? [{ resource: at, amount }] : [];
  });
}

function amountOf(resource: string, demand: QuotaDemand): number {
  if (resource === 'gpu') return demand.gpuMilli;
  if (resource === 'cpu') return demand.cpuMilli;
  if (resource === 'memory') return demand.memoryBytes;
  return resource === `gpu:${demand.gpuModel}` ? demand.gpuMilli : 0;
}

export class QuotaLedger {
  readonly tree: QuotaTree;
  /** As `tree.guaranteed`. 0 <= used. */
  readonly #used: Float64Array;

  constructor(tree: QuotaTree, used?: Float64Array) {
    this.tree = tree;
    this.#used = used ?? new Float64Array(tree.guaranteed.length);
  }

  fork(): QuotaLedger {
    return new QuotaLedger(this.tree, this.#used.slice());
  }

  used(node: number, resource: number): number {
    return this.#used[node * this.tree.resources.length + resource] as number;
  }

  /** Books a claim on a node and all above it, whether a bound is passed or not: what runs, runs. O(depth). */
  take(node: number, claim: Claim): void {
    this.#add(node, claim, 1);
  }

  /** @throws ClusterError kind `bug` when more is given back than was taken */
  give(node: number, claim: Claim): void {
    this.#add(node, claim, -1);
  }

  #add(node: number, claim: Claim, sign: 1 | -1): void {
    const width = this.tree.resources.length;
    for (let at = node; at >= 0; at = this.tree.parents[at] as number) {
      for (const { resource, amount } of claim) {
        const cell = at * width + resource;
        const next = (this.#used[cell] as number) + sign * amount;
        invariant(next >= 0, 'QUOTA_GIVEN_TWICE', { node: this.tree.names[at] ?? '' });
        this.#used[cell] = next;
      }
    }
  }

  /** The lowest bound that the claim would pass; undefined: none. O(depth). */
  findBlock(node: number, claim: Claim): QuotaBlock | undefined {
    const { limits, parents, resources } = this.tree;
    for (let at = node; at >= 0; at = parents[at] as number) {
      for (const { resource, amount } of claim) {
        const cell = at * resources.length + resource;
        const missing = (this.#used[cell] as number) + amount - (limits[cell] as number);
        if (missing > 0) return { node: at, resource, missing };
      }
    }
    return undefined;
  }

  /**
   * Whether with the claim the node stays within what it is guaranteed of every resource that anybody is guaranteed;
   * false when nobody is guaranteed any of it.
   */
  isEntitled(node: number, claim: Claim): boolean {
    const { guaranteed, isGuaranteed, resources } = this.tree;
    let isAny = false;
    for (const { resource, amount } of claim) {
      if (isGuaranteed[resource] !== true) continue;
      isAny = true;
      const cell = node * resources.length + resource;
      if ((this.#used[cell] as number) + amount > (guaranteed[cell] as number)) return false;
    }
    return isAny;
  }

  /**
   * Whether `holder` has lent resources that `asker` could claim back: every node from `holder` up to, not including,
   * the one where the two meet holds more than its guarantee of something that decides. True of everybody but the asker
   * where nobody is guaranteed anything. O(depth).
   */
  isBorrowing(holder: number, asker: number, claim: Claim): boolean {
    const deciding = decidingResources(this.tree, claim);
    if (deciding.length === 0) return holder !== asker;
    const meeting = findMeetingNode(this.tree, holder, asker);
    if (meeting === holder) return false;
    for (let at = holder; at !== meeting; at = this.tree.parents[at] as number) {
      if (!deciding.some((resource) => this.#isOver(at, resource))) return false;
    }
    return true;
  }

  #isOver(node: number, resource: number): boolean {
    const cell = node * this.tree.resources.length + resource;
    return (this.#used[cell] as number) > (this.tree.guaranteed[cell] as number);
  }

  /** Nodes that hold more than their limit, as after a limit was lowered or a project moved; in order of the tree. */
  listOverLimit(): readonly QuotaBlock[] {
    const { limits, names, resources } = this.tree;
    return names.flatMap((_, node) =>
      resources.flatMap((_, resource) => {
        const missing = this.used(node, resource) - (limits[node * resources.length + resource] as number);
        return missing > 0 ? [{ node, resource, missing }] : [];
      }),
    );
  }
}

/** GPUs decide where GPUs are asked for: to take them from a project for its surplus of CPUs would hit the wrong one. */
function decidingResources(tree: QuotaTree, claim: Claim): readonly number[] {
  const guaranteed = claim.map((part) => part.resource).filter((at) => tree.isGuaranteed[at] === true);
  const gpus = guaranteed.filter((at) => tree.resources[at]?.startsWith('gpu') === true);
  return gpus.length > 0 ? gpus : guaranteed;
}
