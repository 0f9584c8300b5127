/**
 * Aim: a job goes through the real controller from submission to its log, told by commits and messages alone.
 * Method: a whole controller in this process, real gRPC over TLS, a scripted agent on the other side.
 */
import t from 'tap';
import { JobState } from '../../proto/gen/nabla/v1/job_pb.ts';
import { collect, runController } from '../kit/running-controller.ts';

const TRUE_JOB = { command: { form: { case: 'shell' as const, value: 'true' } } };

t.test('a job is placed, runs, ends, and its log can be read', async (t) => {
  const nabla = await runController(t);
  await nabla.agent({ script: () => ({ output: ['one\n', 'two\n'] }) });
  const { job } = await nabla.jobs.createJob({ project: 'default', spec: TRUE_JOB });
  const states = await collect(nabla.jobs.watchJob({ project: 'default', job: job?.id ?? '' }));
  const last = states.at(-1)?.job;
  t.equal(last?.state, JobState.SUCCEEDED);
  t.equal(last?.exitCode, 0);
  t.equal(last?.attempts.length, 1);
  const parts = await collect(nabla.jobs.readLogs({ project: 'default', job: job?.id ?? '', follow: true }));
  t.equal(parts.map(({ data }) => Buffer.from(data).toString()).join(''), 'one\ntwo\n');
  t.equal(parts.at(-1)?.eof, true);
  t.same(nabla.fatal, []);
});
