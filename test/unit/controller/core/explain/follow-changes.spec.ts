/**
 * Aim: whoever follows a suggestion gets what it promised: the planner then starts the job at once, or thinks it starts no
 * later than was said. Method: fast-check draws small clusters with running and waiting work; each suggestion for each
 * waiting job is carried out by the commands that it names, in a copy of the world made for it, and planned for real.
 */
import fc from 'fast-check';
import t from 'tap';
import { laddersFor } from '../../../../../controller/core/explain/change-ladders.ts';
import { judgeHosts } from '../../../../../controller/core/explain/host-groups.ts';
import type { StartChange } from '../../../../../proto/domain/explain-views.ts';
import type { JobId } from '../../../../../proto/domain/ids.ts';
import type { Job } from '../../../../../proto/domain/job.ts';
import { aCapacity, anInventory, GIB, hostId, jobId, someGpus } from '../../../../kit/builders.ts';
import { askInput, explainWhole } from '../../../../kit/explained.ts';
import { PlannedWorld } from '../../../../kit/plan-world.ts';

const HOUR_MS = 3_600_000;
const MODELS = ['NVIDIA H100 80GB HBM3', 'NVIDIA A100-SXM4-80GB'];
const RUNS = 80;

interface DrawnJob {
  readonly gpus: number;
  readonly hours: number;
  readonly model: number;
  readonly priority: number;
  readonly memoryGib: number;
  readonly hold: boolean;
}

interface Story {
  readonly hosts: readonly { readonly gpus: number; readonly model: number }[];
  readonly running: readonly DrawnJob[];
  readonly waiting: readonly DrawnJob[];
}

const drawnJob = fc.record({
  gpus: fc.integer({ min: 1, max: 5 }),
  hours: fc.constantFrom(0, 1, 3, 9),
  model: fc.integer({ min: 0, max: 2 }),
  priority: fc.constantFrom(100, 500),
  memoryGib: fc.constantFrom(1, 40),
  hold: fc.boolean(),
});

const story: fc.Arbitrary<Story> = fc.record({
  hosts: fc.array(
    fc.record({ gpus: fc.integer({ min: 1, max: 4 }), model: fc.integer({ min: 0, max: 1 }) }),
    {
      minLength: 1,
      maxLength: 3,
    },
  ),
  running: fc.array(drawnJob, { maxLength: 4 }),
  waiting: fc.array(drawnJob, { minLength: 1, maxLength: 4 }),
});

/** Nothing is left to start or to stop, as in a cluster that the planning loop looks after. */
function open({ hosts, running, waiting }: Story): PlannedWorld {
  const planned = new PlannedWorld();
  for (const [at, { gpus, model }] of hosts.entries()) {
    const name = `h${at}`;
    const capacity = aCapacity({ memoryBytes: 64 * GIB });
    const inventory = anInventory({ capacity, gpus: someGpus(gpus, { host: name, model: MODELS[model]! }) });
    planned.world.addHost({ id: hostId(name), name, inventory });
  }
  for (const one of running) submit(planned, { ...one, hold: false });
  settle(planned);
  for (const one of waiting) submit(planned, one);
  settle(planned);
  return planned;
}

function submit({ world }: PlannedWorld, { gpus, hours, model, priority, memoryGib, hold }: DrawnJob): void {
  world.nowMs += 1;
  const gpuModels = model === 2 ? [] : [['H100', 'A100'][model]!];
  const resources = { gpuMilli: 1000 * gpus, gpuModels, memoryBytes: memoryGib * GIB };
  const timeLimitMs = hours * HOUR_MS;
  world.addJob({ resources, timeLimitMs, priority, preemptible: false, waitForHosts: true }, { hold });
}

function settle(planned: PlannedWorld): void {
  for (let rounds = 0; rounds < 20; rounds += 1) {
    const { placements, evictions = [] } = planned.step();
    if (placements.length + evictions.length === 0) return;
  }
  throw new Error('the planner found no rest');
}

function waitingIn({ world }: PlannedWorld): readonly JobId[] {
  return [...world.state.jobs()].filter(({ state }) => state === 'queued').map(({ id }) => id);
}

/** The job as the suggestion has it. */
function wanted({ world }: PlannedWorld, id: JobId, change: StartChange): Job {
  const input = askInput(world);
  const job = world.job(id);
  const judged = judgeHosts(input, job);
  const isGated = world.state.gateOf(id) !== undefined;
  const ladders = laddersFor({ reader: input.view, job, judged, nowMs: input.nowMs }, isGated);
  const rung = ladders
    .filter(({ kind }) => kind === change.kind)
    .flatMap(({ rungs }) => rungs)
    .find(({ flags, message }) => flags === change.flags && message === change.message);
  if (rung === undefined) throw new Error(`no rung for ${change.kind} ${change.flags}`);
  return rung.job;
}

/** By the commands of a user; the id of the job afterwards. */
function follow(planned: PlannedWorld, id: JobId, change: StartChange): JobId {
  const { world } = planned;
  const { spec } = wanted(planned, id, change);
  const about = { project: 'default', job: id };
  if (change.kind === 'release') world.run({ type: 'release-job', ...about });
  else if (change.kind === 'time-limit')
    world.run({ type: 'update-job', ...about, timeLimitMs: spec.timeLimitMs });
  else if (change.inPlace) throw new Error(`${change.kind} is not drawn here`);
  else {
    world.run({ type: 'stop-job', ...about });
    const anew = jobId('anew');
    world.run({ type: 'create-job', id: anew, project: 'default', spec, secrets: [] });
    return anew;
  }
  return id;
}

function startedBy(planned: PlannedWorld, id: JobId): boolean {
  return planned.look().placements.some(({ jobId: placed }) => placed === id);
}

t.test('what starts now is started, what is sooner is sooner', async (t) => {
  const seen = { now: 0, sooner: 0, kinds: new Set<string>() };
  fc.assert(
    fc.property(story, (drawn) => {
      const planned = open(drawn);
      for (const id of waitingIn(planned)) {
        const { explanation } = explainWhole(planned.world, id);
        for (const change of explanation.changes) {
          // A world of its own: the same story told again, with the same ids and times.
          const other = open(drawn);
          const changed = follow(other, id, change);
          seen.kinds.add(change.kind);
          if (change.startsNow) {
            seen.now += 1;
            if (!startedBy(other, changed))
              throw new Error(`${id} with ${change.flags || change.kind} does not start`);
            continue;
          }
          seen.sooner += 1;
          if (startedBy(other, changed)) continue;
          const startMs =
            explainWhole(other.world, changed).explanation.estimate?.startMs ?? Number.POSITIVE_INFINITY;
          if (startMs > change.estimate!.startMs + 1)
            throw new Error(`${id} with ${change.flags} is not sooner`);
          if (startMs >= explanation.estimate!.startMs)
            throw new Error(`${id} with ${change.flags} is as late`);
        }
      }
    }),
    { numRuns: RUNS, seed: 7 },
  );
  t.ok(seen.now > 20, `${seen.now} that start now`);
  t.ok(seen.sooner > 0, `${seen.sooner} that are sooner`);
  t.ok(seen.kinds.size >= 4, [...seen.kinds].join(' '));
});
