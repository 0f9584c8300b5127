/** Aim: a job is shown with when its first task began, and with what is known while its host is silent. Method: records. */
import t from 'tap';
import type { ClusterView } from '../../../../../controller/core/view.ts';
import { toJobView } from '../../../../../controller/rpc/view/job-view.ts';
import type { HostState } from '../../../../../proto/domain/catalog.ts';
import { aJob, aJobSpec, anAttempt } from '../../../../kit/builders.ts';

const view = {
  queuePosition: () => 3,
  gateOf: () => undefined,
  host: () => undefined,
} as unknown as ClusterView;
const show = (job: ReturnType<typeof aJob>) => toJobView(view, job, () => undefined, 0);

t.test('a start that was told together with the end is shown', async (t) => {
  const attempts = [anAttempt({ startedAtMs: 0 }), anAttempt({ number: 2, startedAtMs: 70 })];
  t.equal(show(aJob({ state: 'succeeded', startedAtMs: 0, attempts })).startedAtMs, 70);
  t.equal(show(aJob({ state: 'running', startedAtMs: 50, attempts })).startedAtMs, 50, 'what is known stays');
  t.equal(show(aJob({ state: 'queued', startedAtMs: 0, attempts: [] })).startedAtMs, 0);
});

t.test('a job under way whose host is silent says so, by what it asked for', async (t) => {
  const shown = (state: HostState, onDisconnect?: 'replace' | 'stop') => {
    const job = aJob({
      state: 'running',
      reason: 'RUNNING',
      attempts: [anAttempt()],
      spec: aJobSpec(onDisconnect === undefined ? {} : { onDisconnect }),
    });
    return toJobView(
      view,
      job,
      () => undefined,
      0,
      () => state,
    );
  };
  t.match(shown('ready'), { reason: 'RUNNING' });
  t.match(shown('suspect'), { reason: 'RUNNING' }, 'a few seconds are nothing');
  t.match(shown('unknown'), { state: 'running', reason: 'HOST_SILENT', reasonMessage: /waits for it/ });
  t.match(shown('lost', 'replace'), { reasonMessage: /another attempt/ });
  t.match(shown('lost', 'stop'), { reasonMessage: /the job ends/ });
  const done = aJob({ state: 'succeeded', reason: 'SUCCEEDED', attempts: [anAttempt()] });
  t.match(
    toJobView(
      view,
      done,
      () => undefined,
      0,
      () => 'lost',
    ),
    { reason: 'SUCCEEDED' },
  );
});

t.test('a job that may not start says why instead of where it stands', async (t) => {
  const gate = { code: 'HELD', message: 'is held' };
  const held = { ...view, queuePosition: () => 0, gateOf: () => gate } as unknown as ClusterView;
  const shown = toJobView(held, aJob({ state: 'queued' }), () => undefined, 0);
  t.match(shown, { queuePosition: 0, reason: 'HELD', reasonMessage: 'is held' });
});
