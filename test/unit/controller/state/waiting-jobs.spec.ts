/**
 * Aim: whatever happens to jobs and queues, the jobs that may start are told rightly, usage is whole, and a state loaded
 * from its rows is the same. Method: seeded walks of commands; the invariants recompute everything after each one.
 */
import t from 'tap';
import type { ClusterState } from '../../../../controller/state/cluster-state.ts';
import { findViolations } from '../../../../controller/state/invariants.ts';
import { rowKeysOf, rowOf, StateLoader } from '../../../../controller/state/rows.ts';
import type { JobId } from '../../../../proto/domain/ids.ts';
import { createRng } from '../../../../proto/runtime/rng.ts';
import { anExit } from '../../../kit/builders.ts';
import { World } from '../../../kit/stores-world.ts';

const STEPS = 120;
const QUEUES = ['default', 'a', 'b'] as const;

function reload(state: ClusterState): ClusterState {
  const loader = new StateLoader();
  for (const key of rowKeysOf(state)) loader.add(key, JSON.parse(JSON.stringify(rowOf(state, key))));
  return loader.finish(state.headSeq);
}

for (const seed of [1, 2, 3, 4, 5, 6]) {
  t.test(`walk ${seed}`, async (t) => {
    const rng = createRng(seed);
    const world = new World();
    world.addGpuHost(8);
    for (const name of ['a', 'b']) world.run({ type: 'create-queue', name, change: { limits: {} } });
    const ids: JobId[] = [];
    const pick = <T>(all: readonly T[]): T => all[rng.integer(all.length)]!;
    const attempt = (command: Parameters<World['decide']>[0]): void => {
      if (world.decide(command).ok) world.run(command);
    };
    const steps: readonly (() => void)[] = [
      () =>
        ids.push(
          world.addJob({ queue: pick(QUEUES), priority: rng.integer(3), resources: { gpuMilli: 1000 } }),
        ),
      () => ids.push(...world.addArray([0, 1, 2], { queue: pick(QUEUES), concurrency: rng.integer(3) })),
      () => {
        const on = ids.length === 0 ? undefined : pick(ids);
        const after = on === undefined ? [] : [{ on, when: pick(['ok', 'any'] as const) }];
        const spec = world.spec({ after, queue: pick(QUEUES) });
        const id = `job_after${ids.length}` as JobId;
        const command = { type: 'create-job', id, project: 'default', spec, secrets: [] } as const;
        if (!world.decide(command).ok) return;
        world.run(command);
        ids.push(id);
      },
      () => attempt({ type: pick(['hold-job', 'release-job'] as const), project: 'default', job: pick(ids) }),
      () =>
        attempt({ type: 'update-job', project: 'default', job: pick(ids), queue: pick(QUEUES), priority: 7 }),
      () => attempt({ type: 'stop-job', project: 'default', job: pick(ids) }),
      () => attempt({ type: 'delete-job', project: 'default', job: pick(ids) }),
      () => attempt({ type: 'retry-job', project: 'default', job: pick(ids) }),
      () => {
        const limits = { runningPerUser: rng.integer(3) };
        world.run({
          type: 'update-queue',
          name: pick(QUEUES),
          change: { limits, priorityBand: rng.integer(3) },
        });
      },
      () => world.place(),
      () => {
        world.nowMs += rng.integer(20_000_000);
        const running = [...world.state.jobs()].filter(
          ({ state }) => state === 'starting' || state === 'running',
        );
        if (running.length === 0) return;
        const exit = rng.integer(2) === 0 ? anExit() : anExit({ code: 1, verdict: 'user-code' });
        world.observe(pick(running).id, { phase: 'exited', exit, stopped: true, logArchived: true });
      },
    ];
    world.place();
    for (let step = 0; step < STEPS; step += 1) {
      const act = pick(steps);
      if (ids.length > 0 || act === steps[0]) act();
    }
    const loaded = reload(world.state);
    t.same(findViolations(loaded), []);
    t.same(loaded.queue(), world.state.queue(), 'the same jobs may start after a restart');
    t.equal(loaded.rowCount, world.state.rowCount);
    const held = (state: ClusterState) =>
      [...state.scheduling.usage()].reduce((sum, one) => sum + one.gpuMilliMs, 0);
    const spans = world.log.filter(
      ({ event }) => event.type === 'attempt-placed' || event.type === 'attempt-ended',
    );
    const placed = new Map<string, number>();
    let want = 0;
    for (const { event, timeMs } of spans) {
      if (event.type !== 'attempt-placed' && event.type !== 'attempt-ended') continue;
      const name = `${event.jobId}.${event.attempt}`;
      if (event.type === 'attempt-placed') placed.set(name, event.gpuUuids.length > 0 ? timeMs : Number.NaN);
      else if (!Number.isNaN(placed.get(name))) want += 1000 * (timeMs - placed.get(name)!);
    }
    t.equal(held(loaded), want, 'usage is the sum over the log');
  });
}
