/**
 * Aim: each attempt is charged exactly once, by day, for what it held. Method: stretches of time against their parts,
 * and attempts in a world whose ledger is compared with what was done.
 */
import t from 'tap';
import { USAGE_DAYS_KEPT } from '../../../../../controller/core/limits.ts';
import {
  DAY_MS,
  findOpenCharge,
  splitByDay,
  toEntries,
} from '../../../../../controller/core/policy/usage.ts';
import { UsageLedger } from '../../../../../controller/state/usage-ledger.ts';
import type { JobId } from '../../../../../proto/domain/ids.ts';
import type { UsageEntry } from '../../../../../proto/domain/scheduling.ts';
import { anExit, aPrincipal, projectId, T0_MS } from '../../../../kit/builders.ts';
import { World } from '../../../../kit/stores-world.ts';

const DAY_0 = T0_MS / DAY_MS;

t.test('a stretch is cut at midnight, UTC', async (t) => {
  t.same(splitByDay(DAY_MS - 1, DAY_MS + 1), [
    { day: 0, lengthMs: 1 },
    { day: 1, lengthMs: 1 },
  ]);
  t.same(splitByDay(5, 5), []);
  t.same(splitByDay(6, 5), [], 'a clock that was set back charges nothing');
  t.equal(splitByDay(1, 365 * DAY_MS).length, 365);
});

t.test('parts add up to the whole, and the attempt counts once', async (t) => {
  const charge = { projectId: projectId('p'), user: aPrincipal, queue: 'default', gpuMilli: 2000 };
  for (const [fromMs, toMs] of [
    [0, 10],
    [DAY_MS - 5, 3 * DAY_MS],
    [7, 7],
    [9, 3],
  ] as const) {
    const entries = toEntries({ ...charge, fromMs, toMs });
    const sum = (of: (entry: UsageEntry) => number) => entries.reduce((total, entry) => total + of(entry), 0);
    t.equal(
      sum(({ gpuMilliMs }) => gpuMilliMs),
      2000 * Math.max(0, toMs - fromMs),
    );
    t.equal(
      sum(({ attempts }) => attempts),
      1,
    );
  }
});

function gpuWorld(): World {
  const world = new World();
  world.addGpuHost(2);
  return world;
}

t.test('an attempt is charged from placement to end', async (t) => {
  const world = gpuWorld();
  const id = world.addJob({ resources: { gpuMilli: 2000 } });
  world.place();
  world.nowMs += 1000;
  t.match(findOpenCharge(world.job(id), world.nowMs), { gpuMilli: 2000, fromMs: T0_MS, toMs: T0_MS + 1000 });
  world.nowMs += 4000;
  world.observe(id, { phase: 'exited', exit: anExit(), stopped: true, logArchived: true });
  t.equal(findOpenCharge(world.job(id), world.nowMs), undefined);
  world.nowMs += 9000;
  const want = {
    day: DAY_0,
    projectId: projectId('default'),
    user: aPrincipal,
    queue: 'default',
    attempts: 1,
  };
  t.same([...world.state.scheduling.usage()], [{ ...want, gpuMilliMs: 2000 * 5000 }]);
});

t.test('the proof of a stop before the end ends the charge', async (t) => {
  const world = gpuWorld();
  const id = world.addJob({ resources: { gpuMilli: 1000 } });
  world.place();
  world.nowMs += 1000;
  world.observe(id, { phase: 'finalizing', exit: anExit(), stopped: true });
  world.nowMs += 1000;
  world.observe(id, { phase: 'exited', exit: anExit(), stopped: true, logArchived: true });
  t.match([...world.state.scheduling.usage()], [{ gpuMilliMs: 1000 * 1000, attempts: 1 }]);
});

t.test('a lost attempt is charged up to its loss', async (t) => {
  const world = gpuWorld();
  const id = world.addJob({ resources: { gpuMilli: 1000 } });
  world.place();
  world.nowMs += 5000;
  const { hostId } = world.job(id).attempts[0]!;
  world.run({ type: 'declare-lost', hostId, by: { cause: 'operator' } });
  world.nowMs += 5000;
  t.match([...world.state.scheduling.usage()], [{ gpuMilliMs: 1000 * 5000 }]);
});

const YEARS_MS = 70 * 365 * DAY_MS;

t.test(
  'a clock that is years ahead for a moment costs no history, and charges nobody for the years',
  async (t) => {
    const world = gpuWorld();
    const run = (): JobId => {
      const id = world.addJob({ resources: { gpuMilli: 1000 } });
      world.place();
      return id;
    };
    const end = (id: JobId, finishedAtMs = world.nowMs): void => {
      const exit = anExit({ finishedAtMs });
      world.observe(id, { phase: 'exited', exit, stopped: true, logArchived: true });
    };
    const before = run();
    world.nowMs += 1000;
    end(before);
    const during = run();
    world.nowMs += YEARS_MS + 2000;
    end(during, T0_MS + 3000);
    const wild = run();
    world.nowMs += 500;
    end(wild);
    const across = run();
    world.nowMs -= YEARS_MS;
    end(across);
    const days = [...world.state.scheduling.usage()];
    t.same(
      days.map(({ day, gpuMilliMs, attempts }) => [day, gpuMilliMs, attempts]),
      [
        [DAY_0, 1000 * 1000 + 1000 * 2000, 3],
        [Math.floor((T0_MS + YEARS_MS) / DAY_MS), 1000 * 500, 1],
      ],
    );
  },
);

t.test('of more days than are kept the oldest goes', async (t) => {
  const ledger = new UsageLedger();
  const touched: string[] = [];
  const base = { projectId: projectId('p'), user: aPrincipal, queue: 'default', gpuMilliMs: 1, attempts: 1 };
  for (let day = 0; day <= USAGE_DAYS_KEPT; day += 1) ledger.add({ ...base, day }, () => undefined);
  t.equal(ledger.size, USAGE_DAYS_KEPT + 1);
  ledger.add({ ...base, day: USAGE_DAYS_KEPT + 1 }, (key) => touched.push(key));
  t.equal(ledger.size, USAGE_DAYS_KEPT + 1);
  t.equal(touched.length, 2, 'the new one and the one that went');
  t.equal(ledger.get(touched[1]!), undefined);
});
