/**
 * Aim: bytes get where they belong: workspaces (fetched once, resumed, verified, from git), outputs while a
 * task runs and at its end, logs followed and cut, terminals bridged; and what is wrong is told in one clear
 * sentence. Method: a real agent with the process driver against a scripted controller.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import t from 'tap';
import yazl from 'yazl';
import { decodeExecFrame, encodeExecFrame } from '../../../proto/domain/frame.ts';
import { type TaskKey, toTaskName } from '../../../proto/domain/ids.ts';
import type { JobSpec } from '../../../proto/domain/job.ts';
import { type AgentChild, startAgentChild, untilConnected } from '../../kit/agent-process.ts';
import { aDesiredTask, aJobSpec, aTaskKey, aTaskSpec, jobId } from '../../kit/builders.ts';
import { eventually } from '../../kit/eventually.ts';
import { type FakeController, startFakeController } from '../../kit/fake-controller.ts';
import { collectBytes, readFramedLog } from '../../kit/framed-log.ts';

const DEADLINE_MS = 60_000;

interface TapTest {
  teardown(close: () => Promise<void>): void;
}

async function setUp(t: TapTest): Promise<{ controller: FakeController; agent: AgentChild; folder: string }> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'nabla-data-'));
  const controller = await startFakeController({ heartbeatMs: 500 });
  const agent = await startAgentChild(controller, path.join(folder, 'agent'), [
    '--gpu-probe',
    'none',
    '--git-allow-file',
  ]);
  t.teardown(async () => {
    await controller.stopTasks();
    await agent.stop();
    await controller.close();
    await rm(folder, { recursive: true, force: true });
  });
  await untilConnected(controller);
  return { controller, agent, folder };
}

let count = 0;
function nextKey(): TaskKey {
  count += 1;
  return aTaskKey({ jobId: jobId(`dat${count}`) });
}

function task(key: TaskKey, line: string, part: Partial<JobSpec> = {}, secrets: Record<string, string> = {}) {
  const job = { ...aJobSpec({ command: { kind: 'shell', line } }), ...part };
  const secretValues = new Map(Object.entries(secrets).map(([name, value]) => [name, Buffer.from(value)]));
  return aDesiredTask({ key, spec: aTaskSpec({ job }), secretValues });
}

function until(controller: FakeController, key: TaskKey, phase: string) {
  return eventually(
    () => {
      const seen = controller.observation(key);
      return seen?.phase === phase ? seen : undefined;
    },
    { deadlineMs: DEADLINE_MS, what: `${toTaskName(key)} ${phase}` },
  );
}

async function logOf(controller: FakeController, key: TaskKey) {
  const bytes = await eventually(() => controller.logs.get(toTaskName(key)), {
    deadlineMs: DEADLINE_MS,
    what: 'archived log',
  });
  return readFramedLog(bytes);
}

async function zipOf(files: Readonly<Record<string, string>>): Promise<{ bytes: Buffer; sha256: string }> {
  const zip = new yazl.ZipFile();
  for (const [name, text] of Object.entries(files))
    zip.addBuffer(Buffer.from(text), name, { compress: false });
  zip.end();
  const bytes = await collectBytes(zip.outputStream as AsyncIterable<Buffer>);
  return { bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
}

t.test('a workspace is fetched once for several tasks, resumed after a break, and unpacked', async (t) => {
  const { controller } = await setUp(t);
  const { bytes, sha256 } = await zipOf({
    'run.sh': 'cat data/big | wc -c',
    'data/big': 'x'.repeat(500_000),
  });
  controller.workspaces.set(sha256, bytes);
  controller.workspaceBreaks.push(100_000, 50_000);
  const keys = [nextKey(), nextKey(), nextKey()];
  const workspace = { kind: 'blob', sha256, sizeBytes: bytes.length } as const;
  controller.order(...keys.map((key) => task(key, 'sh run.sh', { workspace })));
  for (const key of keys) {
    t.match((await until(controller, key, 'exited')).exit, { code: 0 });
    t.match((await logOf(controller, key)).stdout.toString(), /^\s*500000\n$/);
  }
  t.equal(controller.workspaceRequests, 3, 'two breaks and one end, whatever the number of tasks');
});

t.test('workspaces that cannot be had are told by name', async (t) => {
  const { controller } = await setUp(t);
  const missing = nextKey();
  const wrong = nextKey();
  const { bytes, sha256 } = await zipOf({ a: 'b' });
  const other = 'e'.repeat(64);
  controller.workspaces.set(other, bytes);
  controller.order(
    task(missing, 'true', { workspace: { kind: 'blob', sha256, sizeBytes: bytes.length } }),
    task(wrong, 'true', { workspace: { kind: 'blob', sha256: other, sizeBytes: bytes.length } }),
  );
  t.match((await until(controller, missing, 'exited')).exit, {
    verdict: 'data',
    reason: 'WORKSPACE_NOT_FOUND',
  });
  t.match((await until(controller, wrong, 'exited')).exit, { verdict: 'data', reason: 'WORKSPACE_CORRUPT' });
});

t.test('a git workspace is checked out at its ref; bad ones are refused in a sentence', async (t) => {
  const { controller, folder } = await setUp(t);
  const repository = path.join(folder, 'repository');
  await mkdir(repository);
  const git = (...args: readonly string[]): string =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], {
      cwd: repository,
      encoding: 'utf8',
    }).trim();
  git('init', '--quiet', '--initial-branch=main');
  await writeFile(path.join(repository, 'v'), 'one\n');
  git('add', '.');
  git('commit', '--quiet', '-m', 'one');
  const first = git('rev-parse', 'HEAD');
  await writeFile(path.join(repository, 'v'), 'two\n');
  git('commit', '--quiet', '-am', 'two');
  git('tag', 'newest');
  git('config', 'uploadpack.allowAnySHA1InWant', 'true');
  const url = `file://${repository}`;
  const cases = [
    { ref: '', want: 'two\n' },
    { ref: 'newest', want: 'two\n' },
    { ref: first, want: 'one\n' },
  ];
  for (const { ref, want } of cases) {
    const key = nextKey();
    controller.order(task(key, 'cat v', { workspace: { kind: 'git', url, ref } }));
    t.match((await until(controller, key, 'exited')).exit, { code: 0 }, `ref '${ref}'`);
    t.equal((await logOf(controller, key)).stdout.toString(), want);
  }
  const refused = [
    { url, ref: 'no-such-ref', reason: 'GIT_REF_NOT_FOUND' },
    { url, ref: '--upload-pack=/bin/sh', reason: 'GIT_REF_INVALID' },
    { url: 'ext::sh -c id', ref: '', reason: 'GIT_URL_REFUSED' },
    { url: 'http://127.0.0.1/x.git', ref: '', reason: 'GIT_URL_REFUSED' },
    { url: 'https://user:secret@127.0.0.1/x.git', ref: '', reason: 'GIT_URL_REFUSED' },
    { url: `file://${folder}/nothing`, ref: '', reason: 'GIT_NOT_FOUND' },
  ];
  for (const { reason, ...source } of refused) {
    const key = nextKey();
    controller.order(task(key, 'true', { workspace: { kind: 'git', ...source } }));
    const { exit } = await until(controller, key, 'exited');
    t.match(exit, { reason }, source.url);
    t.notOk(exit?.message.includes('secret'), 'no part of a URL is told');
  }
});

t.test('outputs are stored while a task runs and at its end; links lead nowhere', async (t) => {
  const { controller, folder } = await setUp(t);
  const key = nextKey();
  const name = toTaskName(key);
  controller.order(
    task(
      key,
      'cd "$NABLA_ARTIFACTS"; echo early > early.txt; ln -s /etc/passwd stolen; mkdir sub; mkfifo sub/pipe;' +
        ' until [ -e "$NABLA_STORAGE/go" ]; do sleep 0.1; done; echo late > sub/late.txt; echo more >> early.txt',
    ),
  );
  const early = await eventually(() => controller.artifacts.get(`${name}/early.txt`), {
    deadlineMs: DEADLINE_MS,
    what: 'output of a running task',
  });
  t.equal(early.bytes.toString(), 'early\n');
  t.equal((await until(controller, key, 'running')).phase, 'running', 'reports may come later than uploads');
  await writeFile(path.join(folder, 'agent', 'storage', 'prj_1', 'go'), '');
  t.match((await until(controller, key, 'exited')).exit, { code: 0 });
  t.same([...controller.artifacts.keys()].sort(), [`${name}/early.txt`, `${name}/sub/late.txt`]);
  t.equal(controller.artifacts.get(`${name}/early.txt`)?.bytes.toString(), 'early\nmore\n');
  t.equal(controller.artifacts.get(`${name}/sub/late.txt`)?.puts, 1);
});

t.test('outputs that are refused do not fail the job', async (t) => {
  const { controller } = await setUp(t);
  controller.refuseUploads = 413;
  const key = nextKey();
  controller.order(task(key, 'echo x > "$NABLA_ARTIFACTS/x"; echo said'));
  t.match((await until(controller, key, 'exited')).exit, { code: 0, verdict: 'none' });
  await eventually(
    () =>
      controller.messages.some(
        (message) =>
          message.kind === 'inventory' &&
          message.inventory.conditions.some(({ code }) => code === 'ARTIFACTS_NOT_STORED'),
      ),
    { deadlineMs: DEADLINE_MS, what: 'the condition' },
  );
  t.equal(controller.observation(key)?.logArchived, false, 'nor is the log taken');
});

t.test('secrets reach the task and nothing else', async (t) => {
  const { controller, agent } = await setUp(t);
  const [given, missing] = [nextKey(), nextKey()];
  const env = { TOKEN: 'secret:hub' };
  controller.order(
    task(
      given,
      'case "$TOKEN" in can*ry-of-the-test) ;; *) exit 1 ;; esac',
      { env },
      { TOKEN: 'canary-of-the-test' },
    ),
    task(missing, 'true', { env }),
  );
  t.match((await until(controller, given, 'exited')).exit, { code: 0 });
  t.match((await until(controller, missing, 'exited')).exit, { verdict: 'data', reason: 'SECRET_MISSING' });
  t.notOk((await agent.log()).includes('canary'), 'not in the log');
  const journal = execFileSync('sh', ['-c', `cat ${path.join(agent.folder, 'journal')}/*`]);
  t.notOk(journal.includes('canary'), 'not in the journal');
});

t.test('a line of 100 MB and binary output pass unharmed, and the log stays bounded', async (t) => {
  const { controller } = await setUp(t);
  const key = nextKey();
  controller.order(
    task(key, 'head -c 100000000 /dev/zero | tr "\\000" x; printf "\\000\\377\\033[2J\\r\\n"'),
  );
  t.match((await until(controller, key, 'exited')).exit, { code: 0 });
  const log = await logOf(controller, key);
  t.equal(log.stdout.length, 100_000_008);
  t.same([...log.stdout.subarray(-8)], [0, 255, 27, 91, 50, 74, 13, 10]);
  t.ok(log.frames.every(({ payload }) => payload.length <= 65_536));
});

t.test('a log is followed live, resumed by offset, and read from its end', async (t) => {
  const { controller, folder } = await setUp(t);
  const key = nextKey();
  const base = `/v1/tasks/${toTaskName(key)}/log`;
  controller.order(
    task(key, 'echo one; echo two >&2; until [ -e "$NABLA_STORAGE/go2" ]; do sleep 0.05; done; echo three'),
  );
  await until(controller, key, 'running');
  const following = await controller.ask('GET', `${base}?offset=0&follow=1`);
  t.equal(following.status, 200);
  const all = collectBytes(following.stream);
  await eventually(
    async () => {
      const { stream, headers } = await controller.ask('GET', `${base}?tail=1`);
      const seen = readFramedLog(await collectBytes(stream));
      return Number(headers['nabla-offset']) > 0 && seen.frames.length === 1;
    },
    { deadlineMs: DEADLINE_MS, what: 'both lines' },
  );
  await writeFile(path.join(folder, 'agent', 'storage', 'prj_1', 'go2'), '');
  const log = readFramedLog(await all);
  t.equal(log.stdout.toString(), 'one\nthree\n');
  t.equal(log.stderr.toString(), 'two\n');
  const later = await controller.ask('GET', `${base}?offset=${log.logicalBytes}`);
  t.equal(later.headers['nabla-offset'], String(log.logicalBytes));
  t.equal((await collectBytes(later.stream)).length, 0);
});

t.test('wrong requests on a data connection get the status of their kind', async (t) => {
  const { controller } = await setUp(t);
  const cases = [
    ['GET', '/v1/tasks/job_nobody.1.0/log', 404],
    ['GET', '/v1/tasks/../../etc/passwd/log', 404],
    ['GET', '/v2/other', 404],
    ['POST', '/v1/tasks/job_nobody.1.0/exec', 412],
  ] as const;
  for (const [method, url, status] of cases) {
    const answer = await controller.ask(method, url);
    t.equal(answer.status, status, url);
    answer.stream.resume();
    answer.stream.end();
  }
});

t.test('a command runs inside a task, with input, exit code and end', async (t) => {
  const { controller } = await setUp(t);
  const key = nextKey();
  controller.order(task(key, 'sleep 600'));
  await until(controller, key, 'running');
  const { stream } = await controller.ask('POST', `/v1/tasks/${toTaskName(key)}/exec`);
  const start = {
    argv: ['sh', '-c', 'cat; echo err >&2; exit 9'],
    tty: false,
    rows: 24,
    columns: 80,
    env: {},
    workingDirectory: '',
  };
  stream.write(encodeExecFrame('start', Buffer.from(JSON.stringify(start))));
  stream.write(encodeExecFrame('stdin', Buffer.from('typed\n')));
  stream.end(encodeExecFrame('stdinEof'));
  const bytes = await collectBytes(stream);
  const texts = new Map<string, string>();
  for (let at = 0; at < bytes.length; ) {
    const frame = decodeExecFrame(bytes, at);
    if (typeof frame === 'string') throw new Error(frame);
    texts.set(frame.kind, (texts.get(frame.kind) ?? '') + Buffer.from(frame.payload).toString());
    at += frame.sizeBytes;
  }
  t.equal(texts.get('stdout'), 'typed\n');
  t.equal(texts.get('stderr'), 'err\n');
  t.match(JSON.parse(texts.get('exit') ?? '{}'), { code: 9, signal: 0 });
  controller.order({ ...task(key, 'x'), phase: 'stop', generation: 2, stopCause: 'user', graceMs: 100 });
  t.match((await until(controller, key, 'exited')).exit, { reason: 'STOPPED' });
});

t.test('what a job did wrong is told apart', async (t) => {
  const { controller } = await setUp(t);
  const cases = [
    { line: 'exit 3', part: {}, want: { code: 3, reason: 'EXIT_NONZERO', verdict: 'user-code' } },
    { line: 'kill -9 $$', part: {}, want: { signal: 9, reason: 'SIGNAL' } },
    {
      line: 'sleep 60',
      part: { timeLimitMs: 300, graceMs: 100 },
      want: { reason: 'TIME_LIMIT', verdict: 'time-limit' },
    },
    {
      line: 'x',
      part: { command: { kind: 'argv', args: ['/no/such/program'] } } as const,
      want: { reason: 'COMMAND_NOT_FOUND' },
    },
  ];
  for (const { line, part, want } of cases) {
    const key = nextKey();
    controller.order(task(key, line, part));
    t.match((await until(controller, key, 'exited')).exit, want, line);
  }
});
