/**
 * Aim: a job is accepted whole or refused with the field that is wrong. Method: a world with two small hosts and a
 * table of requests.
 */
import t from 'tap';
import {
  aCapacity,
  anInventory,
  GIB,
  hostId,
  jobId,
  projectId,
  secretId,
  someGpus,
} from '../../../../kit/builders.ts';
import { World } from '../../../../kit/stores-world.ts';

function worldWithHosts(): World {
  const world = new World();
  const gpus = someGpus(8, { host: 'a' });
  world.addHost({ id: hostId('a'), name: 'a', inventory: anInventory({ gpus, labels: { zone: 'x' } }) });
  world.addHost({ id: hostId('b'), name: 'b', inventory: anInventory({ drivers: ['docker', 'process'] }) });
  return world;
}

t.test('what asks for too much is refused with the field, what it asks and what there is', async (t) => {
  const world = worldWithHosts();
  const cases: readonly (readonly [Parameters<World['jobRefusal']>[0], string, RegExp])[] = [
    [{ resources: { gpuMilli: 9000 } }, 'spec.resources.gpuMilli', /asks for 9 GPUs; the largest host has 8/],
    [
      { resources: { gpuMilli: 1000, gpuModels: ['H100'] } },
      'spec.resources.gpuModels',
      /model H100.*models there: A100/,
    ],
    [
      { resources: { gpuMilli: 1000, gpuMemoryBytes: 100 * GIB } },
      'spec.resources.gpuMemoryBytes',
      /100 GiB on each of 1 GPU; the largest GPU has 80 GiB/,
    ],
    [{ resources: { cpuMilli: 17_000 } }, 'spec.resources.cpuMilli', /17 CPUs; .* has 16/],
    [{ resources: { memoryBytes: 65 * GIB } }, 'spec.resources.memoryBytes', /65 GiB; .* has 64 GiB/],
    [{ resources: { diskBytes: 900 * GIB } }, 'spec.resources.diskBytes', /900 GiB; .* has 500 GiB/],
    [{ constraints: { zone: 'y' } }, 'spec.constraints', /zone=y/],
    [{ excludeHosts: ['a', 'b'] }, 'spec.excludeHosts', /every host/],
    [
      { ports: [{ containerPort: 80, hostPort: 9000 }] },
      'spec.ports',
      /port 9000; hosts publish 20000 to 20999/,
    ],
    [
      { image: 'busybox', resources: { gpuMilli: 1000 } },
      'spec.resources.gpuMilli',
      /asks for 1 GPU; .* has 0/,
    ],
  ];
  for (const [spec, path, reason] of cases) {
    const refusal = world.jobRefusal(spec);
    t.equal(refusal.kind, 'precondition', path);
    t.equal(refusal.code, 'NO_HOST_COULD_HOLD', path);
    t.equal(refusal.fields[0]?.path, path);
    t.match(refusal.fields[0]?.reason, reason);
    t.match(refusal.message, path);
    t.match(refusal.hint, '--wait-for-hosts');
  }
  t.equal(world.state.jobCount, 0, 'nothing half-made is left');
});

t.test('what waits for hosts is queued all the same', async (t) => {
  const world = worldWithHosts();
  const id = world.addJob({ resources: { gpuMilli: 9000 }, waitForHosts: true });
  t.equal(world.job(id).state, 'queued');
});

t.test('without any host only waiting jobs are taken', async (t) => {
  const world = new World();
  t.match(world.jobRefusal({}), { code: 'NO_HOST_COULD_HOLD', message: /no host is registered/ });
  world.addJob({ waitForHosts: true });
});

t.test('a host that is busy could hold it later', async (t) => {
  const world = worldWithHosts();
  world.addJob({ resources: { gpuMilli: 8000 } });
  world.place();
  world.addJob({ resources: { gpuMilli: 8000 } });
  t.equal(world.state.queue().length, 1);
});

t.test('what is not built yet is refused as unsupported', async (t) => {
  const world = worldWithHosts();
  const base = world.spec();
  const withSpec = (part: Partial<typeof base>) =>
    world.refusal({
      type: 'create-job',
      id: jobId('x'),
      project: 'default',
      spec: { ...base, ...part },
      secrets: [],
    });
  const resources = base.resources;
  t.match(withSpec({ resources: { ...resources, gpuMilli: 500 } }), {
    kind: 'unsupported',
    code: 'GPU_SHARES_UNSUPPORTED',
  });
  t.match(withSpec({ resources: { ...resources, migProfile: '1g.10gb' } }), {
    kind: 'unsupported',
    code: 'MIG_UNSUPPORTED',
  });
  t.match(withSpec({ tasks: 2 }), { kind: 'unsupported', code: 'GANGS_UNSUPPORTED' });
  t.match(withSpec({ resources: { ...resources, gpuMilli: -1000 } }), {
    kind: 'invalid',
    code: 'BAD_GPU_COUNT',
  });
  t.match(withSpec({ maxRunAttempts: 1001 }), { kind: 'invalid', code: 'BAD_RUN_ATTEMPTS' });
});

t.test('a machine type gives the resources that the spec leaves open', async (t) => {
  const world = worldWithHosts();
  const id = world.addJob({ machineType: '2xA100-sim' });
  const { resources } = world.job(id).spec;
  t.match(resources, { gpuMilli: 2000, gpuModels: ['NVIDIA A100-SXM4-80GB'], cpuMilli: 4000 });
});

t.test('an unknown machine type is named, with what there is', async (t) => {
  const world = worldWithHosts();
  const refusal = world.jobRefusal({ machineType: 'h200' });
  t.match(refusal, {
    kind: 'not-found',
    code: 'MACHINE_TYPE_NOT_FOUND',
    fields: [{ path: 'spec.machineType' }],
  });
  t.match(refusal.hint, '1xA100-sim');
});

t.test('a secret that does not exist is named with the variable that asks for it', async (t) => {
  const world = worldWithHosts();
  t.match(world.jobRefusal({ env: { TOKEN: 'secret:NOPE' } }), {
    kind: 'not-found',
    code: 'SECRET_NOT_FOUND',
    fields: [{ path: 'spec.env.TOKEN' }],
  });
});

t.test('credentials become secrets of the job: unlisted, and in the same commit', async (t) => {
  const world = worldWithHosts();
  const secret = { id: secretId('r'), name: 'registry', sealed: new Uint8Array([1]) };
  const id = jobId('a');
  const spec = { ...world.spec({ image: 'busybox' }), registry: { username: 'u', secretId: secret.id } };
  const { events } = world.run({ type: 'create-job', id, project: 'default', spec, secrets: [secret] });
  t.same(
    events.map((event) => event.type),
    ['secret-set', 'job-queued'],
  );
  t.same([...world.state.secrets(world.defaultProject)], []);
  t.match(world.state.secret(secret.id), { ownerJobId: id });
  t.notMatch(JSON.stringify(events), 'sealed', 'no event holds the sealed value');
});

t.test('the same request is answered once; another under the same id is refused', async (t) => {
  const world = worldWithHosts();
  const submit = (id: string, contentHash: string) =>
    ({
      type: 'create-job',
      id: jobId(id),
      project: 'default',
      spec: world.spec(),
      secrets: [],
      request: { requestId: 'r1', contentHash },
    }) as const;
  world.run(submit('a', 'h1'));
  const again = world.run(submit('b', 'h1'));
  t.same(again, { events: [], outcome: { subject: 'job_a', replayed: true } });
  t.match(world.refusal(submit('c', 'h2')), { kind: 'exists', code: 'REQUEST_ID_REUSED' });
});

t.test('an unknown project is refused', async (t) => {
  const world = worldWithHosts();
  const refusal = world.refusal({
    type: 'create-job',
    id: jobId('x'),
    project: projectId('nope'),
    spec: world.spec(),
    secrets: [],
  });
  t.match(refusal, { kind: 'not-found', code: 'PROJECT_NOT_FOUND' });
});

t.test('a job that asks for nothing special runs on any host', async (t) => {
  const world = new World();
  world.addHost({ inventory: anInventory({ capacity: aCapacity({ cpuMilli: 1000, memoryBytes: GIB }) }) });
  world.addJob();
  world.place();
  t.equal(world.state.queue().length, 0);
});
