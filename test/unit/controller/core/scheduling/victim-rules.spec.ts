/**
 * Aim: only what may go goes. Method: one victim and one that waits, each rule turned over once.
 */
import t from 'tap';
import { QuotaLedger, toClaim } from '../../../../../controller/core/quota/quota-ledger.ts';
import { buildQuotaTree } from '../../../../../controller/core/quota/quota-tree.ts';
import type { RunningJob } from '../../../../../controller/core/scheduling/pass-jobs.ts';
import {
  compareVictims,
  groundOf,
  type Preemptor,
  type Victim,
} from '../../../../../controller/core/scheduling/victim-rules.ts';
import { aDemand, aNode, aRunning, HOUR_MS, NOON_MS, SHAPES } from '../../../../kit/pass-world.ts';
import { plainPacking } from '../../../../kit/plain-packing.ts';

const TREE = buildQuotaTree([aNode('a', 1000), aNode('b', 8000)]);
const POLICY = { nowMs: NOON_MS, minRuntimeMs: HOUR_MS, reclaimMinRuntimeMs: HOUR_MS / 2 };

function aVictim(more: Partial<RunningJob> = {}, others: Partial<Victim> = {}): Victim {
  const job = aRunning(plainPacking([{ gpuCount: 8 }], SHAPES), 'v', { gpuMilli: 2000 }, more);
  return { job, node: 1, claim: toClaim(TREE, job.demand), band: 0, ...others };
}

function ground(victim: Victim, more: Partial<Preemptor> = {}, held = 2000): string | undefined {
  const ledger = new QuotaLedger(TREE);
  ledger.take(1, toClaim(TREE, aDemand(held)));
  const claim = toClaim(TREE, aDemand(2000));
  const preemptor = { node: 2, claim, band: 0, priority: 500, isEntitled: true, ...more };
  return groundOf(victim, preemptor, ledger, POLICY);
}

t.test('borrowed room goes back to whom it is guaranteed', async (t) => {
  t.equal(ground(aVictim()), 'reclaim');
  t.equal(ground(aVictim({ priority: 1000 }, { band: 9 })), 'reclaim', 'whatever it is worth');
  t.equal(ground(aVictim(), { isEntitled: false }), undefined);
  t.equal(ground(aVictim(), {}, 1000), undefined, 'what is within the guarantee stays');
  t.equal(ground(aVictim({ startedMs: NOON_MS - HOUR_MS / 2 + 1 })), undefined, 'too young');
  t.equal(ground(aVictim({ stopsByMs: NOON_MS })), undefined, 'on its way out');
  t.equal(ground(aVictim({ isPreparing: true })), undefined, 'it has not even begun');
});

t.test('preemptible work that is worth less gives way', async (t) => {
  const cheap = aVictim({ isPreemptible: true, priority: 499 });
  const plain = { isEntitled: false };
  t.equal(ground(cheap, plain), 'priority');
  t.equal(ground(cheap, { ...plain, priority: 499 }), undefined);
  t.equal(ground(cheap, { ...plain, priority: 499, band: 1 }), 'priority');
  t.equal(ground(cheap, plain, 1000), undefined, 'not what another project is guaranteed');
  t.equal(ground(cheap, { ...plain, node: 1 }, 1000), 'priority', 'its own project may');
  t.equal(ground(aVictim({ priority: 499 }), plain), undefined, 'not preemptible');
  const young = aVictim({ isPreemptible: true, priority: 499, startedMs: NOON_MS - HOUR_MS + 1 });
  t.equal(ground(young, plain), undefined);
});

t.test('lowest first, then youngest, then by id', async (t) => {
  const at = (id: string, more: Partial<RunningJob>, band = 0): Victim => {
    const victim = aVictim(more, { band });
    return { ...victim, job: { ...victim.job, id: id as RunningJob['id'] } };
  };
  const sorted = [
    at('e', { priority: 600, startedMs: 1 }, 1),
    at('d', { priority: 600, startedMs: 1 }),
    at('c', { priority: 500, startedMs: 1 }),
    at('b', { priority: 500, startedMs: 2 }),
    at('a', { priority: 500, startedMs: 2 }),
  ].sort(compareVictims);
  t.equal(sorted.map((one) => one.job.id).join(''), 'abcde');
});
