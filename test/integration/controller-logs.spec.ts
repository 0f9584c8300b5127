/**
 * Aim: a log is read whole, once and in order wherever it lies, by offset, by tail and by stream, and a reader that
 * follows outlives waiting and lost connections. Method: scripted agent over the real data connection.
 */
import t from 'tap';
import { encodeGapFrame, encodeLogFrame } from '../../proto/domain/frame.ts';
import type { TaskKey } from '../../proto/domain/ids.ts';
import { toTaskName } from '../../proto/domain/ids.ts';
import { LogStream, type ReadLogsResponse } from '../../proto/gen/nabla/v1/job_pb.ts';
import { eventually } from '../kit/eventually.ts';
import { collect, type RunningController, runController } from '../kit/running-controller.ts';

async function submit(nabla: RunningController): Promise<string> {
  const command = { form: { case: 'shell' as const, value: 'true' } };
  const { job } = await nabla.jobs.createJob({ project: 'default', spec: { command, waitForHosts: true } });
  return job?.id ?? '';
}

const nameOf = (job: string): string => toTaskName({ jobId: job, attempt: 1, task: 0 } as TaskKey);
const textOf = (parts: readonly ReadLogsResponse[]): string =>
  parts.map(({ data }) => Buffer.from(data).toString()).join('');

async function untilTask(
  agent: { readonly tasks: ReadonlyMap<string, unknown> },
  job: string,
): Promise<string> {
  const name = nameOf(job);
  await eventually(() => agent.tasks.has(name), { what: 'the task on its host' });
  return name;
}

async function untilArchived(nabla: RunningController, job: string): Promise<void> {
  await eventually(async () =>
    nabla.controller.engine.read(
      (view) => [...view.jobs()].find(({ id }) => id === job)?.attempts[0]?.logArchived,
    ),
  );
}

t.test(
  'a follower that came before the job ran sees everything once, through two lost connections',
  async (t) => {
    const nabla = await runController(t);
    const job = await submit(nabla);
    const parts: ReadLogsResponse[] = [];
    const reading = (async () => {
      for await (const part of nabla.jobs.readLogs({ project: 'default', job, follow: true }))
        parts.push(part);
    })();
    const agent = await nabla.agent({ script: () => ({ untilTold: true }) });
    const name = await untilTask(agent, job);
    await eventually(() => agent.tasks.get(name)?.observation.phase === 'running');
    for (const line of ['a\n', 'b\n', 'c\n']) {
      agent.print(name, line);
      await eventually(() => textOf(parts).endsWith(line), { what: `line ${line}` });
      agent.cutData();
    }
    await agent.finish(name);
    await reading;
    t.equal(textOf(parts), 'a\nb\nc\n');
    t.equal(parts.at(-1)?.eof, true);
    for (const [index, part] of parts.entries()) {
      if (index > 0)
        t.equal(part.offset, parts[index - 1]?.nextOffset, 'offsets join without gap or overlap');
    }
  },
);

t.test('a follower goes on when the agent reconnects', async (t) => {
  const nabla = await runController(t);
  const agent = await nabla.agent({ script: () => ({ untilTold: true, output: ['before\n'] }) });
  const job = await submit(nabla);
  const name = await untilTask(agent, job);
  const parts: ReadLogsResponse[] = [];
  const reading = (async () => {
    for await (const part of nabla.jobs.readLogs({ project: 'default', job, follow: true })) parts.push(part);
  })();
  await eventually(() => textOf(parts) === 'before\n');
  await agent.disconnect();
  agent.print(name, 'while away\n');
  await agent.connect();
  agent.print(name, 'after\n');
  await agent.finish(name);
  await reading;
  t.equal(textOf(parts), 'before\nwhile away\nafter\n');
});

t.test('a reader that resumes by offset gets the rest, from the host and from the store', async (t) => {
  const nabla = await runController(t);
  const agent = await nabla.agent({
    script: () => ({ untilTold: true, output: ['one\n', 'two\n', 'three\n'] }),
  });
  const job = await submit(nabla);
  const name = await untilTask(agent, job);
  await eventually(() => (agent.tasks.get(name)?.log.length ?? 0) > 0);
  const read = (offset: bigint) => collect(nabla.jobs.readLogs({ project: 'default', job, offset }));
  const live = await read(0n);
  t.equal(textOf(live), 'one\ntwo\nthree\n');
  t.notOk(live.at(-1)?.eof, 'the attempt has not ended');
  const offset = live[0]?.nextOffset ?? 0n;
  t.equal(textOf(await read(offset)), 'two\nthree\n');
  await agent.finish(name);
  await untilArchived(nabla, job);
  const stored = await read(offset);
  t.equal(textOf(stored), 'two\nthree\n');
  t.equal(stored.at(-1)?.eof, true);
  t.equal(textOf(await read(10_000n)), '', 'beyond the end is nothing');
});

t.test('tail and stream choose lines of a stored log', async (t) => {
  const nabla = await runController(t);
  const agent = await nabla.agent({ script: () => ({ untilTold: true }) });
  const job = await submit(nabla);
  const name = await untilTask(agent, job);
  agent.print(name, 'o1\no2\n');
  agent.print(name, 'e1\n', 'stderr');
  agent.print(name, 'o3\no4 without an end');
  await agent.finish(name);
  await untilArchived(nabla, job);
  const read = (part: { tailLines?: number; stream?: LogStream }) =>
    collect(nabla.jobs.readLogs({ project: 'default', job, ...part })).then(textOf);
  t.equal(await read({ tailLines: 1 }), 'o4 without an end');
  t.equal(await read({ tailLines: 2 }), 'o3\no4 without an end');
  t.equal(await read({ tailLines: 3 }), 'e1\no3\no4 without an end');
  t.equal(await read({ tailLines: 4 }), 'o2\ne1\no3\no4 without an end');
  t.equal(await read({ tailLines: 99 }), 'o1\no2\ne1\no3\no4 without an end');
  t.equal(await read({ stream: LogStream.STDERR }), 'e1\n');
  t.equal(await read({ stream: LogStream.STDOUT, tailLines: 3 }), 'o2\no3\no4 without an end');
});

t.test('a gap is told with its size, and offsets go on behind it', async (t) => {
  const nabla = await runController(t);
  const agent = await nabla.agent({ script: () => ({ untilTold: true }) });
  const job = await submit(nabla);
  const name = await untilTask(agent, job);
  const frame = (text: string) => encodeLogFrame({ kind: 'stdout', timeMs: 1, payload: Buffer.from(text) });
  const task = agent.tasks.get(name);
  if (task === undefined) throw new Error('no task');
  task.log = Buffer.concat([frame('head\n'), encodeGapFrame(1000), frame('tail\n')]);
  await agent.finish(name);
  await untilArchived(nabla, job);
  const parts = await collect(nabla.jobs.readLogs({ project: 'default', job }));
  t.same(
    parts.map(({ offset, nextOffset, gapBytes }) => [Number(offset), Number(nextOffset), Number(gapBytes)]),
    [
      [0, 18, 0],
      [18, 1018, 1000],
      [1018, 1036, 0],
      [1036, 1036, 0],
    ],
  );
  const rest = await collect(nabla.jobs.readLogs({ project: 'default', job, offset: 1018n }));
  t.equal(textOf(rest), 'tail\n');
});

t.test(
  'without follow an unreachable host is said; a job cancelled in the queue has an empty log',
  async (t) => {
    const nabla = await runController(t);
    const agent = await nabla.agent({ script: () => ({ untilTold: true }), refuseData: true });
    const job = await submit(nabla);
    await untilTask(agent, job);
    await eventually(async () => {
      await t.rejects(collect(nabla.jobs.readLogs({ project: 'default', job })), {
        code: 'HOST_UNREACHABLE',
      });
      return true;
    });
    await agent.disconnect();
    await t.rejects(collect(nabla.jobs.readLogs({ project: 'default', job })), { code: 'HOST_UNREACHABLE' });
    const waiting = await submit(nabla);
    t.same(await collect(nabla.jobs.readLogs({ project: 'default', job: waiting })), []);
    const following = collect(nabla.jobs.readLogs({ project: 'default', job: waiting, follow: true }));
    await nabla.jobs.stopJob({ project: 'default', job: waiting });
    t.same(
      (await following).map(({ eof }) => eof),
      [true],
    );
    await t.rejects(collect(nabla.jobs.readLogs({ project: 'default', job: waiting, attempt: 2 })), {
      code: 'ATTEMPT_NOT_FOUND',
    });
  },
);

t.test('many readers share few data connections, and leaving one early frees it', async (t) => {
  const nabla = await runController(t);
  const agent = await nabla.agent({ script: () => ({ untilTold: true, output: ['x\n'] }) });
  const job = await submit(nabla);
  const name = await untilTask(agent, job);
  const readers = Array.from({ length: 40 }, async () => {
    for await (const part of nabla.jobs.readLogs({ project: 'default', job, follow: true })) {
      if (part.data.length > 0) return;
    }
  });
  await Promise.all(readers);
  t.ok(agent.dataConnections <= 2, `used ${agent.dataConnections}`);
  await eventually(() => agent.tasks.get(name)?.readers.size === 0, { what: 'readers gone on the host' });
});

t.test('a large log comes whole through a slow reader', async (t) => {
  const nabla = await runController(t);
  const line = `${'x'.repeat(63 * 1024)}\n`;
  const agent = await nabla.agent({ script: () => ({ untilTold: true }) });
  const job = await submit(nabla);
  const name = await untilTask(agent, job);
  for (let count = 0; count < 100; count += 1) agent.print(name, line);
  let bytes = 0;
  const reading = (async () => {
    for await (const { data } of nabla.jobs.readLogs({ project: 'default', job, follow: true })) {
      bytes += data.length;
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  await eventually(() => bytes > 10 * line.length);
  await agent.finish(name);
  await reading;
  t.equal(bytes, 100 * line.length);
});
