/**
 * Aim: what is tried is what a user could do: flags that exist, queues that would take the job, and nothing that another
 * gate would keep back. Method: jobs with something to change.
 */
import t from 'tap';
import { laddersFor } from '../../../../../controller/core/explain/change-ladders.ts';
import { judgeHosts } from '../../../../../controller/core/explain/host-groups.ts';
import type { JobId } from '../../../../../proto/domain/ids.ts';
import { anInventory, hostId } from '../../../../kit/builders.ts';
import { askInput } from '../../../../kit/explained.ts';
import { World } from '../../../../kit/stores-world.ts';

const HOUR_MS = 3_600_000;

function ladders(world: World, id: JobId) {
  const input = askInput(world);
  const job = world.job(id);
  const isGated = world.state.gateOf(id) !== undefined;
  return laddersFor(
    { reader: world.state, job, judged: judgeHosts(input, job), nowMs: world.nowMs },
    isGated,
  );
}

const flagsOf = (world: World, id: JobId, kind: string) =>
  ladders(world, id)
    .filter((ladder) => ladder.kind === kind)
    .map(({ rungs }) => rungs.map(({ flags }) => flags));

t.test('shorter limits, from the longest, and none that the warning would not fit into', async (t) => {
  const world = new World();
  world.addGpuHost(1);
  const limited = world.addJob({ timeLimitMs: 3 * HOUR_MS, warnBeforeMs: 20 * 60_000 });
  t.same(flagsOf(world, limited, 'time-limit'), [['--time-limit 2h', '--time-limit 1h', '--time-limit 30m']]);
  t.match(flagsOf(world, world.addJob({}), 'time-limit')[0]?.[0], '--time-limit 7d');
});

t.test('queues that would take it, higher bands first', async (t) => {
  const world = new World();
  world.addGpuHost(1);
  for (const [name, priorityBand, limits] of [
    ['low', 1, {}],
    ['high', 9, {}],
    ['tiny', 5, { gpuMilliPerJob: 500 }],
  ] as const) {
    world.run({ type: 'create-queue', name, change: { priorityBand, limits } });
  }
  const id = world.addJob({ resources: { gpuMilli: 1000 } });
  t.same(flagsOf(world, id, 'queue'), [['--queue high'], ['--queue low']]);
});

t.test('what stands in the way by name is left out one by one', async (t) => {
  const world = new World();
  world.addHost({
    id: hostId('a'),
    name: 'a',
    inventory: anInventory({ labels: { zone: 'x', disk: 'fast' } }),
  });
  world.addHost({ id: hostId('b'), name: 'b', inventory: anInventory() });
  const id = world.addJob({
    constraints: { zone: 'x', disk: 'fast' },
    excludeHosts: ['b', 'a'],
    waitForHosts: true,
  });
  t.same(flagsOf(world, id, 'exclude-host'), [['--exclude-host a'], ['--exclude-host b']]);
  t.same(flagsOf(world, id, 'constraint').flat().sort(), ['--constraint disk=fast', '--constraint zone=x']);
  const one = world.addJob({ constraints: { zone: 'x' } });
  t.same(flagsOf(world, one, 'constraint'), [['--no-constraints']]);
});

t.test('only what opens its gate helps one that is gated', async (t) => {
  const world = new World();
  world.addGpuHost(1);
  const first = world.addJob({});
  const after = world.addJob({ after: [{ on: first, when: 'ok' }] });
  t.same(
    ladders(world, after).map(({ kind, inPlace }) => [kind, inPlace]),
    [['after', true]],
  );
  const both = world.addJob({ after: [{ on: first, when: 'ok' }] }, { hold: true });
  t.same(ladders(world, both), [], 'either alone would leave the other');
});

t.test('what takes another submission is asked about as the youngest', async (t) => {
  const world = new World();
  world.addGpuHost(1);
  const id = world.addJob({ resources: { gpuMilli: 1000 } });
  for (const { inPlace, rungs } of ladders(world, id)) {
    for (const { job } of rungs) t.equal(job.createdAtMs > world.nowMs, !inPlace);
  }
  t.ok(ladders(world, id).some(({ inPlace }) => !inPlace));
});
