/**
 * A worker of the openb bench: runs what it is asked for, one run at a time, and answers with the figures.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { type ChurnOutcome, runChurn } from './openb-churn.ts';
import { type OpenbHost, type Pod, readHosts, readPods } from './openb-lists.ts';
import { type ArrivalOutcome, runArrivals } from './openb-run.ts';
import type { Policy } from './placer.ts';

export interface RunOrder {
  readonly list: string;
  readonly policy: Policy;
  readonly seed: number;
  readonly variant: 'arrivals' | 'churn';
}

export type RunAnswer = { readonly order: RunOrder; readonly seconds: number } & (
  | { readonly arrivals: ArrivalOutcome }
  | { readonly churn: ChurnOutcome }
);

const folder = workerData as string;
const hosts: readonly OpenbHost[] = await readHosts(folder);
const lists = new Map<string, readonly Pod[]>();

async function podsOf(list: string): Promise<readonly Pod[]> {
  const known = lists.get(list);
  if (known !== undefined) return known;
  const pods = await readPods(folder, list);
  lists.set(list, pods);
  return pods;
}

async function answer(order: RunOrder): Promise<RunAnswer> {
  const pods = await podsOf(order.list);
  const beganMs = performance.now();
  const { policy, seed } = order;
  const outcome =
    order.variant === 'arrivals'
      ? { arrivals: runArrivals(policy, hosts, pods, seed) }
      : { churn: runChurn(policy, hosts, pods, seed) };
  return { order, seconds: (performance.now() - beganMs) / 1000, ...outcome };
}

parentPort?.on('message', (order: RunOrder) => {
  void answer(order).then((done) => parentPort?.postMessage(done));
});
