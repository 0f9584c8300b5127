/** Aim: the moment from which a host has room is the end that makes it. Method: one host that fills and empties. */
import t from 'tap';
import { draftCluster } from '../../../../../controller/core/planning/cluster-draft.ts';
import { PlannerMemory } from '../../../../../controller/core/planning/planner-memory.ts';
import { PlannedWorld, planInput } from '../../../../kit/plan-world.ts';

const HOUR_MS = 3_600_000;

t.test('room is ready when enough has ended, and never where that would not help', async (t) => {
  const planned = new PlannedWorld();
  const { world } = planned;
  world.addGpuHost(3);
  const memory = new PlannerMemory();
  const readyAt = (gpus: number): number => {
    const input = planInput(world);
    const { shapes } = draftCluster(input, memory);
    memory.bookFor(input);
    const shape = shapes.numberOf({ spec: world.spec({ resources: { gpuMilli: 1000 * gpus } }) });
    return memory.readyTimesFor(input).of(shape)[0] as number;
  };
  t.equal(readyAt(1), 0, 'now');
  const startMs = world.nowMs;
  planned.job(1, { timeLimitMs: 2 * HOUR_MS });
  const short = planned.job(2, { timeLimitMs: HOUR_MS });
  planned.step();
  t.equal(readyAt(2), startMs + HOUR_MS);
  t.equal(readyAt(3), startMs + 2 * HOUR_MS);
  t.equal(readyAt(4), Number.POSITIVE_INFINITY);
  planned.end(short);
  t.equal(readyAt(2), 0);
  world.run({ type: 'cordon-host', host: [...world.state.hosts()][0]!.id, reason: 'x' });
  t.equal(readyAt(2), Number.POSITIVE_INFINITY, 'kept free');
});
