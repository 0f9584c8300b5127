/** Aim: a dry run says where a job would go, whom it would displace or why it would wait. Method: small clusters. */
import t from 'tap';
import { planDryRun } from '../../../../../controller/core/explain/dry-run.ts';
import type { Job } from '../../../../../proto/domain/job.ts';
import { aJob, anInventory, hostId, jobId, someGpus } from '../../../../kit/builders.ts';
import { askInput, newAskedPlanner } from '../../../../kit/explained.ts';
import { PlannedWorld } from '../../../../kit/plan-world.ts';

const HOUR_MS = 3_600_000;

function open(gpus: number): PlannedWorld {
  const planned = new PlannedWorld();
  const inventory = anInventory({ gpus: someGpus(gpus, { host: 'a' }) });
  planned.world.addHost({ id: hostId('a'), name: 'a', inventory });
  return planned;
}

function candidate({ world }: PlannedWorld, gpus: number, part: Partial<Job> = {}, spec = {}): Job {
  return aJob({
    id: jobId('new'),
    projectId: world.defaultProject,
    state: 'queued',
    attempts: [],
    createdAtMs: world.nowMs,
    spec: world.spec({ resources: { gpuMilli: 1000 * gpus }, ...spec }),
    ...part,
  });
}

const plan = ({ world }: PlannedWorld, jobs: readonly [Job, ...Job[]], sees = true) =>
  planDryRun(newAskedPlanner(), askInput(world), jobs, () => sees);

t.test('where it would go, and nothing is changed', async (t) => {
  const planned = open(2);
  const { headSeq } = planned.world.state;
  const told = plan(planned, [candidate(planned, 2)]);
  t.match(told, { fitsNow: true, hostName: 'a', reason: 'FITS', position: 1, unknownBecause: '' });
  t.equal(told.gpuUuids.length, 2);
  t.equal(planned.world.state.headSeq, headSeq);
  t.equal(planned.world.queue().length, 0);
});

t.test('why it would wait, at which place and until when', async (t) => {
  const planned = open(1);
  planned.job(1, { timeLimitMs: HOUR_MS });
  planned.step();
  planned.job(1, { timeLimitMs: HOUR_MS });
  planned.world.nowMs += 1;
  const told = plan(planned, [candidate(planned, 1)]);
  t.match(told, { fitsNow: false, reason: 'NO_FREE_GPU', position: 2, gpuUuids: [] });
  t.ok(told.estimate!.startMs >= planned.world.nowMs + 2 * HOUR_MS - 2);
});

t.test('whom it would displace; of those that are hidden the number', async (t) => {
  const planned = open(1);
  const victim = planned.job(1, { priority: 10, preemptible: true });
  planned.step();
  planned.world.nowMs += HOUR_MS;
  const urgent = candidate(planned, 1, {}, { priority: 900 });
  t.match(plan(planned, [urgent]), { reason: 'EVICTION', displaced: { jobIds: [victim], hiddenCount: 0 } });
  t.same(plan(planned, [urgent], false).displaced, { jobIds: [], visibleCount: 0, hiddenCount: 1 });
  t.equal(planned.world.job(victim).state, 'running');
});

t.test('of an array, how many elements would start', async (t) => {
  const planned = open(2);
  const elements = [1, 2, 3].map((at) => candidate(planned, 1, { id: jobId(`new${at}`) }));
  t.match(plan(planned, elements as [Job, ...Job[]]), { fitsNow: true, elements: 3, elementsStarting: 2 });
});

t.test('one that would not even be looked at says what keeps it back', async (t) => {
  const planned = open(1);
  const held = candidate(planned, 1, { held: true });
  t.match(plan(planned, [held]), {
    fitsNow: false,
    reason: 'HELD',
    position: 0,
    unknownBecause: 'it is held until somebody releases it',
    elementsStarting: 0,
  });
});
