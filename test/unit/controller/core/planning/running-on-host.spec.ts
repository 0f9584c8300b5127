/** Aim: what runs is told as the pass wants it; what is lost is not. Method: one host with one task, and its ends. */
import t from 'tap';
import { LiveRooms } from '../../../../../controller/core/planning/live-rooms.ts';
import { followContext } from '../../../../../controller/core/planning/planning-context.ts';
import { demandOf, listRunning } from '../../../../../controller/core/planning/running-on-host.ts';
import { ShapeNumbers } from '../../../../../controller/core/planning/shape-numbers.ts';
import { PlannedWorld } from '../../../../kit/plan-world.ts';

function look({ world }: PlannedWorld) {
  const live = new LiveRooms();
  live.follow({ view: world.state, readyHosts: new Set() });
  const context = followContext(undefined, world.state, live);
  const place = { host: 0, room: live.rooms[0]! };
  return listRunning(world.state, place, context, new ShapeNumbers());
}

t.test('a task is counted from its start, or from its placement until it starts', async (t) => {
  const planned = new PlannedWorld();
  const { world } = planned;
  world.addGpuHost(1);
  t.same(look(planned), []);
  const job = planned.job(1);
  const { placements } = planned.look();
  world.run({ type: 'place-jobs', placements });
  const placedMs = world.nowMs;
  world.nowMs += 5_000;
  t.match(look(planned), [
    { id: job, attempt: 1, startedMs: placedMs, isPreparing: true, placing: { hosts: [0] } },
  ]);
  world.observe(job, { phase: 'running', startedAtMs: world.nowMs });
  t.match(look(planned)[0], { startedMs: world.nowMs, isPreparing: undefined });
  t.match(demandOf(world.job(job), 'x'), { gpuMilli: 1000, gpuModel: 'x' });
});
