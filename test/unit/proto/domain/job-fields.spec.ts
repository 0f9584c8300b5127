/**
 * Aim: one table serves flags, files and schema without gaps or clashes. Method: invariants over the table, rows of
 * written values, and the published schema against the same values with an independent validator.
 */
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import t from 'tap';
import { findJobField, findJobFieldByPath, JOB_FIELDS } from '../../../../proto/domain/job-fields.ts';
import { jobSpecFromFields } from '../../../../proto/domain/job-from-fields.ts';
import { buildJobSchema, jobFromDocument, suggestJobField } from '../../../../proto/domain/job-schema.ts';
import { validateJobSpec } from '../../../../proto/domain/job-validation.ts';

const GIB = 1024 ** 3;

t.test('keys, flags and aliases are unique, well formed and explained', async (t) => {
  const names = JOB_FIELDS.flatMap((field) => [...new Set([field.key, field.flag, ...field.aliases])]);
  t.equal(new Set(names).size, names.length);
  for (const field of JOB_FIELDS) {
    t.match(field.key, /^[a-z][A-Za-z]*$/, field.key);
    t.match(field.flag, /^[a-z]+(-[a-z]+)*$/, field.flag);
    t.match(field.doc, /^[A-Za-z].*[^.]$/, `${field.key} has one clause of doc`);
    t.not(field.example, '');
    if (/password/i.test(field.key)) t.equal(field.secret, true, `${field.key} is a secret`);
  }
});

t.test('every flag of the product page that concerns one host is there', async (t) => {
  const flags = `image command env ports machine-type gpus gpu-model gpu-memory mig cpus memory shm disk nodes
    time-limit warn-before warn-signal priority preemptible retries max-run-attempts working-directory workspace
    workspace-ref workspace-username workspace-password ignore-files registry-url registry-username
    registry-password container-user constraint exclude-host exclusive wait-for-hosts grace name tag project after
    array queue hold`.split(/\s+/);
  for (const flag of flags) t.ok(findJobField(flag), flag);
  const gradient =
    `container envVars machineType isPreemptible tags projectId registryUsername workspaceRef isPublic
    useDockerfile dataset clusterId nodeAttrs experimentId buildOnly`.split(/\s+/);
  for (const name of gradient) t.ok(findJobField(name), name);
});

t.test('a violation leads back to its flag', async (t) => {
  t.equal(findJobFieldByPath('spec.resources.gpuMilli')?.flag, 'gpus');
  t.equal(findJobFieldByPath('spec.env.NABLA_X')?.flag, 'env');
  t.equal(findJobFieldByPath('spec.ports[0].hostPort')?.flag, 'ports');
  t.equal(findJobFieldByPath('spec.registry.password')?.flag, 'registry-password');
  t.equal(findJobFieldByPath('spec.workspace.url')?.flag, 'workspace');
  t.equal(findJobFieldByPath('nowhere'), undefined);
});

const FULL = {
  name: 'train',
  project: 'vision',
  image: 'pytorch/pytorch:2.4.0',
  command: 'python train.py',
  env: ['A=1', 'B=x=y', '{"C":"3"}'],
  ports: ['8080:80,81', '82'],
  workingDirectory: 'src',
  tags: ['a,b', 'c'],
  gpus: '2',
  gpuModel: 'A100,H100',
  gpuMemory: '40Gi',
  cpus: '8',
  memory: '64Gi',
  shm: '16Gi',
  disk: '50Gi',
  nodes: '1',
  workspace: 'https://git.example.com/a/b.git',
  workspaceRef: 'main',
  workspaceUsername: 'u',
  workspacePassword: 'p',
  registryUrl: 'r.example.com',
  registryUsername: 'u',
  registryPassword: 'p',
  constraint: 'zone=lab',
  excludeHost: 'gpu-07',
  exclusive: 'true',
  waitForHosts: 'false',
  timeLimit: '4h',
  warnBefore: '5m',
  warnSignal: 'SIGUSR2',
  grace: '1m',
  priority: 'high',
  preemptible: true,
  retries: '3',
  maxRunAttempts: '5',
  isPublic: 'false',
};

t.test('everything that can be said is read, and is then a valid job', async (t) => {
  const read = jobSpecFromFields(FULL);
  if (!read.ok) throw new Error(JSON.stringify(read));
  t.equal(read.project, 'vision');
  t.equal(read.workspacePath, undefined);
  t.match(read.input, {
    env: { A: '1', B: 'x=y', C: '3' },
    ports: [
      { containerPort: 80, hostPort: 8080 },
      { containerPort: 81, hostPort: 0 },
      { containerPort: 82, hostPort: 0 },
    ],
    resources: { gpuMilli: 2000, gpuModels: ['A100', 'H100'], gpuMemoryBytes: 40 * GIB, cpuMilli: 8000 },
    tags: ['a', 'b', 'c'],
    command: { kind: 'shell', line: 'python train.py' },
    workspace: { kind: 'git', ref: 'main', credentials: { username: 'u', password: 'p' } },
    registry: { url: 'r.example.com', username: 'u', password: 'p' },
    constraints: { zone: 'lab' },
    timeLimitMs: 14_400_000,
    priority: 750,
    preemptible: true,
  });
  t.strictSame(validateJobSpec(read.input).ok, true);
});

t.test('files may say numbers, lists and maps', async (t) => {
  const read = jobSpecFromFields({
    command: ['python', 'x.py', 3],
    env: { A: 1, B: true },
    ports: [80],
    gpus: 1,
    cpus: 0.5,
  });
  if (!read.ok) throw new Error(JSON.stringify(read));
  t.match(read.input, {
    command: { kind: 'argv', args: ['python', 'x.py', '3'] },
    env: { A: '1', B: 'true' },
    ports: [{ containerPort: 80 }],
    resources: { gpuMilli: 1000, cpuMilli: 500 },
  });
});

t.test('a folder is left to the client, with its patterns', async (t) => {
  const read = jobSpecFromFields({ command: 'x', workspace: './src', ignoreFiles: 'data,*.ckpt' });
  t.match(read, { ok: true, workspacePath: './src', ignoreFiles: ['data', '*.ckpt'] });
  t.match(jobSpecFromFields({ command: 'x', workspace: 'none' }), { ok: true, workspacePath: undefined });
});

const REFUSED: readonly (readonly [values: Record<string, unknown>, path: string, kind: string])[] = [
  [{ memory: '4G' }, 'memory', 'invalid'],
  [{ timeLimit: 90 }, 'timeLimit', 'invalid'],
  [{ gpus: [1, 2] }, 'gpus', 'invalid'],
  [{ env: 'NOTHING' }, 'env', 'invalid'],
  [{ env: '{"A":' }, 'env', 'invalid'],
  [{ env: { A: { B: 1 } } }, 'env', 'invalid'],
  [{ command: { shell: 'x' } }, 'command', 'invalid'],
  [{ command: [['x']] }, 'command', 'invalid'],
  [{ preemptible: 'yes' }, 'preemptible', 'invalid'],
  [{ ports: 'http' }, 'ports', 'invalid'],
  [{ gpuCount: 1 }, 'gpuCount', 'invalid'],
  [{ workspaceRef: 'main' }, 'workspaceRef', 'invalid'],
  [{ ignoreFiles: 'x' }, 'ignoreFiles', 'invalid'],
  [{ nodes: '2' }, 'nodes', 'unsupported'],
  [{ nodes: '2:4' }, 'nodes', 'unsupported'],
  [{ after: ':ok' }, 'after', 'invalid'],
  [{ array: '9-0' }, 'array', 'invalid'],
  [{ array: '0-1000' }, 'array', 'invalid'],
  [{ hold: 'later' }, 'hold', 'invalid'],
  [{ clusterId: { toString: 0 } }, 'clusterId', 'unsupported'],
  [{ useDockerfile: 'true' }, 'useDockerfile', 'unsupported'],
  [{ dataset: 'mnist@ds1' }, 'dataset', 'unsupported'],
];

for (const [values, path, kind] of REFUSED) {
  t.test(`${JSON.stringify(values)} is ${kind}`, async (t) => {
    const read = jobSpecFromFields(values);
    t.match(read, { ok: false, kind });
    t.equal(read.ok ? '' : read.fields[0]?.path, path);
  });
}

t.test('what is neutral in something that is not there yet is accepted', async (t) => {
  t.ok(jobSpecFromFields({ command: 'x', nodes: 1, queue: 'default', isPublic: false, hold: 'false' }).ok);
});

t.test('any values whatever give an answer', async () => {
  const keys = JOB_FIELDS.map((field) => field.key);
  const values = fc.dictionary(fc.constantFrom(...keys, 'zzz'), fc.anything(), { maxKeys: 5 });
  fc.assert(fc.property(values, (record) => typeof jobSpecFromFields(record).ok === 'boolean'));
});

t.test('the published schema takes what the reader takes', async (t) => {
  const schema = buildJobSchema();
  const ajv = new Ajv2020({ strict: true, strictTypes: false });
  const validate = ajv.compile(schema);
  const { nodes: _nodes, isPublic: _public, ...said } = FULL;
  const document = {
    kind: 'job',
    apiVersion: 'nabla/v1',
    ...said,
    env: { A: 1 },
    exclusive: true,
    waitForHosts: false,
  };
  t.ok(validate(document), JSON.stringify(validate.errors));
  t.ok(jobFromDocument(document).ok);
  t.notOk(validate({ kind: 'job', gpuz: 1 }), 'unknown keys are marked');
  t.notOk(validate({ command: 'x' }), 'the kind is required');
  for (const [values, path] of REFUSED.slice(0, 11)) t.notOk(validate({ kind: 'job', ...values }), path);
});

t.test('every example is what the field takes', async (t) => {
  for (const field of JOB_FIELDS) {
    if (field.unsupported !== undefined) continue;
    const context = /^workspace(Ref|Username|Password)$/.test(field.key)
      ? { workspace: 'https://example.com/r' }
      : field.key === 'ignoreFiles'
        ? { workspace: '.' }
        : {};
    t.match(jobSpecFromFields({ ...context, [field.key]: field.example }), { ok: true }, field.key);
  }
});

t.test('documents of another kind, version or spelling are refused with what was meant', async (t) => {
  t.match(jobFromDocument(null), { ok: false, fields: [{ path: 'kind' }] });
  t.match(jobFromDocument(['kind', 'job']), { ok: false });
  t.match(jobFromDocument({ command: 'x' }), { ok: false, fields: [{ path: 'kind' }] });
  t.match(jobFromDocument({ kind: 'job', apiVersion: 'v9' }), {
    ok: false,
    fields: [{ path: 'apiVersion' }],
  });
  t.match(jobFromDocument({ kind: 'job', comand: 'x' }), {
    fields: [{ path: 'comand', reason: /mean command/ }],
  });
  t.match(jobFromDocument({ kind: 'job', container: 'x' }), { fields: [{ reason: /mean image/ }] });
  t.equal(suggestJobField('memroy'), 'memory');
  t.equal(suggestJobField('completely-else'), undefined);
  t.equal(suggestJobField('x'.repeat(10_000)), undefined);
});
