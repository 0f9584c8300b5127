/**
 * Aim: room is made by as little as possible, only from those who may be touched, or nothing changes. Method: one or two hosts,
 * hand-made ranks.
 */
import t from 'tap';
import {
  couldHaveRoom,
  makeRoom,
  type Pass,
  touchableOf,
} from '../../../../../controller/core/service/evict.ts';
import { BAND, type RankedJob } from '../../../../../controller/core/service/rank-jobs.ts';
import { DEFAULT_SERVICE_PARAMETERS } from '../../../../../controller/core/service/service-parameters.ts';
import { aPacking, type CheckedPacking } from './a-packing.ts';

const parameters = { ...DEFAULT_SERVICE_PARAMETERS, minRunMs: 100, hysteresis: 2, movesMax: 2 };
const NOW_MS = 1_000;

function ranked(id: string, gpus: number, score: number, more: Partial<RankedJob> = {}): RankedJob {
  const job = { id, group: id, gpuMilli: gpus * 1_000, shape: gpus, submittedMs: 0, attainedMs: 500 };
  return { job, band: BAND.byScore, score, ...more };
}

function running(id: string, gpus: number, score: number, heldSinceMs = 0): RankedJob {
  const one = ranked(id, gpus, score);
  return { ...one, job: { ...one.job, heldSinceMs } };
}

/** `held`: running jobs, best first, with their hosts. */
function aPass(
  hosts: number,
  held: readonly (readonly [RankedJob, number])[],
  wants: RankedJob,
): [Pass, CheckedPacking] {
  const order = held.map(([one]) => one);
  const places = Object.fromEntries(held.map(([one, host]) => [one.job.id, host]));
  const packing = aPacking(
    hosts,
    [...order, wants].map(({ job }) => job),
    places,
  );
  const touchable = touchableOf(order, parameters, NOW_MS);
  const touchableGpuMilli = touchable.reduce((sum, { job }) => sum + job.gpuMilli, 0);
  const rest = { evicted: new Set<string>(), moved: [], inVain: new Map<number, number>() };
  return [{ packing, parameters, touchable, touchableGpuMilli, ...rest }, packing];
}

t.test('the worst goes, and only as many as needed', async (t) => {
  const held = [
    [running('a', 3, 5), 0],
    [running('b', 3, 2), 0],
    [running('c', 2, 1), 0],
  ] as const;
  const wants = ranked('w', 2, 10);
  const [pass, packing] = aPass(1, held, wants);
  t.ok(makeRoom(wants, pass));
  t.same([...pass.evicted], ['c']);
  t.same([...packing.places.keys()].sort(), ['a', 'b', 'w']);
  t.equal(pass.touchableGpuMilli, 6_000);
});

t.test('who was released in vain goes back', async (t) => {
  const held = [
    [running('a', 8, 3), 0],
    [running('b', 1, 1), 1],
  ] as const;
  const wants = ranked('w', 8, 10);
  const [pass, packing] = aPass(2, [...held, [running('x', 7, 9, 950), 1]], wants);
  t.ok(makeRoom(wants, pass));
  t.same([...pass.evicted], ['a'], 'b was worse, but its going makes no room');
  t.equal(packing.places.get('b'), 1);
});

t.test('hysteresis: just below the factor nothing happens, at the factor it does', async (t) => {
  for (const [score, made] of [
    [1.999, false],
    [2, true],
  ] as const) {
    const wants = ranked('w', 8, score);
    const [pass, packing] = aPass(1, [[running('a', 8, 1), 0]], wants);
    t.equal(makeRoom(wants, pass), made);
    t.equal(packing.places.has('a'), !made);
  }
});

t.test('the minimum run protects, to the millisecond', async (t) => {
  t.same(
    touchableOf([running('a', 1, 1, 901), running('b', 1, 1, 900)], parameters, NOW_MS).map(
      (one) => one.job.id,
    ),
    ['b'],
  );
  const elder = { ...running('c', 1, 1), band: BAND.elder };
  t.same(touchableOf([elder], parameters, NOW_MS), [], 'and elders are too');
});

t.test(
  'a first slice takes from any score but not from another first slice; an elder takes from both',
  async (t) => {
    for (const [band, other, made] of [
      [BAND.firstSlice, BAND.byScore, true],
      [BAND.firstSlice, BAND.firstSlice, false],
      [BAND.byScore, BAND.firstSlice, false],
      [BAND.elder, BAND.firstSlice, true],
    ] as const) {
      const wants = ranked('w', 8, 0.001, { band });
      const [pass] = aPass(1, [[{ ...running('a', 8, 1), band: other }, 0]], wants);
      t.equal(makeRoom(wants, pass), made, `${band} from ${other}`);
    }
  },
);

t.test('a better job moves when that makes room, within the bound', async (t) => {
  const spread = [
    [running('a', 1, 9), 0],
    [running('b', 1, 9), 0],
    [running('c', 2, 9), 1],
  ] as const;
  const wants = ranked('w', 8, 5);
  const [pass, packing] = aPass(2, spread, wants);
  t.ok(makeRoom(wants, pass));
  t.same([...pass.moved].sort(), ['a', 'b']);
  t.same([...pass.evicted].sort(), ['a', 'b'], 'a move is an eviction and a start');
  t.equal(packing.places.get('w'), 0);
  const [bounded, same] = aPass(2, [...spread, [running('d', 1, 9), 0]], wants);
  t.notOk(makeRoom(wants, bounded), 'three moves are too many');
  t.same(
    [...same.places.entries()],
    [
      ['a', 0],
      ['b', 0],
      ['c', 1],
      ['d', 0],
    ],
  );
});

t.test('an elder waits for room only where room could be', async (t) => {
  const wants = ranked('w', 8, 0, { band: BAND.elder });
  const fresh = running('a', 8, 1, NOW_MS);
  const [pass, packing] = aPass(1, [[fresh, 0]], wants);
  t.notOk(makeRoom(wants, pass));
  t.ok(couldHaveRoom(wants, [wants, fresh], pass));
  t.same([...packing.places.keys()], ['a'], 'asking changes nothing');
  const other = { ...fresh, band: BAND.elder };
  t.notOk(couldHaveRoom(wants, [wants, other], aPass(1, [[other, 0]], wants)[0]));
});
