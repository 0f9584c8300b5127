/** Aim: jobs are alike when nothing but age tells them apart. Method: one job, changed in one thing at a time. */
import t from 'tap';
import { LiveRooms } from '../../../../../controller/core/planning/live-rooms.ts';
import { followContext } from '../../../../../controller/core/planning/planning-context.ts';
import { ShapeNumbers } from '../../../../../controller/core/planning/shape-numbers.ts';
import {
  keyOf,
  toPending,
  type WaitingSources,
} from '../../../../../controller/core/planning/waiting-job.ts';
import type { JobId } from '../../../../../proto/domain/ids.ts';
import { anExit } from '../../../../kit/builders.ts';
import { PlannedWorld } from '../../../../kit/plan-world.ts';

function sourcesOf({ world }: PlannedWorld, awaiting: readonly JobId[] = []): WaitingSources {
  const live = new LiveRooms();
  live.follow({ view: world.state, readyHosts: new Set() });
  const context = followContext(undefined, world.state, live);
  return { context, shapes: new ShapeNumbers(), numbers: live.numbers, awaiting: new Set(awaiting) };
}

t.test('priority, limit, need, promise and caps tell jobs apart, age does not', async (t) => {
  const planned = new PlannedWorld();
  const { world } = planned;
  world.addGpuHost(2);
  world.run({ type: 'create-queue', name: 'capped', change: { limits: { runningPerUser: 2 } } });
  const one = world.job(planned.job(1));
  world.nowMs += 60_000;
  const sources = sourcesOf(planned);
  t.equal(keyOf(world.job(planned.job(1)), sources), keyOf(one, sources));
  const others = [{ priority: 7 }, { timeLimitMs: 5 }, { excludeHosts: ['x'] }, { queue: 'capped' }];
  const keys = others.map((part) => keyOf(world.job(planned.job(1, part)), sources));
  t.equal(new Set([keyOf(one, sources), ...keys]).size, 5);
  t.not(keyOf(one, sourcesOf(planned, [one.id])), keyOf(one, sources), 'a promise');
  const capped = toPending(world.job(planned.job(1, { queue: 'capped' })), sources, world.nowMs);
  t.match(capped.caps, [{ most: 2, code: 'USER_LIMIT' }]);
});

t.test('a host through whose fault it failed is shunned', async (t) => {
  const planned = new PlannedWorld();
  const { world } = planned;
  world.addGpuHost(2);
  const job = planned.job(1);
  planned.step();
  world.observe(job, { phase: 'exited', exit: anExit({ verdict: 'host', code: 1 }), stopped: true });
  t.same(toPending(world.job(job), sourcesOf(planned), world.nowMs).shuns, [0]);
  t.same(toPending(world.job(planned.job(1)), sourcesOf(planned), world.nowMs).shuns, undefined);
});
