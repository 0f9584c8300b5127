/** Aim: usage adds up, however it is told apart, with what runs now. Method: a world with jobs of two queues. */
import t from 'tap';
import { DAY_MS } from '../../../../../controller/core/policy/usage.ts';
import { noteExcess } from '../../../../../controller/rpc/view/quota-use.ts';
import { sumUsage, type UsageQuestion } from '../../../../../controller/rpc/view/usage-sums.ts';
import { anExit, T0_MS } from '../../../../kit/builders.ts';
import { World } from '../../../../kit/stores-world.ts';

const HOUR_MS = 3_600_000;
const DAY_0 = T0_MS / DAY_MS;

function used(): World {
  const world = new World();
  world.addGpuHost(4);
  world.run({ type: 'create-queue', name: 'q', change: { limits: {} } });
  const first = world.addJob({ resources: { gpuMilli: 2000 } });
  world.place();
  world.nowMs += HOUR_MS;
  world.observe(first, { phase: 'exited', exit: anExit(), stopped: true, logArchived: true });
  world.addJob({ queue: 'q', resources: { gpuMilli: 1000 } });
  world.place();
  world.nowMs += 2 * HOUR_MS;
  return world;
}

const ask = (world: World, part: Partial<UsageQuestion> = {}) =>
  sumUsage(world.state, {
    firstDay: DAY_0,
    lastDay: DAY_0,
    groupings: ['project'],
    nowMs: world.nowMs,
    isShown: () => true,
    ...part,
  });

t.test('what ended and what runs are one sum', async (t) => {
  const world = used();
  t.match(ask(world), [{ projectName: 'default', gpuMs: 4 * HOUR_MS, attempts: 1 }]);
  t.match(ask(world, { groupings: ['queue', 'day'] }), [
    { queue: 'default', day: '2026-01-01', gpuMs: 2 * HOUR_MS },
    { queue: 'q', gpuMs: 2 * HOUR_MS, attempts: 0 },
  ]);
  t.same(ask(world, { isShown: () => false }), []);
  t.same(ask(world, { firstDay: DAY_0 + 1, lastDay: DAY_0 + 1 }), []);
});

t.test('a limit below what is in use is told', async (t) => {
  const world = used();
  const limit = (resource: 'gpu' | 'gpu:A100' | 'gpu:H100' | 'cpu' | 'memory', most: number) =>
    world.run({
      type: 'set-quota',
      name: 'root',
      kind: 'group',
      shares: [{ resource, guaranteed: 0, limit: most }],
      removeShares: ['gpu', 'gpu:A100', 'gpu:H100', 'cpu', 'memory'].filter((one) => one !== resource),
    });
  const notes = () => noteExcess(world.state, world.state.scheduling.quota('root')!);
  limit('gpu', 0);
  t.match(notes(), [/^1 of gpu are in use, more than the limit of 0; nothing is stopped$/]);
  limit('gpu:A100', 0);
  t.equal(notes().length, 1);
  limit('gpu:H100', 0);
  t.same(notes(), []);
  limit('memory', 1);
  t.match(notes(), [/1Gi of memory/]);
  limit('cpu', 1000);
  t.same(notes(), []);
});
