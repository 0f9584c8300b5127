/**
 * What the protocol asks of a policy: place a pod now or not at all, and take it away again.
 */
import type { Pod } from './openb-lists.ts';

export const POLICIES = ['nabla', 'nabla-online', 'fgd', 'bestfit', 'random'] as const;
export type Policy = (typeof POLICIES)[number];

export interface Placer {
  /** A pod arrived: told once, before the first `place`. */
  arrive(pod: Pod): void;
  /** Undefined when it fits nowhere. */
  place(pod: Pod): unknown;
  release(placed: unknown): void;
  /** False when the pod does not fit where this one was. Spares a look at all hosts after one left. */
  fitsWhere?(placed: unknown, pod: Pod): boolean;
}
