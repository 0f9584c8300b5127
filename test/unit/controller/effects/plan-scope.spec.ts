/**
 * Aim: a plan looks at newcomers only as long as nothing was freed, and at the whole queue in every other case.
 * Method: facts as commits bring them, and what is to be looked at after each.
 */
import t from 'tap';
import { createPlanScope, NEWCOMERS_MAX } from '../../../../controller/effects/plan-scope.ts';
import { compareInQueue } from '../../../../controller/state/queue-index.ts';
import type { JobId } from '../../../../proto/domain/ids.ts';
import type { Job, JobState } from '../../../../proto/domain/job.ts';
import { aJob, aJobSpec, jobId } from '../../../kit/builders.ts';

const queued = (id: JobId) => ({ type: 'job-queued', subject: id });
const released = { type: 'attempt-released', subject: jobId(9) };

function world(jobs: readonly Job[], hasGated = false) {
  const found = new Map(jobs.map((job) => [job.id, job]));
  const order = jobs.filter(({ state }) => state === 'queued').sort(compareInQueue(() => 0));
  return {
    job: (id: JobId) => found.get(id),
    queuePosition: (id: JobId) => order.findIndex((job) => job.id === id) + 1,
    hasGated,
  };
}

const waiting = (n: number, priority = 0, state: JobState = 'queued'): Job =>
  aJob({ id: jobId(n), state, createdAtMs: n, spec: aJobSpec({ priority }) });

t.test('it begins with the whole queue, then knows newcomers in queue order', async (t) => {
  const scope = createPlanScope();
  const view = world([waiting(1), waiting(2), waiting(3, 5), waiting(4, 0, 'cancelled')]);
  t.equal(scope.note([queued(jobId(1))]), true);
  t.equal(scope.take(view), undefined);
  t.equal(scope.note([1, 2, 3, 4].map((n) => queued(jobId(n)))), true);
  t.strictSame(
    scope.take(view)?.map(({ id }) => id),
    [jobId(3), jobId(1), jobId(2)],
  );
  t.strictSame(scope.take(view), [], 'what was looked at is looked at once');
});

for (const [what, widen] of [
  [
    'freed capacity',
    (scope: ReturnType<typeof createPlanScope>) => void scope.note([queued(jobId(1)), released]),
  ],
  ['somebody who says so', (scope: ReturnType<typeof createPlanScope>) => scope.widen()],
  [
    'too many newcomers',
    (scope: ReturnType<typeof createPlanScope>) =>
      void scope.note(Array.from({ length: NEWCOMERS_MAX + 1 }, (_, n) => queued(jobId(n)))),
  ],
] as const) {
  t.test(`${what} asks for the whole queue, once`, async (t) => {
    const scope = createPlanScope();
    const view = world([]);
    scope.take(view);
    widen(scope);
    scope.note([queued(jobId(2))]);
    t.equal(scope.take(view), undefined);
    t.strictSame(scope.take(view), []);
  });
}

t.test('the end of a job asks for the whole queue while some job waits for more than room', async (t) => {
  const scope = createPlanScope();
  const finished = { type: 'job-finished', subject: jobId(1) };
  scope.take(world([]));
  t.equal(scope.note([finished]), true);
  t.strictSame(scope.take(world([waiting(2)])), [], 'nobody waits for it');
  t.equal(scope.note([finished]), true);
  t.equal(scope.take(world([waiting(2)], true)), undefined);
  t.strictSame(scope.take(world([waiting(2)], true)), [], 'once');
});

t.test('other facts wake nobody', async (t) => {
  const scope = createPlanScope();
  t.equal(scope.note([{ type: 'project-updated', subject: 'prj_1' }]), false);
  t.equal(scope.note([]), false);
});
