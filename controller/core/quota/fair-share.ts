/**
 * Decayed use and the fair share drawn from it. The order among siblings is by use over weight, as in Slurm's fair tree:
 * the level nearest the root decides first, so that a project cannot suffer for what another group did. Unlike Slurm's
 * it is a number and not a rank, because it is added to priority and aging, and it changes within a pass with every
 * placement, so that one pass does not hand all free room to whoever was behind at its start.
 */
import type { QuotaTree } from './quota-tree.ts';

/** Thousandths of GPUs times milliseconds, each counted half after every half-life before `atMs`. */
export interface DecayedUse {
  readonly gpuMilliMs: number;
  readonly atMs: number;
}

export const NO_USE: DecayedUse = { gpuMilliMs: 0, atMs: 0 };

/** The same use seen from a later moment; a moment that is not later changes nothing. */
export function decayUse(use: DecayedUse, atMs: number, halfLifeMs: number): DecayedUse {
  if (atMs <= use.atMs) return use;
  return { gpuMilliMs: use.gpuMilliMs * 2 ** (-(atMs - use.atMs) / halfLifeMs), atMs };
}

/**
 * Use with `gpuMilli` held from `use.atMs` until `atMs` added: the exact integral, so that it does not matter how often
 * it is called in between.
 */
export function addUse(use: DecayedUse, gpuMilli: number, atMs: number, halfLifeMs: number): DecayedUse {
  const elapsedMs = Math.max(0, atMs - use.atMs);
  const kept = 2 ** (-elapsedMs / halfLifeMs);
  const gained = ((gpuMilli * halfLifeMs) / Math.LN2) * (1 - kept);
  return { gpuMilliMs: use.gpuMilliMs * kept + gained, atMs: Math.max(use.atMs, atMs) };
}

/** Weight of a level against all below it together: high, so that lower levels decide only among near equals. */
const LEVEL_RATIO = 15;
/** How far ahead use is projected, in half-lives: past and present then count in a ratio of about 7 to 3. */
const PROJECTION_HALF_LIVES = 0.5;

export interface FairShareInput {
  readonly tree: QuotaTree;
  /** By node of a project. */
  readonly useOf: ReadonlyMap<number, DecayedUse>;
  readonly nowMs: number;
  readonly halfLifeMs: number;
  /** Thousandths of GPUs in the cluster. */
  readonly capacityGpuMilli: number;
  /** Nodes of projects with waiting or running work: the others' weights do not count. */
  readonly active: Iterable<number>;
  /** Thousandths held by node, those above included; absent: nothing is. */
  readonly held?: Float64Array;
}

export class FairShare {
  readonly #tree: QuotaTree;
  /** Mean thousandths held, of the past and of the present, per node. */
  readonly #past: Float64Array;
  readonly #held: Float64Array;
  /** Thousandths that are a node's fair part of the cluster. */
  readonly #fair: Float64Array;

  constructor(input: FairShareInput) {
    const { tree, halfLifeMs } = input;
    this.#tree = tree;
    this.#past = new Float64Array(tree.names.length);
    this.#held = input.held?.slice() ?? new Float64Array(tree.names.length);
    for (const [node, use] of input.useOf) {
      const mean = (decayUse(use, input.nowMs, halfLifeMs).gpuMilliMs * Math.LN2) / halfLifeMs;
      for (let at = node; at >= 0; at = tree.parents[at] as number) this.#past[at]! += mean;
    }
    this.#fair = divide(tree, input.active, Math.max(1, input.capacityGpuMilli));
  }

  /** Counts thousandths as held from now on; negative: given back. O(depth). */
  hold(node: number, gpuMilli: number): void {
    for (let at = node; at >= 0; at = this.#tree.parents[at] as number) this.#held[at]! += gpuMilli;
  }

  /**
   * From 1 (used nothing) by 0.5 (used its fair part) towards 0. Falls only when the node or one above it holds more.
   */
  factor(node: number): number {
    let below = this.#levelFactor(node);
    for (let at = this.#tree.parents[node] as number; at > 0; at = this.#tree.parents[at] as number) {
      below = (LEVEL_RATIO * this.#levelFactor(at) + below) / (LEVEL_RATIO + 1);
    }
    return below;
  }

  #levelFactor(node: number): number {
    const kept = 2 ** -PROJECTION_HALF_LIVES;
    const projected = (this.#past[node] as number) * kept + (this.#held[node] as number) * (1 - kept);
    return 1 / (1 + Math.max(0, projected) / (this.#fair[node] as number));
  }
}

/** The cluster divided from the root down by the weights of siblings that have work. */
function divide(tree: QuotaTree, active: Iterable<number>, capacityGpuMilli: number): Float64Array {
  const isActive = new Uint8Array(tree.names.length);
  for (const node of active) {
    for (let at = node; at >= 0 && isActive[at] === 0; at = tree.parents[at] as number) isActive[at] = 1;
  }
  const fair = new Float64Array(tree.names.length).fill(1);
  fair[0] = capacityGpuMilli;
  for (const [node, children] of tree.children.entries()) {
    const weightSum = children.reduce((sum, at) => sum + isActive[at]! * tree.weights[at]!, 0);
    for (const at of children) {
      const part = (tree.weights[at] as number) / Math.max(weightSum, tree.weights[at] as number);
      fair[at] = Math.max(1, (fair[node] as number) * part);
    }
  }
  return fair;
}
