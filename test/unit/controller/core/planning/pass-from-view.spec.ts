/**
 * Aim: each field of a pass's input says what the cluster's state says. Method: one world with work of each kind, looked
 * at field by field.
 */
import t from 'tap';
import { draftCluster } from '../../../../../controller/core/planning/cluster-draft.ts';
import { toPassInput } from '../../../../../controller/core/planning/pass-from-view.ts';
import { PlannerMemory } from '../../../../../controller/core/planning/planner-memory.ts';
import type { RunningAttempt } from '../../../../../controller/core/planning/running-on-host.ts';
import { pauseOf } from '../../../../../controller/core/planning/waiting-job.ts';
import type { ReservationId } from '../../../../../proto/domain/ids.ts';
import { hostId } from '../../../../kit/builders.ts';
import { PlannedWorld, planInput } from '../../../../kit/plan-world.ts';

const HOUR_MS = 3_600_000;

function inputOf({ world }: PlannedWorld, memory = new PlannerMemory()) {
  const input = planInput(world);
  const made = toPassInput(input, draftCluster(input, memory), world.state.queue(), memory);
  return { ...made, running: made.book.ends.map(({ job }) => job as RunningAttempt) };
}

t.test('what runs, with what it holds and since when', async (t) => {
  const planned = new PlannedWorld();
  planned.world.addGpuHost(4);
  const port = { containerPort: 80, hostPort: 20_001 };
  const job = planned.job(2, { preemptible: true, timeLimitMs: HOUR_MS, priority: 7, ports: [port] });
  planned.step();
  const startedMs = planned.world.nowMs;
  planned.world.nowMs += 5_000;
  const { running, capacityGpuMilli } = inputOf(planned);
  t.equal(capacityGpuMilli, 4_000);
  t.match(running, [
    {
      id: job,
      attempt: 1,
      priority: 7,
      queue: 'default',
      startedMs,
      timeLimitMs: HOUR_MS,
      isPreemptible: true,
      demand: { gpuMilli: 2_000, gpuModel: '' },
      placing: { hosts: [0], ports: [20_001] },
    },
  ]);
  t.equal(running[0]?.stopsByMs, undefined);
  t.ok((running[0]?.graceMs ?? 0) >= 30_000, 'at least the grace of the policy');
});

t.test('whoever was told to stop is counted on to go', async (t) => {
  const planned = new PlannedWorld();
  planned.world.addGpuHost(1);
  const job = planned.job(1);
  planned.step();
  planned.world.run({ type: 'stop-job', project: 'default', job });
  const { book, running } = inputOf(planned);
  t.equal(running[0]?.stopsByMs, 0);
  t.equal(book.ends[0]?.endMs, planned.world.nowMs + 1, 'at any moment');
});

t.test('what waits, promises and models included', async (t) => {
  const planned = new PlannedWorld();
  planned.world.addGpuHost(1);
  const job = planned.job(1, { priority: 9, timeLimitMs: HOUR_MS });
  const memory = new PlannerMemory();
  memory.note([job], [], planned.world.nowMs);
  const expected = { id: job, priority: 9, timeLimitMs: HOUR_MS, notBeforeMs: 0, taskCount: 1 };
  t.match(inputOf(planned, memory).pending, [{ ...expected, awaitsEvictions: true }]);
  const [model = ''] = planned.world.state.host(hostId('1'))!.inventory.gpus.map((gpu) => gpu.model);
  const share = { resource: `gpu:${model}`, guaranteed: 1_000 } as const;
  planned.world.run({
    type: 'set-quota',
    name: 'default',
    kind: 'project',
    shares: [share],
    removeShares: [],
  });
  t.match(inputOf(planned).pending, [{ alternatives: [{ demand: { gpuModel: model } }] }]);
});

t.test('reservations, with what is free and held of their kind', async (t) => {
  const planned = new PlannedWorld();
  const { world } = planned;
  world.addGpuHost(4);
  planned.job(1);
  planned.step();
  world.run({
    type: 'create-reservation',
    id: 'rsv_1' as ReservationId,
    name: 'course',
    project: 'default',
    hosts: [],
    gpuMilli: 2_000,
    gpuModel: '',
    startMs: world.nowMs,
    endMs: world.nowMs + HOUR_MS,
  });
  t.match(inputOf(planned).reservations, [
    { gpuMilli: 2_000, freeGpuMilli: 3_000, heldGpuMilli: 1_000, hosts: [] },
  ]);
});

t.test('a pause noted before the clock was set back does not outlast the longest pause', async (t) => {
  const planned = new PlannedWorld();
  const job = planned.world.job(planned.job(0));
  t.equal(pauseOf({ ...job, notBeforeMs: 5_000 }, 4_000), 5_000);
  t.equal(pauseOf({ ...job, notBeforeMs: HOUR_MS }, 0), 0);
});
