/**
 * Aim: a command inside a job gets its input, gives its output and its code through the controller, and nothing of it
 * is left when either side goes. Method: real bidi streams and a scripted agent that echoes.
 */

import type { MessageInitShape } from '@bufbuild/protobuf';
import t from 'tap';
import type { TaskKey } from '../../proto/domain/ids.ts';
import { toTaskName } from '../../proto/domain/ids.ts';
import type { ExecRequest, ExecRequestSchema, ExecResponse } from '../../proto/gen/nabla/v1/job_pb.ts';
import { createMessageQueue } from '../../proto/rpc/message-queue.ts';
import { eventually } from '../kit/eventually.ts';
import { collect, type RunningController, runController } from '../kit/running-controller.ts';

type Ask = MessageInitShape<typeof ExecRequestSchema>;

async function runningJob(nabla: RunningController) {
  const agent = await nabla.agent({ script: () => ({ untilTold: true }) });
  const command = { form: { case: 'shell' as const, value: 'sleep 9' } };
  const { job } = await nabla.jobs.createJob({ project: 'default', spec: { command } });
  const id = job?.id ?? '';
  await eventually(async () => {
    const now = await nabla.jobs.getJob({ project: 'default', job: id });
    return (now.job?.startedAtMs ?? 0n) > 0n;
  });
  return { agent, job: id, task: toTaskName({ jobId: id, attempt: 1, task: 0 } as TaskKey) };
}

async function* requests(...messages: ExecRequest['message'][]): AsyncGenerator<Ask> {
  for (const message of messages) yield { message } as Ask;
}

const start = (job: string, argv: string[], part: object = {}): ExecRequest['message'] =>
  ({ case: 'start', value: { project: 'default', job, argv, ...part } }) as never;

const textOf = (answers: readonly ExecResponse[], stream: 'stdout' | 'stderr'): string =>
  answers
    .map(({ message }) => (message.case === stream ? Buffer.from(message.value).toString() : ''))
    .join('');

t.test('input comes back as output, and the exit code is the command’s', async (t) => {
  const nabla = await runController(t);
  const { agent, job } = await runningJob(nabla);
  const answers = await collect(
    nabla.jobs.exec(
      requests(
        start(job, ['cat'], {
          tty: true,
          size: { rows: 24, columns: 80 },
          env: { A: 'b' },
          workingDirectory: '/w',
        }),
        { case: 'stdin', value: Buffer.from('hello ') },
        { case: 'resize', value: { rows: 10, columns: 20 } as never },
        { case: 'stdin', value: Buffer.alloc(200_000, 'x') },
        { case: 'stdinEof', value: true },
      ),
    ),
  );
  t.equal(answers[0]?.message.case, 'started');
  t.equal(textOf(answers, 'stdout'), `hello ${'x'.repeat(200_000)}`);
  t.same(JSON.parse(textOf(answers, 'stderr')), { rows: 10, columns: 20 });
  t.match(answers.at(-1)?.message, { case: 'exit', value: { code: 0, signal: 0 } });
  t.same(agent.execs[0], {
    argv: ['cat'],
    tty: true,
    rows: 24,
    columns: 80,
    env: { A: 'b' },
    workingDirectory: '/w',
  });
});

t.test('codes and signals go through', async (t) => {
  const nabla = await runController(t);
  const { job } = await runningJob(nabla);
  const failed = await collect(nabla.jobs.exec(requests(start(job, ['exit', '7']))));
  t.match(failed.at(-1)?.message, { case: 'exit', value: { code: 7 } });
  const queue = createMessageQueue<Ask>({ capacity: 10 });
  queue.push({ message: start(job, ['sleep']) } as Ask);
  const answers: ExecResponse[] = [];
  for await (const answer of nabla.jobs.exec(queue)) {
    answers.push(answer);
    if (answer.message.case === 'started') queue.push({ message: { case: 'signal', value: 'INT' } });
  }
  t.match(answers.at(-1)?.message, { case: 'exit', value: { code: 130 } });
});

t.test('what cannot be run is refused with the reason', async (t) => {
  const nabla = await runController(t);
  const { job, agent, task } = await runningJob(nabla);
  const refuse = (want: { code: string }, ...messages: ExecRequest['message'][]) =>
    t.rejects(collect(nabla.jobs.exec(requests(...messages))), want);
  await refuse({ code: 'REQUEST_INVALID' }, { case: 'stdin', value: Buffer.from('x') });
  await refuse({ code: 'REQUEST_INVALID' });
  await refuse({ code: 'REQUEST_INVALID' }, start(job, []));
  await refuse({ code: 'REQUEST_INVALID' }, start(job, ['a\0b']));
  await refuse({ code: 'REQUEST_INVALID' }, start(job, ['x'.repeat(100_000)]));
  await refuse({ code: 'REQUEST_INVALID' }, start(job, ['cat'], { task: 3 }));
  await refuse({ code: 'JOB_NOT_FOUND' }, start('nope', ['cat']));
  await refuse({ code: 'REQUEST_INVALID' }, start(job, ['cat']), start(job, ['cat']));
  await agent.finish(task);
  await eventually(async () => (await nabla.jobs.getJob({ project: 'default', job })).job?.exitCode === 0);
  await refuse({ code: 'JOB_NOT_RUNNING' }, start(job, ['cat']));
});

t.test(
  'a lost data connection ends the session with an error, a client that leaves frees the host',
  async (t) => {
    const nabla = await runController(t);
    const { job, agent } = await runningJob(nabla);
    const queue = createMessageQueue<Ask>({ capacity: 10 });
    queue.push({ message: start(job, ['cat']) } as Ask);
    const broken = (async () => {
      for await (const { message } of nabla.jobs.exec(queue)) if (message.case === 'started') agent.cutData();
    })();
    await t.rejects(broken, { kind: 'unavailable' } as object as Error);
    const abort = new AbortController();
    const left = createMessageQueue<Ask>({ capacity: 10 });
    left.push({ message: start(job, ['cat']) } as Ask);
    const leaving = (async () => {
      for await (const { message } of nabla.jobs.exec(left, { signal: abort.signal })) {
        if (message.case === 'started') abort.abort();
      }
    })();
    await t.rejects(leaving, { kind: 'cancelled' } as object as Error);
    await eventually(() => agent.openExecs === 0, { what: 'the session gone on the host' });
  },
);
