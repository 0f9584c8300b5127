/**
 * Aim: packing never promises what is not there, finds a place whenever there is one, and answers alike for alike
 * calls. Method: small cases by hand, then long random histories beside a brute-force twin, shrunk to the shortest
 * that fails.
 */
import fc from 'fast-check';
import t from 'tap';
import { Fleet, type Placement } from '../../../../../controller/core/packing/fleet.ts';
import type { ShapeNeed } from '../../../../../controller/core/packing/shape.ts';
import { createTestRng, readTestSeed } from '../../../../kit/rng.ts';
import {
  aHost,
  aNeed,
  drawHost,
  drawNeed,
  fitsTwin,
  GIB,
  moveTwin,
  openTwin,
  overCommitted,
} from './packing-twin.ts';

/** A million steps take half a minute; `NABLA_PACKING_STEPS` asks for them. */
const STEPS = Number(process.env['NABLA_PACKING_STEPS'] ?? 5_000);

function fleetOf(...hosts: ReturnType<typeof aHost>[]): Fleet {
  const fleet = new Fleet();
  for (const host of hosts) fleet.addHost(host);
  return fleet;
}

t.test('the lowest id wins among equal hosts, in whatever order they came', async (t) => {
  const fleet = fleetOf(aHost('c'), aHost('a'), aHost('b'));
  t.equal(fleet.choose(fleet.intern(aNeed()))?.hostId, 'a', 'a comes first');
});

t.test('shares go together and leave whole GPUs alone', async (t) => {
  const fleet = fleetOf(aHost('a'), aHost('b'));
  const half = fleet.intern(aNeed({ gpuMilli: 500 }));
  const first = fleet.tryPlace(half);
  const second = fleet.tryPlace(half);
  t.same(second?.gpus, first?.gpus, 'both halves of one GPU');
  t.equal(second?.hostId, first?.hostId, 'on one host');
});

t.test('one GPU goes where it breaks up no idle host', async (t) => {
  const fleet = fleetOf(aHost('a', { cpuMilli: 128_000 }, 8), aHost('b', { cpuMilli: 128_000 }, 8));
  const one = fleet.intern(aNeed());
  const hosts = Array.from({ length: 8 }, () => fleet.tryPlace(one)?.hostId);
  t.equal(new Set(hosts).size, 1, 'all eight on one host');
  t.ok(fleet.fits(fleet.intern(aNeed({ gpuCount: 8 }))), 'the other still takes eight');
});

t.test('a need that asks too much fits nowhere', async (t) => {
  const fleet = fleetOf(aHost('a', { labels: { rack: 'a' } }), aHost('closed', { open: false }, 8));
  const refused: readonly Partial<ShapeNeed>[] = [
    { gpuCount: 5 },
    { gpuModels: ['A100'] },
    { gpuMemoryBytes: 81 * GIB },
    { cpuMilli: 16_001 },
    { memoryBytes: 65 * GIB },
    { diskBytes: 101 * GIB },
    { constraints: [['rack', 'b']] },
    { driver: 'process' },
    { excludeHosts: ['a'] },
  ];
  for (const changes of refused)
    t.equal(fleet.choose(fleet.intern(aNeed(changes))), undefined, JSON.stringify(changes));
  t.ok(
    fleet.fits(fleet.intern(aNeed({ constraints: [['rack', 'a']], driver: 'docker' }))),
    'what fits, fits',
  );
});

t.test('an exclusive task wants an empty host and keeps others out', async (t) => {
  const fleet = fleetOf(aHost('a'), aHost('b'));
  const busy = fleet.tryPlace(fleet.intern(aNeed({ gpuCount: 0 })));
  const alone = fleet.tryPlace(fleet.intern(aNeed({ exclusive: true })));
  t.not(alone?.hostId, busy?.hostId, 'not beside the other');
  fleet.release(busy as Placement);
  t.equal(fleet.countFitting(fleet.intern(aNeed()), 100), 4, 'only the shared host counts');
});

t.test('memory and disk are the host’s own', async (t) => {
  const fleet = fleetOf(aHost('a'), aHost('b'));
  const large = fleet.intern(aNeed({ memoryBytes: 40 * GIB, diskBytes: 10 * GIB, gpuCount: 0 }));
  t.same([fleet.tryPlace(large)?.hostId, fleet.tryPlace(large)?.hostId], ['a', 'b'], 'one on each');
  t.equal(fleet.tryPlace(large), undefined, 'and no third');
  t.equal(fleet.countFitting(fleet.intern(aNeed({ memoryBytes: 12 * GIB })), 100), 4, 'two on each');
});

t.test('a gang is placed whole or not at all', async (t) => {
  const fleet = fleetOf(aHost('a'), aHost('b'));
  const one = fleet.intern(aNeed());
  t.equal(fleet.tryPlaceGang(one, 9, false), undefined, 'nine do not fit on eight');
  t.equal(fleet.freeGpuMilli, 8_000, 'and nothing stays taken');
  const spread = fleet.tryPlaceGang(one, 2, true) ?? [];
  t.equal(new Set(spread.map(({ hostId }) => hostId)).size, 2, 'one on each host');
  t.equal(fleet.tryPlaceGang(one, 3, true), undefined, 'there is no third host');
  t.equal(fleet.tryPlaceGang(one, 6, false)?.length, 6, 'the rest goes anywhere');
});

t.test('a thousand members are placed or refused, quickly', async (t) => {
  const fleet = new Fleet();
  for (let host = 0; host < 300; host += 1) fleet.addHost(aHost(`h${String(host).padStart(3, '0')}`));
  const one = fleet.intern(aNeed());
  t.equal(fleet.tryPlaceGang(one, 1_000, false)?.length, 1_000, 'anywhere');
  t.equal(fleet.tryPlaceGang(one, 1_000, true), undefined, 'not one on each of 300');
});

t.test('a rolled back what-if leaves no trace, nested ones neither', async (t) => {
  const fleet = fleetOf(aHost('a'), aHost('b'));
  const one = fleet.intern(aNeed());
  const kept = fleet.tryPlace(one) as Placement;
  const before = fleet.choose(one);
  const outer = fleet.checkpoint();
  fleet.release(kept);
  const inner = fleet.checkpoint();
  fleet.tryPlaceGang(one, 5, false);
  fleet.rollback(inner);
  fleet.tryPlace(one);
  fleet.rollback(outer);
  t.equal(fleet.freeGpuMilli, 7_000, 'one GPU is held as before');
  t.same(fleet.choose(one), before, 'the same answer as before');
  t.throws(() => fleet.rollback(outer), { code: 'CHECKPOINT_CLOSED' }, 'a checkpoint ends once');
});

t.test('hosts change under their work', async (t) => {
  const fleet = fleetOf(aHost('a'));
  const two = fleet.intern(aNeed({ gpuCount: 2, cpuMilli: 8_000 }));
  const held = fleet.tryPlace(two) as Placement;
  const [gone, ...left] = aHost('a').gpus;
  fleet.updateHost(aHost('a', { cpuMilli: 4_000, gpus: left }));
  t.equal(fleet.freeGpuMilli, 2_000, 'a lost GPU is not free');
  t.equal(fleet.choose(two), undefined, 'below its use it takes nothing');
  t.ok(fleet.fits(fleet.intern(aNeed({ cpuMilli: 0 }))), 'save what needs nothing that is short');
  t.throws(() => fleet.removeHost('a'), { code: 'HOST_IN_USE' }, 'work keeps it');
  fleet.release(held);
  t.equal(fleet.freeGpuMilli, 3_000, 'what is left of it is free');
  fleet.updateHost(aHost('a', { gpus: [...left, gone as (typeof left)[number]] }));
  t.equal(fleet.freeGpuMilli, 4_000, 'a GPU that comes back is whole');
  fleet.removeHost('a');
  t.equal(fleet.allGpuMilli, 0, 'nothing is left');
});

t.test('what was free when it was chosen is checked when it is taken', async (t) => {
  const fleet = fleetOf(aHost('a', {}, 1));
  const one = fleet.intern(aNeed());
  const chosen = fleet.choose(one) as Placement;
  fleet.take(chosen);
  t.throws(() => fleet.take(chosen), { code: 'OVER_CAPACITY' }, 'not twice');
});

t.test('work that runs is recorded by the GPUs that it names', async (t) => {
  const fleet = fleetOf(aHost('a'));
  const held = fleet.hold('a', fleet.intern(aNeed({ gpuCount: 2 })), ['a-gpu-3', 'a-gpu-1']);
  t.same(fleet.gpuUuidsOf(held), ['a-gpu-3', 'a-gpu-1'], 'those and no others');
  t.same(fleet.choose(fleet.intern(aNeed({ gpuCount: 2 })))?.gpus, [0, 2], 'the others are free');
  t.throws(() => fleet.hold('a', fleet.intern(aNeed()), ['x']), { code: 'GPU_UNKNOWN' }, 'no such GPU');
});

/** A history beside the twin; returns the plan as text. @throws Error at the first difference */
function playHistory(seed: number, steps: number, hostCount: number): string {
  const rng = createTestRng('packing-history', seed);
  const hosts = Array.from({ length: hostCount }, (_, host) => drawHost(rng, `h${host}`));
  const twins = openTwin(hosts);
  const fleet = fleetOf(...hosts);
  const needs = Array.from({ length: 12 }, () => drawNeed(rng));
  const held: { readonly placement: Placement; readonly need: ShapeNeed }[] = [];
  const plan: string[] = [];
  for (let step = 0; step < steps; step += 1) {
    if (held.length > 0 && rng.integer(5) < 2) {
      const at = rng.integer(held.length);
      const [leaving] = held.splice(at, 1);
      const { placement, need } = leaving as (typeof held)[number];
      fleet.release(placement);
      const twin = twins.get(placement.hostId);
      if (twin !== undefined) moveTwin(twin, need, placement.gpus, 1);
      continue;
    }
    const need = needs[rng.integer(needs.length)] as ShapeNeed;
    const shape = fleet.intern(need);
    fleet.observe(shape);
    const canFit = [...twins.values()].filter((twin) => fitsTwin(twin, need));
    const placement = fleet.tryPlace(shape);
    if ((placement === undefined) !== (canFit.length === 0))
      throw new Error(`step ${step}: ${canFit.length} hosts fit, ${placement?.hostId ?? 'none'} was chosen`);
    if (placement === undefined) continue;
    const twin = canFit.find(({ host }) => host.id === placement.hostId);
    if (twin === undefined) throw new Error(`step ${step}: ${placement.hostId} does not fit`);
    moveTwin(twin, need, placement.gpus, -1);
    const broken = overCommitted(twin);
    if (broken !== undefined) throw new Error(`step ${step}: ${broken}`);
    held.push({ placement, need });
    plan.push(`${placement.hostId}:${placement.gpus.join(',')}`);
  }
  return plan.join(' ');
}

t.test('a brute-force twin agrees on small clusters about what fits', async (t) => {
  const property = fc.property(
    fc.integer({ min: 0, max: 1_000_000 }),
    fc.integer({ min: 1, max: 6 }),
    fc.integer({ min: 1, max: 120 }),
    (seed, hosts, steps) => {
      playHistory(seed, steps, hosts);
    },
  );
  t.doesNotThrow(() => fc.assert(property, { numRuns: 60, seed: readTestSeed() }));
});

t.test(`capacity is never exceeded in ${STEPS} random steps`, async (t) => {
  t.doesNotThrow(() => playHistory(readTestSeed(), STEPS, 12), 'every step is within capacity');
});

t.test('the same calls give the same plan, byte for byte', async (t) => {
  t.equal(playHistory(7, 2_000, 10), playHistory(7, 2_000, 10), 'equal texts');
});
