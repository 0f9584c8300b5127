/**
 * Aim: who may not see a project gets, byte for byte, the answer of a project that does not exist, from every call
 * and route that names one, and finds no trace of it in lists, events and GPUs. Method: two users over real TLS; the
 * calls are enumerated from the table of rights; each is made before the project exists, and after.
 */
import { create, toBinary } from '@bufbuild/protobuf';
import t, { type Test } from 'tap';
import { AUTHORISATION } from '../../controller/rpc/auth/authorisation.ts';
import { NABLA_SERVICES } from '../../controller/rpc/rpc-server.ts';
import { anInventory, someGpus } from '../kit/builders.ts';
import { eventually } from '../kit/eventually.ts';
import { rawGrpc } from '../kit/raw-grpc.ts';
import { collect, type RunningController, runController } from '../kit/running-controller.ts';
import { makeUser, type TestUser } from '../kit/users.ts';

const PROJECT_CALLS = Object.entries(AUTHORISATION).flatMap(([call, rule]) =>
  typeof rule === 'object' ? [call] : [],
);
const SLEEP = { command: { form: { case: 'shell' as const, value: 'sleep 9' } }, waitForHosts: true };

/** The names under which one thing is asked for. */
interface Names {
  readonly project: string;
  readonly job: string;
}

/** Every answer, by call: status, headers, trailers, body. */
async function askAll(nabla: RunningController, user: TestUser, names: Names): Promise<Map<string, string>> {
  const answers = new Map<string, string>();
  for (const call of PROJECT_CALLS) {
    answers.set(
      call,
      call.startsWith('/')
        ? await askGrpc(nabla, user, call, names)
        : await askHttp(nabla, user, call, names),
    );
  }
  return answers;
}

/** A request with all that it needs but the right to it. */
function messageFor(path: string, { project, job }: Names): Uint8Array {
  for (const service of NABLA_SERVICES) {
    for (const { name, input, methodKind } of Object.values(service.method)) {
      if (path !== `/${service.typeName}/${name}`) continue;
      if (methodKind === 'bidi_streaming') {
        const start = { project, job, argv: ['true'] };
        return toBinary(input, create(input, { message: { case: 'start', value: start } } as never));
      }
      const known = new Set(input.fields.map((field: { readonly localName: string }) => field.localName));
      const values = {
        project,
        job,
        user: 'alice',
        role: 1,
        name: 'S',
        spec: SLEEP,
        value: Buffer.from('x'),
      };
      const fields = Object.entries(values).filter(([field]) => known.has(field));
      return toBinary(input, create(input, Object.fromEntries(fields) as never));
    }
  }
  throw new Error(`no method ${path}`);
}

function askGrpc(nabla: RunningController, user: TestUser, path: string, names: Names): Promise<string> {
  const { grpcAddress: address, caPem } = nabla.controller;
  return rawGrpc({ address, caPem, token: user.token, path, message: messageFor(path, names) });
}

async function askHttp(
  nabla: RunningController,
  user: TestUser,
  call: string,
  { project, job }: Names,
): Promise<string> {
  const [method = '', pattern = ''] = call.split(' ');
  const path = pattern
    .replace('{project}', project)
    .replace('{job}', job)
    .replace('{sha256}', 'a'.repeat(64));
  const headers = method === 'PATCH' ? { 'upload-offset': '0', 'upload-length': '1' } : {};
  const answer = await nabla.http({ method, path: `${path}?path=x`, token: user.token, headers });
  const { date: _date, ...rest } = answer.headers;
  return JSON.stringify([answer.status, rest, answer.body.toString()]);
}

async function twoUsers(t: Test) {
  const nabla = await runController(t);
  const alice = await makeUser(nabla, 'alice');
  const bob = await makeUser(nabla, 'bob');
  return { nabla, alice, bob };
}

t.test('a hidden project answers as one that does not exist, by its name', async (t) => {
  const { nabla, alice, bob } = await twoUsers(t);
  t.ok(PROJECT_CALLS.length > 20);
  const names = { project: 'lab', job: 'train' };
  const absent = await askAll(nabla, bob, names);
  await alice.projects.createProject({ name: 'lab' });
  await alice.jobs.createJob({ project: 'lab', spec: { ...SLEEP, name: 'train' } });
  await alice.secrets.setSecret({ project: 'lab', name: 'S', value: Buffer.from('x') });
  const hidden = await askAll(nabla, bob, names);
  for (const [call, answer] of absent) {
    t.match(answer, /^\[404,|"grpc-status":"5"/, call);
    t.equal(hidden.get(call), answer, call);
  }
});

t.test('by its id, and by the beginning of it', async (t) => {
  const { nabla, alice, bob } = await twoUsers(t);
  const { project } = await alice.projects.createProject({ name: 'lab' });
  const { job } = await alice.jobs.createJob({ project: 'lab', spec: SLEEP });
  const id = project?.id ?? '';
  // Two beginnings of one length: the first is ambiguous or a hit in the whole table, the other nothing.
  for (const [there, gone] of [
    [id, `prj_${'z'.repeat(id.length - 4)}`],
    [id.slice(0, 12), 'prj_zzzzzzzz'],
  ] as const) {
    const hidden = await askAll(nabla, bob, { project: there, job: job?.id ?? '' });
    const absent = await askAll(nabla, bob, { project: gone, job: job?.id ?? '' });
    for (const [call, answer] of absent)
      t.equal(lessRef(hidden.get(call), there), lessRef(answer, gone), call);
  }
});

/** The reference itself comes back in an answer: in plain, or inside of what gRPC sends as base64. */
function lessRef(answer: string | undefined, ref: string): string {
  const plain = (answer ?? '').replace(/(?<="nabla-error-bin":")[^"]*/, (text) =>
    Buffer.from(text, 'base64').toString('latin1'),
  );
  return plain.replaceAll(ref, 'REF');
}

t.test('a job of a hidden project is not there in one’s own', async (t) => {
  const { nabla, alice, bob } = await twoUsers(t);
  await alice.projects.createProject({ name: 'lab' });
  await bob.projects.createProject({ name: 'mine' });
  const { job } = await alice.jobs.createJob({ project: 'lab', spec: SLEEP });
  const id = job?.id ?? '';
  const gone = `job_${'z'.repeat(id.length - 4)}`;
  const hidden = await askAll(nabla, bob, { project: 'mine', job: id });
  const absent = await askAll(nabla, bob, { project: 'mine', job: gone });
  for (const call of PROJECT_CALLS.filter((name) => name.includes('Job') || name.includes('{job}'))) {
    if (/CreateJob|ListJobs/.test(call)) continue;
    t.equal(lessRef(hidden.get(call), id), lessRef(absent.get(call), gone), call);
  }
});

t.test('lists, events and GPUs show nothing of it; operators see it', async (t) => {
  const { nabla, alice, bob } = await twoUsers(t);
  await nabla.agent({ inventory: anInventory({ gpus: someGpus(2) }), script: () => ({ untilTold: true }) });
  const { project } = await alice.projects.createProject({ name: 'lab' });
  const spec = { ...SLEEP, resources: { gpuMilli: 1000n } };
  const { job } = await alice.jobs.createJob({ project: 'lab', spec });
  const jobId = job?.id ?? '';
  await eventually(async () => (await alice.hosts.listGpus({})).gpus.some((gpu) => gpu.jobId === jobId));
  t.same((await bob.projects.listProjects({})).projects, []);
  t.same((await bob.jobs.listJobs({})).jobs, []);
  t.same(
    (await alice.jobs.listJobs({})).jobs.map(({ id }) => id),
    [jobId],
  );
  const { gpus } = await bob.hosts.listGpus({});
  t.ok(gpus.length > 0);
  t.same([...new Set(gpus.map((gpu) => gpu.jobId))], ['']);
  const { hosts } = await bob.hosts.listHosts({});
  const [host] = hosts;
  t.notOk(JSON.stringify(host?.gpus.map((gpu) => gpu.jobId)).includes(jobId));
  t.notOk((await bob.hosts.getHost({ host: host?.id ?? '' })).host?.gpus.some((gpu) => gpu.jobId === jobId));
  t.same((await bob.hosts.listGpus({ options: { filters: [`jobId=${jobId}`] } })).gpus, []);
  const taken = gpus.find(({ uuid }) => uuid !== '')?.uuid ?? '';
  t.equal((await bob.hosts.getGpu({ gpu: taken })).gpu?.jobId, '');
  const events = (await collect(bob.events.watchEvents({ limit: 1000 }))).map(({ event }) => event);
  t.ok(events.some((event) => event?.type === 'host-registered'));
  t.same(
    events.filter((event) => event?.projectId !== '' || /^(user|token|secret)-/.test(event.type)),
    [],
  );
  const own = (await collect(alice.events.watchEvents({ limit: 1000 }))).map(({ event }) => event);
  t.ok(own.some((event) => event?.type === 'job-queued' && event.projectId === project?.id));
  const all = (await collect(nabla.events.watchEvents({ limit: 1000 }))).map(({ event }) => event);
  t.ok(all.some((event) => event?.type === 'user-created'));
  t.notOk(JSON.stringify(all.map((event) => event?.fields)).includes('digest'));
});
