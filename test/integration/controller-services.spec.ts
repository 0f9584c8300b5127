/**
 * Aim: every method of every service answers what it promises, refuses bad input with the field named, and nothing
 * gets in without the right token. Method: real gRPC over TLS against a whole controller.
 */
import t from 'tap';
import { AUTHORISATION, isOfMachines } from '../../controller/rpc/auth/authorisation.ts';
import { NABLA_SERVICES } from '../../controller/rpc/rpc-server.ts';
import { Health } from '../../proto/gen/grpc/health/v1/health_pb.ts';
import { ServerReflection } from '../../proto/gen/grpc/reflection/v1/reflection_pb.ts';
import { AgentService } from '../../proto/gen/nabla/v1/agent_pb.ts';
import { HostState } from '../../proto/gen/nabla/v1/catalog_pb.ts';
import { createClient } from '../../proto/rpc/client.ts';
import { anInventory, someGpus } from '../kit/builders.ts';
import { eventually } from '../kit/eventually.ts';
import { collect, runController } from '../kit/running-controller.ts';

/** What a refusal must be like. */
function like(want: { kind?: string; code?: string; fields?: { path: string }[] }): { code: string } {
  return want as { code: string };
}

const TRUE_JOB = { command: { form: { case: 'shell' as const, value: 'true' } }, waitForHosts: true };

t.test(
  'no method of any service answers without a token, with a wrong one, or with the other role',
  async (t) => {
    const nabla = await runController(t);
    const asHost = await nabla.clientsOf('host_1');
    for (const service of NABLA_SERVICES) {
      for (const [name, method] of Object.entries(service.method)) {
        const path = `/${service.typeName}/${method.name}`;
        const call = async (token: string | undefined, as = nabla.clientsWith(token)): Promise<string> => {
          const client = createClient(service, as.channel) as unknown as Record<
            string,
            (request: unknown) => unknown
          >;
          try {
            const empty = (async function* () {})();
            const streams =
              method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming';
            const answer = client[name]?.(streams ? empty : {});
            if (answer !== null && typeof answer === 'object' && Symbol.asyncIterator in answer) {
              await collect(answer as AsyncIterable<unknown>);
            } else await answer;
          } catch (error) {
            return (error as { code: string }).code;
          }
          return 'answered';
        };
        t.equal(await call(undefined), 'TOKEN_MISSING', path);
        t.equal(await call('x'.repeat(43)), 'TOKEN_REFUSED', path);
        const rule = AUTHORISATION[path];
        if (isOfMachines(rule)) t.equal(await call(nabla.adminToken), 'METHOD_FORBIDDEN', path);
        else t.equal(await call(undefined, asHost), 'METHOD_FORBIDDEN', path);
      }
    }
  },
);

t.test('health and reflection answer anybody', async (t) => {
  const nabla = await runController(t);
  const { channel } = nabla.clientsWith(undefined);
  t.equal((await createClient(Health, channel).check({ service: '' })).status, 1);
  t.equal((await createClient(Health, channel).check({ service: 'nabla.v1.JobService' })).status, 1);
  const [answer] = await collect(
    createClient(ServerReflection, channel).serverReflectionInfo(
      (async function* () {
        yield { messageRequest: { case: 'listServices' as const, value: '' } };
      })(),
    ),
  );
  const response = answer?.messageResponse;
  const names =
    response?.case === 'listServicesResponse' ? response.value.service.map(({ name }) => name) : [];
  t.ok(names.includes('nabla.v1.JobService'));
});

t.test('whoami tells the caller, the cluster and where the bytes go', async (t) => {
  const nabla = await runController(t);
  const identity = await nabla.identity.whoAmI({});
  t.equal(identity.principal, 'user:admin');
  t.same(identity.roles, ['admin']);
  t.equal(identity.clusterId, nabla.controller.engine.clusterId);
  t.equal(`127.0.0.1:${identity.httpPort}`, nabla.controller.httpAddress);
  const { project } = await nabla.projects.getProject({ project: 'default' });
  t.equal(identity.defaultProjectId, project?.id);
});

t.test('projects are made, found, listed, changed and deleted', async (t) => {
  const { projects, jobs } = await runController(t);
  const { project } = await projects.createProject({
    name: 'vision',
    description: 'd',
    tags: ['a'],
    requestId: 'r1',
  });
  t.match(project, { name: 'vision', description: 'd', tags: ['a'], createdBy: 'user:admin' });
  const again = await projects.createProject({
    name: 'vision',
    description: 'd',
    tags: ['a'],
    requestId: 'r1',
  });
  t.equal(again.project?.id, project?.id);
  await t.rejects(projects.createProject({ name: 'vision' }), like({ kind: 'exists' }));
  await t.rejects(projects.createProject({ name: '!!!' }), like({ kind: 'invalid' }));
  t.same(
    (await projects.listProjects({})).projects.map(({ name }) => name),
    ['default', 'vision'],
  );
  const changed = await projects.updateProject({
    project: 'vision',
    name: 'sight',
    addTags: ['b'],
    removeTags: ['a'],
  });
  t.match(changed.project, { name: 'sight', tags: ['b'] });
  t.equal((await projects.getProject({ project: project?.id ?? '' })).project?.name, 'sight');
  await jobs.createJob({ project: 'sight', spec: TRUE_JOB });
  await t.rejects(projects.deleteProject({ project: 'sight' }), like({ kind: 'precondition' }));
  await t.rejects(projects.getProject({ project: 'vision' }), like({ code: 'PROJECT_NOT_FOUND' }));
  await t.rejects(projects.getProject({}), like({ code: 'REQUEST_INVALID', fields: [{ path: 'project' }] }));
  const { project: empty } = await projects.createProject({ name: 'empty' });
  await projects.deleteProject({ project: empty?.id ?? '' });
  await t.rejects(projects.getProject({ project: 'empty' }), like({ code: 'PROJECT_NOT_FOUND' }));
});

t.test('secrets of a project and of the cluster are set, listed without values, deleted', async (t) => {
  const { secrets } = await runController(t);
  await secrets.setSecret({ project: 'default', name: 'A', value: Buffer.from('1') });
  const { secret } = await secrets.setSecret({ name: 'B', value: Buffer.from('2') });
  t.match(secret, { name: 'B', projectId: '' });
  t.notMatch(
    JSON.stringify(secret, (_, value) => (typeof value === 'bigint' ? String(value) : value)),
    /value/,
  );
  t.same(
    (await secrets.listSecrets({ project: 'default' })).secrets.map(({ name }) => name),
    ['A'],
  );
  t.same(
    (await secrets.listSecrets({})).secrets.map(({ name }) => name),
    ['B'],
  );
  await t.rejects(
    secrets.setSecret({ name: 'C', value: Buffer.alloc(64 * 1024 + 1) }),
    like({ fields: [{ path: 'value' }] }),
  );
  await t.rejects(
    secrets.setSecret({ name: 'C', value: Buffer.alloc(0) }),
    like({ fields: [{ path: 'value' }] }),
  );
  await secrets.deleteSecret({ project: 'default', name: 'A' });
  await t.rejects(secrets.deleteSecret({ project: 'default', name: 'A' }), like({ kind: 'not-found' }));
});

t.test('machine types are made, derived from hosts, aliased and deleted', async (t) => {
  const nabla = await runController(t);
  const { machineTypes } = nabla;
  await nabla.agent({ inventory: anInventory({ gpus: someGpus(2) }) });
  const capacity = { gpuCount: 1, cpuMilli: 1000n, memoryBytes: 1024n ** 3n };
  const made = await machineTypes.createMachineType({ name: 'small', capacity, description: 'd' });
  t.match(made.machineType, { name: 'small', derived: false, hostCount: 1, createdBy: 'user:admin' });
  await t.rejects(machineTypes.createMachineType({ name: 'small', capacity }), like({ kind: 'exists' }));
  const all = (await machineTypes.listMachineTypes({})).machineTypes;
  t.ok(
    all.some(({ derived }) => derived),
    'the host gave one',
  );
  t.same((await machineTypes.aliasMachineType({ name: 'small', alias: 'P4000' })).machineType?.aliases, [
    'P4000',
  ]);
  t.equal((await machineTypes.getMachineType({ name: 'P4000' })).machineType?.name, 'small');
  await machineTypes.aliasMachineType({ name: 'small', alias: 'P4000', remove: true });
  await t.rejects(machineTypes.getMachineType({ name: 'P4000' }), like({ code: 'MACHINE_TYPE_NOT_FOUND' }));
  await machineTypes.deleteMachineType({ name: 'small' });
  await t.rejects(machineTypes.getMachineType({ name: 'small' }), like({ code: 'MACHINE_TYPE_NOT_FOUND' }));
});

t.test('hosts and GPUs show what is live: state, telemetry and who holds what', async (t) => {
  const nabla = await runController(t);
  const gpus = someGpus(2);
  const agent = await nabla.agent({
    inventory: anInventory({ gpus }),
    script: () => ({ untilTold: true }),
  });
  const { job } = await nabla.jobs.createJob({
    project: 'default',
    spec: { ...TRUE_JOB, resources: { gpuMilli: 1000n } },
  });
  await eventually(() => agent.tasks.size === 1);
  const telemetry = {
    hostId: agent.hostId,
    host: { cpuPercent: 12.5, sampledAtMs: 1n },
    gpus: [{ uuid: gpus[1]?.uuid ?? '', telemetry: { utilizationPercent: 77, sampledAtMs: 1n } }],
  };
  const { channel } = await nabla.clientsOf(agent.hostId);
  await createClient(AgentService, channel).reportTelemetry(
    (async function* () {
      yield telemetry;
    })(),
  );
  const lying = (async function* () {
    yield { ...telemetry, hostId: 'host_stranger' };
  })();
  await t.rejects(
    createClient(AgentService, channel).reportTelemetry(lying),
    like({ code: 'HOST_MISMATCH' }),
  );
  const { host } = await nabla.hosts.getHost({ host: 'host-1' });
  t.equal(host?.state, HostState.READY);
  t.equal(host?.telemetry?.cpuPercent, 12.5);
  t.equal(host?.allocated?.gpuCount, 1);
  t.equal(host?.runningTasks, 1);
  t.ok((host?.lastSeenMs ?? 0n) > 0n);
  const held = host?.gpus.filter(({ jobId }) => jobId === job?.id);
  t.equal(held?.length, 1);
  const { gpu } = await nabla.hosts.getGpu({ gpu: gpus[1]?.uuid ?? '' });
  t.equal(gpu?.telemetry?.utilizationPercent, 77);
  await t.rejects(nabla.hosts.getGpu({ gpu: 'GPU-' }), like({ code: 'GPU_AMBIGUOUS' }));
  await t.rejects(nabla.hosts.getGpu({ gpu: 'GPU-none' }), like({ code: 'GPU_NOT_FOUND' }));
  await t.rejects(nabla.hosts.getHost({ host: 'nobody' }), like({ code: 'HOST_NOT_FOUND' }));
  t.equal((await nabla.hosts.listGpus({ options: { filters: [`jobId=${job?.id}`] } })).gpus.length, 1);
  t.equal((await nabla.hosts.listHosts({})).hosts.length, 1);
});

t.test('jobs are tagged, listed by filter, sort and page, and deleted', async (t) => {
  const nabla = await runController(t);
  const { jobs } = nabla;
  const names = ['a', 'b', 'c', 'd', 'e'];
  for (const name of names)
    await jobs.createJob({ project: 'default', spec: { ...TRUE_JOB, name, tags: ['all'] } });
  const seen: string[] = [];
  let pageToken = '';
  do {
    const page = await jobs.listJobs({ project: 'default', options: { limit: 2, sort: 'name', pageToken } });
    t.ok(page.jobs.length <= 2);
    seen.push(...page.jobs.map(({ spec }) => spec?.name ?? ''));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  t.same(seen, names);
  const tagged = await jobs.updateJobTags({ project: 'default', job: 'c', add: ['x'], remove: ['all'] });
  t.same(tagged.job?.spec?.tags, ['x']);
  const filtered = await jobs.listJobs({ project: 'default', options: { filters: ['tags=x'] } });
  t.same(
    filtered.jobs.map(({ spec }) => spec?.name),
    ['c'],
  );
  await t.rejects(jobs.listJobs({ project: 'default', options: { filters: ['colour=red'] } }), {
    code: 'LIST_OPTIONS_INVALID',
  });
  await t.rejects(jobs.listJobs({ project: 'default', options: { limit: 5000 } }), like({ kind: 'invalid' }));
  await t.rejects(jobs.deleteJob({ project: 'default', job: 'c' }), like({ kind: 'precondition' }));
  await jobs.stopJob({ project: 'default', job: 'c' });
  await jobs.deleteJob({ project: 'default', job: 'c' });
  await t.rejects(jobs.getJob({ project: 'default', job: 'c' }), like({ code: 'JOB_NOT_FOUND' }));
  await t.rejects(jobs.getJob({ project: 'nope', job: 'c' }), like({ code: 'PROJECT_NOT_FOUND' }));
});

t.test('a page of large jobs is cut to one message and goes on behind it', async (t) => {
  const nabla = await runController(t);
  const env = Object.fromEntries(Array.from({ length: 4 }, (_, at) => [`E${at}`, 'x'.repeat(30_000)]));
  for (let count = 0; count < 10; count += 1) {
    await nabla.jobs.createJob({ project: 'default', spec: { ...TRUE_JOB, env } });
  }
  const first = await nabla.jobs.listJobs({ project: 'default' });
  t.ok(first.jobs.length > 0 && first.jobs.length < 10, `${first.jobs.length} fit`);
  const rest = await nabla.jobs.listJobs({
    project: 'default',
    options: { pageToken: first.nextPageToken },
  });
  t.equal(new Set([...first.jobs, ...rest.jobs].map(({ id }) => id)).size, 10);
});

t.test('bad job specs are refused whole, with every wrong field named', async (t) => {
  const nabla = await runController(t);
  await nabla.agent({ inventory: anInventory({ gpus: someGpus(2) }) });
  const refuse = (spec: object | undefined, want: Parameters<typeof like>[0]) =>
    t.rejects(
      nabla.jobs.createJob({ project: 'default', ...(spec === undefined ? {} : { spec }) }),
      like(want),
    );
  const command = TRUE_JOB.command;
  await refuse(undefined, { fields: [{ path: 'spec' }] });
  await refuse({}, { code: 'JOB_SPEC_INVALID' });
  await refuse(
    { command: { form: { case: 'shell', value: '' } }, retries: -1, env: { 'A=B': 'x' } },
    { kind: 'invalid' },
  );
  await refuse({ command, machineType: 'nope' }, { fields: [{ path: 'spec.machineType' }] });
  await refuse(
    { command, resources: { gpuMilli: 3000n } },
    { fields: [{ path: 'spec.resources.gpuMilli' }] },
  );
  await refuse({ command, env: { A: 'secret:NOPE' } }, { fields: [{ path: 'spec.env.A' }] });
  await refuse({ command, name: 'a\u0007b' }, { fields: [{ path: 'spec.name' }] });
  const workspace = { source: { case: 'blob', value: { sha256: 'a'.repeat(64), sizeBytes: 1n } } };
  await refuse(
    { command, workspace },
    { code: 'WORKSPACE_NOT_STORED', fields: [{ path: 'spec.workspace' }] },
  );
  t.same((await nabla.jobs.listJobs({ project: 'default' })).jobs, [], 'nothing half-made');
  await t.rejects(
    nabla.jobs.createJob({ project: 'nope', spec: TRUE_JOB }),
    like({ code: 'PROJECT_NOT_FOUND' }),
  );
  await t.rejects(
    nabla.jobs.createJob({ project: 'default', spec: TRUE_JOB, requestId: 'with space' }),
    like({ fields: [{ path: 'requestId' }] }),
  );
});

t.test('names with metacharacters are kept as they are', async (t) => {
  const nabla = await runController(t);
  for (const name of ['$(rm -rf ~)', '../../etc/passwd', '<script>alert(1)</script>', `';drop--`]) {
    const { job } = await nabla.jobs.createJob({ project: 'default', spec: { ...TRUE_JOB, name } });
    t.equal(job?.spec?.name, name);
    t.equal((await nabla.jobs.getJob({ project: 'default', job: name })).job?.id, job?.id);
  }
});

t.test('events are told from a sequence on, by subject and type, and followed', async (t) => {
  const nabla = await runController(t);
  const { job } = await nabla.jobs.createJob({ project: 'default', spec: TRUE_JOB });
  const subject = job?.id ?? '';
  const last = await collect(nabla.events.watchEvents({ subject }));
  t.same(
    last.map(({ event }) => event?.type),
    ['job-queued'],
  );
  t.match(last[0]?.event, { subject, principal: 'user:admin', projectId: job?.projectId });
  const all = await collect(nabla.events.watchEvents({ limit: 2 }));
  t.equal(all.length, 2, 'only the last ones');
  const after = await collect(nabla.events.watchEvents({ afterSeq: 1n, types: ['project-created'] }));
  t.same(
    after.map(({ event }) => event?.type),
    ['project-created'],
  );
  const following = (async () => {
    for await (const { event } of nabla.events.watchEvents({
      subject,
      afterSeq: last[0]?.event?.seq ?? 0n,
      follow: true,
    })) {
      return event?.type;
    }
    return undefined;
  })();
  await nabla.jobs.stopJob({ project: 'default', job: subject });
  t.match(await following, /^job-/);
  await t.rejects(
    collect(nabla.events.watchEvents({ project: 'nope' })),
    like({ code: 'PROJECT_NOT_FOUND' }),
  );
});
