/**
 * Aim: victims are enough, may go, and none is needless. Method: fast-check on tiny clusters against a twin that tries
 * every subset of what runs.
 */
import fc from 'fast-check';
import t from 'tap';
import { QuotaLedger, toClaim } from '../../../../../controller/core/quota/quota-ledger.ts';
import { buildQuotaTree } from '../../../../../controller/core/quota/quota-tree.ts';
import { searchVictims } from '../../../../../controller/core/scheduling/eviction-search.ts';
import type { GangDemand } from '../../../../../controller/core/scheduling/packing-port.ts';
import type { RunningJob } from '../../../../../controller/core/scheduling/pass-jobs.ts';
import {
  compareVictims,
  groundOf,
  type Victim,
} from '../../../../../controller/core/scheduling/victim-rules.ts';
import { aDemand, aNode, aPending, aRunning, NOON_MS, SHAPES } from '../../../../kit/pass-world.ts';
import { type PlainPacking, plainPacking } from '../../../../kit/plain-packing.ts';

const POLICY = { nowMs: NOON_MS, minRuntimeMs: 0, reclaimMinRuntimeMs: 0 };

interface World {
  readonly packing: PlainPacking;
  readonly ledger: QuotaLedger;
  readonly victims: readonly Victim[];
}

const arbitraryRunning = fc.record({
  project: fc.constantFrom('a', 'b', 'c'),
  gpuMilli: fc.constantFrom(500, 1000, 2000),
  tasks: fc.integer({ min: 1, max: 2 }),
  priority: fc.integer({ min: 1, max: 3 }),
  isPreemptible: fc.boolean(),
});

type RunningWords = typeof arbitraryRunning extends fc.Arbitrary<infer T> ? T : never;

function build(hostCount: number, jobs: readonly RunningWords[], guarantees: readonly number[]): World {
  const packing = plainPacking(
    Array.from({ length: hostCount }, () => ({ gpuCount: 2 })),
    SHAPES,
  );
  const tree = buildQuotaTree(['a', 'b', 'c'].map((name, at) => aNode(name, guarantees[at] ?? 0)));
  const ledger = new QuotaLedger(tree);
  const victims: Victim[] = [];
  for (const [index, words] of jobs.entries()) {
    const demand = aPending('x', words);
    const gang = { shape: demand.alternatives[0]!.shape, count: words.tasks, perHostMax: words.tasks };
    if (packing.tryPlace(gang) === undefined) continue;
    const more: Partial<RunningJob> = { priority: words.priority, isPreemptible: words.isPreemptible };
    const job = aRunning(packing, `v${index}`, words, { ...more, startedMs: NOON_MS - 10 + index });
    const node = tree.nodeOfProject.get(words.project) as number;
    const claim = toClaim(tree, job.demand);
    ledger.take(node, claim);
    victims.push({ job, node, claim, band: 0 });
  }
  return { packing, ledger, victims: victims.sort(compareVictims) };
}

function byHost(victims: readonly Victim[]): Map<number, Victim[]> {
  const map = new Map<number, Victim[]>();
  for (const victim of victims) {
    for (const host of new Set(victim.job.placing.hosts)) map.set(host, [...(map.get(host) ?? []), victim]);
  }
  return map;
}

function fitsWithout(world: World, gone: readonly Victim[], demand: GangDemand): boolean {
  const mark = world.packing.checkpoint();
  for (const victim of gone) world.packing.release(victim.job.placing);
  const fits = world.packing.tryPlace(demand) !== undefined;
  world.packing.rollback(mark);
  return fits;
}

const arbitraryQuestion = fc.record({
  hostCount: fc.integer({ min: 1, max: 3 }),
  jobs: fc.array(arbitraryRunning, { maxLength: 8 }),
  gpuMilli: fc.constantFrom(500, 1000, 2000),
  tasks: fc.integer({ min: 1, max: 3 }),
  priority: fc.integer({ min: 1, max: 4 }),
  guarantees: fc.constantFrom([0, 0, 0], [2000, 0, 0], [6000, 1000, 0], [2000, 2000, 1000]),
});

function ask(words: typeof arbitraryQuestion extends fc.Arbitrary<infer T> ? T : never) {
  const world = build(words.hostCount, words.jobs, words.guarantees);
  const { packing, ledger, victims } = world;
  const demand = {
    shape: SHAPES.findIndex((shape) => shape.gpuMilli === words.gpuMilli),
    count: words.tasks,
    perHostMax: words.tasks,
  };
  const node = ledger.tree.nodeOfProject.get('a') as number;
  const claim = toClaim(ledger.tree, aDemand(words.gpuMilli * words.tasks));
  const preemptor = {
    node,
    claim,
    band: 0,
    priority: words.priority,
    isEntitled: ledger.isEntitled(node, claim),
  };
  const before = [packing.describe(), ...victims.map((victim) => ledger.used(victim.node, 0))];
  const answer = searchVictims({
    demand,
    preemptor,
    packing,
    ledger,
    lent: ledger.fork(),
    victims,
    avoid: new Uint8Array(words.hostCount),
    victimsOnHost: byHost(victims),
    gone: new Set(),
    policy: POLICY,
    victimsMax: 100,
  });
  const after = [packing.describe(), ...victims.map((victim) => ledger.used(victim.node, 0))];
  const mayGo = victims.filter((victim) => groundOf(victim, preemptor, ledger, POLICY) !== undefined);
  return { world, demand, answer, mayGo, isRestored: JSON.stringify(before) === JSON.stringify(after) };
}

t.test('enough, allowed, none needless, and nothing is left changed', async (t) => {
  let found = 0;
  fc.assert(
    fc.property(arbitraryQuestion, (words) => {
      const { world, demand, answer, mayGo, isRestored } = ask(words);
      if (answer === undefined) return isRestored;
      const victims = answer.victims.map((one) => one.victim);
      found += victims.length > 0 ? 1 : 0;
      const isMinimal = victims.every(
        (one) =>
          !fitsWithout(
            world,
            victims.filter((other) => other !== one),
            demand,
          ),
      );
      return (
        isRestored &&
        fitsWithout(world, victims, demand) &&
        victims.every((victim) => mayGo.includes(victim)) &&
        isMinimal
      );
    }),
    { numRuns: 800 },
  );
  t.ok(found > 50, `${found} questions had victims`);
});

t.test('where some subset would do, one is found', async (t) => {
  let solvable = 0;
  fc.assert(
    // Without guarantees the grounds do not depend on who went before, so every subset may be tried.
    fc.property(arbitraryQuestion, (words) => {
      const { world, demand, answer, mayGo } = ask({ ...words, guarantees: [0, 0, 0] });
      let isSolvable = false;
      for (let subset = 0; subset < 2 ** mayGo.length && !isSolvable; subset += 1) {
        const gone = mayGo.filter((_, at) => (subset >> at) % 2 === 1);
        isSolvable = fitsWithout(world, gone, demand);
      }
      if (isSolvable) solvable += 1;
      return isSolvable === (answer !== undefined);
    }),
    { numRuns: 300 },
  );
  t.ok(solvable > 30, `${solvable} could be solved`);
});

t.test('a bound of victims is kept', async (t) => {
  const jobs = Array.from({ length: 4 }, () => ({
    project: 'b' as const,
    gpuMilli: 500 as const,
    tasks: 1,
    priority: 1,
    isPreemptible: true,
  }));
  const world = build(1, jobs, []);
  const question = {
    demand: { shape: 1, count: 1, perHostMax: 1 },
    preemptor: { node: 1, claim: [], band: 0, priority: 9, isEntitled: false },
    avoid: new Uint8Array(1),
    ...world,
    lent: world.ledger.fork(),
    victimsOnHost: byHost(world.victims),
    gone: new Set<Victim>(),
    policy: POLICY,
  };
  t.equal(searchVictims({ ...question, victimsMax: 3 }), undefined);
  t.equal(searchVictims({ ...question, victimsMax: 4 })?.victims.length, 4);
});
