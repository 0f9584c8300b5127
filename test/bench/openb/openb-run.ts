/**
 * One run of protocol B1: pods arrive in order, each is decided at once and for good, one that does not fit is
 * dropped, nothing leaves.
 */

import { openPlacer } from './open-placer.ts';
import { arrivalsOf, capacityMilliOf, type OpenbHost, type Pod } from './openb-lists.ts';
import type { Policy } from './placer.ts';

export const SIZE_CLASSES = ['share', 'gpu1', 'gpu2', 'gpu4', 'gpu8'] as const;
export type SizeClass = (typeof SIZE_CLASSES)[number];

export interface ArrivalOutcome {
  readonly unallocatedAt100: number;
  readonly unallocatedAt130: number;
  /** Pods arrived and dropped until the arrived pods ask for all GPUs, by class. */
  readonly arrived: Readonly<Record<SizeClass, number>>;
  readonly dropped: Readonly<Record<SizeClass, number>>;
  /** Allocated percent when so many percent have arrived, by whole percent from 0. */
  readonly curve: readonly number[];
}

/** Outcomes in the order of the seeds. */
export type RunsByPolicy = ReadonlyMap<Policy, readonly ArrivalOutcome[]>;

export function runArrivals(
  policy: Policy,
  hosts: readonly OpenbHost[],
  pods: readonly Pod[],
  seed: number,
): ArrivalOutcome {
  const capacity = capacityMilliOf(hosts);
  const placer = openPlacer(policy, hosts, pods, seed);
  const arrived = noneYet();
  const dropped = noneYet();
  const curve: number[] = [0];
  let arrivedMilli = 0;
  let allocated = 0;
  for (const pod of arrivalsOf(pods, capacity, seed)) {
    placer.arrive(pod);
    const isPlaced = placer.place(pod) !== undefined;
    const sizeClass = classOf(pod);
    if (arrivedMilli < capacity && sizeClass !== undefined) {
      arrived[sizeClass] += 1;
      if (!isPlaced) dropped[sizeClass] += 1;
    }
    arrivedMilli += pod.askedMilli;
    if (isPlaced) allocated += pod.askedMilli;
    const percent = Math.floor((100 * arrivedMilli) / capacity);
    while (curve.length <= percent) curve.push((100 * allocated) / capacity);
  }
  const last = (100 * allocated) / capacity;
  return {
    unallocatedAt100: 100 - (curve[100] ?? last),
    unallocatedAt130: 100 - last,
    arrived,
    dropped,
    curve,
  };
}

function classOf({ gpuCount, gpuMilli }: Pod): SizeClass | undefined {
  if (gpuCount === 0) return undefined;
  if (gpuMilli < 1000) return 'share';
  if (gpuCount === 1) return 'gpu1';
  if (gpuCount === 2) return 'gpu2';
  return gpuCount <= 4 ? 'gpu4' : 'gpu8';
}

function noneYet(): Record<SizeClass, number> {
  return { share: 0, gpu1: 0, gpu2: 0, gpu4: 0, gpu8: 0 };
}
