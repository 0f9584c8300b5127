/**
 * Aim: a job goes through the real controller from submission to its log, told by commits and messages alone.
 * Method: a whole controller in this process, real gRPC over TLS, a scripted agent on the other side.
 */
import t from 'tap';
import type { TaskKey } from '../../proto/domain/ids.ts';
import { toTaskName } from '../../proto/domain/ids.ts';
import { JobState } from '../../proto/gen/nabla/v1/job_pb.ts';
import { anInventory, someGpus } from '../kit/builders.ts';
import { eventually } from '../kit/eventually.ts';
import type { FakeAgent } from '../kit/fake-agent.ts';
import { collect, type RunningController, runController } from '../kit/running-controller.ts';

const SHELL_TRUE = { form: { case: 'shell' as const, value: 'true' } };
const TRUE_JOB = { command: SHELL_TRUE };

async function submit(nabla: RunningController, spec: object = {}): Promise<string> {
  const { job } = await nabla.jobs.createJob({ project: 'default', spec: { ...TRUE_JOB, ...spec } });
  return job?.id ?? '';
}

/** The job in its final state. */
async function ended(nabla: RunningController, job: string) {
  const states = await collect(nabla.jobs.watchJob({ project: 'default', job }));
  const last = states.at(-1)?.job;
  if (last === undefined) throw new Error('the watch gave nothing');
  return last;
}

async function running(nabla: RunningController, job: string): Promise<void> {
  for await (const { job: now } of nabla.jobs.watchJob({ project: 'default', job })) {
    if (now?.state === JobState.RUNNING) return;
  }
  throw new Error('the job ended without running');
}

function taskName(job: string, attempt = 1): string {
  return toTaskName({ jobId: job, attempt, task: 0 } as TaskKey);
}

function desiredOf(agent: FakeAgent) {
  return agent.received.filter((message) => message.kind === 'desired');
}

t.test('a job is placed, runs, ends, and its log can be read', async (t) => {
  const nabla = await runController(t);
  await nabla.agent({ script: () => ({ output: ['one\n', 'two\n'] }) });
  const job = await submit(nabla);
  const last = await ended(nabla, job);
  t.equal(last.state, JobState.SUCCEEDED);
  t.equal(last.exitCode, 0);
  t.equal(last.attempts.length, 1);
  const parts = await collect(nabla.jobs.readLogs({ project: 'default', job, follow: true }));
  t.equal(parts.map(({ data }) => Buffer.from(data).toString()).join(''), 'one\ntwo\n');
  t.equal(parts.at(-1)?.eof, true);
  t.same(nabla.fatal, []);
});

t.test('a failing command fails the job with its code', async (t) => {
  const nabla = await runController(t);
  await nabla.agent({ script: () => ({ exitCode: 3 }) });
  const last = await ended(nabla, await submit(nabla));
  t.equal(last.state, JobState.FAILED);
  t.equal(last.exitCode, 3);
});

t.test(
  'a job waits with a reason and a place while no host is connected, and goes when one comes',
  async (t) => {
    const nabla = await runController(t);
    const first = await submit(nabla, { waitForHosts: true });
    const second = await submit(nabla, { waitForHosts: true });
    const waiting = await eventually(async () => {
      const { job } = await nabla.jobs.getJob({ project: 'default', job: second });
      return job?.reason === 'QUEUED' ? undefined : job;
    });
    t.equal(waiting.state, JobState.QUEUED);
    t.equal(waiting.queuePosition, 2);
    t.match(waiting.reasonMessage, /\w/);
    await nabla.agent();
    t.equal((await ended(nabla, first)).state, JobState.SUCCEEDED);
    t.equal((await ended(nabla, second)).state, JobState.SUCCEEDED);
  },
);

t.test('hundreds of jobs on one GPU each never hold more than the host has, and all end', async (t) => {
  const nabla = await runController(t);
  let alive = 0;
  let peak = 0;
  const agent = await nabla.agent({
    script: () => ({ untilTold: true }),
    inventory: anInventory({ gpus: someGpus(4) }),
  });
  const jobs = await Promise.all(
    Array.from({ length: 200 }, () => submit(nabla, { resources: { gpuMilli: 1000n, cpuMilli: 1n } })),
  );
  const finished = new Set<string>();
  await eventually(
    async () => {
      const open = [...agent.tasks].filter(
        ([name, task]) => !finished.has(name) && task.observation.phase === 'running',
      );
      alive = open.length;
      peak = Math.max(peak, alive);
      for (const [name] of open) {
        finished.add(name);
        await agent.finish(name);
      }
      return finished.size === jobs.length;
    },
    { deadlineMs: 30_000 },
  );
  const { hosts } = await nabla.hosts.listHosts({});
  t.equal(hosts[0]?.gpus.length, 4);
  t.ok(peak <= 4 && peak > 1, `all GPUs at once and no more, was ${peak}`);
  for (const job of jobs) t.equal((await ended(nabla, job)).state, JobState.SUCCEEDED);
});

t.test('stopping a running job stops it on its host and cancels it', async (t) => {
  const nabla = await runController(t);
  const agent = await nabla.agent({ script: () => ({ untilTold: true }) });
  const job = await submit(nabla);
  await running(nabla, job);
  const { job: stopping } = await nabla.jobs.stopJob({ project: 'default', job, graceMs: 1234n });
  t.equal(stopping?.stopRequested, true);
  const last = await ended(nabla, job);
  t.equal(last.state, JobState.CANCELLED);
  t.equal(last.exitCode, 143);
  const stop = desiredOf(agent)
    .flatMap(({ tasks }) => tasks)
    .find(({ phase }) => phase === 'stop');
  t.equal(stop?.graceMs, 1234);
  t.equal(stop?.stopCause, 'user');
});

t.test('a retry makes a further attempt of the same job', async (t) => {
  const nabla = await runController(t);
  let exitCode = 1;
  await nabla.agent({ script: () => ({ exitCode }) });
  const job = await submit(nabla);
  t.equal((await ended(nabla, job)).state, JobState.FAILED);
  exitCode = 0;
  await nabla.jobs.retryJob({ project: 'default', job });
  const last = await ended(nabla, job);
  t.equal(last.state, JobState.SUCCEEDED);
  t.equal(last.attempts.length, 2);
});

t.test('the end is acknowledged only once committed, and the host is told to forget', async (t) => {
  const nabla = await runController(t);
  const agent = await nabla.agent({ script: () => ({ archiveLog: false, output: ['x\n'] }) });
  const job = await submit(nabla);
  await ended(nabla, job);
  const ack = await eventually(() => agent.received.filter((message) => message.kind === 'ack').at(-1));
  t.ok(ack.committedSeq > 0);
  t.ok(agent.maxSeenSeq <= (await nabla.controller.engine.read((view) => view.headSeq)));
  await eventually(() => !agent.tasks.has(taskName(job)), { what: 'the order to forget' });
});

t.test('a watch resumes after a revision and ends with the job', async (t) => {
  const nabla = await runController(t);
  const agent = await nabla.agent({ script: () => ({ untilTold: true }) });
  const job = await submit(nabla);
  await running(nabla, job);
  const { job: now } = await nabla.jobs.getJob({ project: 'default', job });
  const rest = collect(nabla.jobs.watchJob({ project: 'default', job, afterRevision: now?.revision ?? 0n }));
  await agent.finish(taskName(job));
  const states = await rest;
  t.ok(states.length > 0);
  t.ok(states.every(({ job: state }) => (state?.revision ?? 0n) > (now?.revision ?? 0n)));
  t.equal(states.at(-1)?.job?.state, JobState.SUCCEEDED);
  const again = await collect(
    nabla.jobs.watchJob({ project: 'default', job, afterRevision: states.at(-1)?.job?.revision ?? 0n }),
  );
  t.same(again, [], 'a finished job has nothing new to tell');
});

t.test('a watched job that is deleted ends the watch', async (t) => {
  const nabla = await runController(t);
  const job = await submit(nabla, { waitForHosts: true });
  const watching = collect(nabla.jobs.watchJob({ project: 'default', job }));
  await nabla.jobs.stopJob({ project: 'default', job });
  const states = await watching;
  t.equal(states.at(-1)?.job?.state, JobState.CANCELLED);
  await nabla.jobs.deleteJob({ project: 'default', job });
  await t.rejects(collect(nabla.jobs.watchJob({ project: 'default', job })), { code: 'JOB_NOT_FOUND' });
});

t.test('secret values reach the start and nothing else', async (t) => {
  const nabla = await runController(t, { durable: true });
  const agent = await nabla.agent({ inventory: { drivers: ['docker'] } });
  const value = Buffer.from('canary-7c1f');
  await nabla.secrets.setSecret({ project: 'default', name: 'TOKEN', value });
  const spec = {
    image: 'registry.example/team/app',
    registry: { url: 'registry.example', username: 'u', password: 'canary-pass' },
    env: { API: 'secret:TOKEN', PLAIN: 'x' },
  };
  const { job } = await nabla.jobs.createJob({ project: 'default', spec: { ...TRUE_JOB, ...spec } });
  t.equal(job?.spec?.registry?.password, '');
  t.match(job?.spec?.registry?.secretId, /^sec_/);
  await ended(nabla, job?.id ?? '');
  const start = desiredOf(agent)
    .flatMap(({ tasks }) => tasks)
    .find(({ phase }) => phase === 'run');
  t.equal(Buffer.from(start?.secretValues.get('API') ?? '').toString(), 'canary-7c1f');
  const password = start?.secretValues.get(job?.spec?.registry?.secretId ?? '');
  t.equal(Buffer.from(password ?? '').toString(), 'canary-pass');
  const { secrets } = await nabla.secrets.listSecrets({ project: 'default' });
  t.same(
    secrets.map(({ name }) => name),
    ['TOKEN'],
    'secrets of jobs are not listed',
  );
  const events = await nabla.controller.engine.events(0, 1000);
  t.notMatch(JSON.stringify(events), /canary/);
});

t.test('a dry run says where the job would go and stores nothing', async (t) => {
  const nabla = await runController(t);
  await nabla.agent();
  const before = await nabla.controller.engine.read((view) => view.headSeq);
  const { plan, job } = await nabla.jobs.createJob({ project: 'default', spec: TRUE_JOB, dryRun: true });
  t.equal(plan?.fitsNow, true);
  t.equal(plan?.hostName, 'host-1');
  t.equal(job, undefined);
  t.equal(await nabla.controller.engine.read((view) => view.headSeq), before);
  await t.rejects(
    nabla.jobs.createJob({ project: 'default', spec: { ...TRUE_JOB, machineType: 'nope' }, dryRun: true }),
    { code: 'MACHINE_TYPE_NOT_FOUND' },
  );
});

t.test('the same request id gives the same job, another content is refused', async (t) => {
  const nabla = await runController(t);
  const request = { project: 'default', spec: { ...TRUE_JOB, waitForHosts: true }, requestId: 'once' };
  const first = await nabla.jobs.createJob(request);
  const second = await nabla.jobs.createJob(request);
  t.equal(second.job?.id, first.job?.id);
  await t.rejects(nabla.jobs.createJob({ ...request, spec: { ...request.spec, name: 'other' } }), {
    kind: 'exists',
    code: 'REQUEST_ID_REUSED',
  });
});

t.test(
  'jobs, their logs and the queue outlive a restart; a job that ran meanwhile is taken up again',
  async (t) => {
    const before = await runController(t, { durable: true });
    const agent = await before.agent({ script: () => ({ untilTold: true, output: ['first\n'] }) });
    const done = await submit(before);
    await running(before, done);
    await agent.finish(taskName(done));
    await ended(before, done);
    const open = await submit(before);
    await running(before, open);
    await agent.disconnect();
    const after = await before.restart();
    const parts = await collect(after.jobs.readLogs({ project: 'default', job: done }));
    t.equal(parts.map(({ data }) => Buffer.from(data).toString()).join(''), 'first\n');
    const { job } = await after.jobs.getJob({ project: 'default', job: open });
    t.equal(job?.state, JobState.RUNNING, 'silence changes nothing');
    agent.retarget(after.target);
    await agent.connect();
    await agent.finish(taskName(open));
    t.equal((await ended(after, open)).state, JobState.SUCCEEDED);
    t.same([...before.fatal, ...after.fatal], []);
  },
);
