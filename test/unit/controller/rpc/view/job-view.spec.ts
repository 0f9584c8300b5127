/** Aim: a job is shown with the time at which its first task began. Method: records by hand. */
import t from 'tap';
import type { ClusterView } from '../../../../../controller/core/view.ts';
import { toJobView } from '../../../../../controller/rpc/view/job-view.ts';
import { aJob, anAttempt } from '../../../../kit/builders.ts';

const view = { queuePosition: () => 3, host: () => undefined } as unknown as ClusterView;
const show = (job: ReturnType<typeof aJob>) => toJobView(view, job, () => undefined, 0);

t.test('a start that was told together with the end is shown', async (t) => {
  const attempts = [anAttempt({ startedAtMs: 0 }), anAttempt({ number: 2, startedAtMs: 70 })];
  t.equal(show(aJob({ state: 'succeeded', startedAtMs: 0, attempts })).startedAtMs, 70);
  t.equal(show(aJob({ state: 'running', startedAtMs: 50, attempts })).startedAtMs, 50, 'what is known stays');
  t.equal(show(aJob({ state: 'queued', startedAtMs: 0, attempts: [] })).startedAtMs, 0);
});
