/**
 * Aim: every rule of a job spec at its bound and one beyond, and all violations at once. Method: a table of one
 * change each to a valid spec, with the path that must be named.
 */
import fc from 'fast-check';
import t from 'tap';
import type { JobSpec } from '../../../../proto/domain/job.ts';
import {
  type JobSpecInput,
  requireJobSpec,
  validateJobSpec,
} from '../../../../proto/domain/job-validation.ts';
import { DEFAULTS, LIMITS } from '../../../../proto/domain/limits.ts';
import { arbitraryJobSpec } from '../../../kit/arbitraries.ts';
import { caught } from '../../../kit/caught.ts';

const GIB = 1024 ** 3;
const VALID: JobSpecInput = { image: 'busybox', command: { kind: 'shell', line: 'true' } };
const many = (count: number, make: (index: number) => string): string[] =>
  Array.from({ length: count }, (_, i) => make(i));
const env = (count: number): Record<string, string> =>
  Object.fromEntries(many(count, (i) => `K${i}`).map((k) => [k, '']));

interface Row {
  readonly name: string;
  readonly change: JobSpecInput;
  /** The violation's path; absent: valid. */
  readonly path?: string;
}

const blob = (sizeBytes: number, sha256 = 'a'.repeat(64)) => ({ kind: 'blob' as const, sha256, sizeBytes });
const git = (url: string, ref = '') => ({ kind: 'git' as const, url, ref });

const ROWS: readonly Row[] = [
  { name: 'only a command', change: {} },
  { name: 'the image decides the command', change: { command: { kind: 'argv', args: [] } } },
  {
    name: 'neither image nor command',
    change: { image: '', command: { kind: 'argv', args: [] } },
    path: 'spec.command',
  },
  { name: 'a blank command line', change: { command: { kind: 'shell', line: '  ' } }, path: 'spec.command' },
  { name: 'NUL in a command', change: { command: { kind: 'shell', line: 'a\0b' } }, path: 'spec.command' },
  {
    name: 'NUL in an argument',
    change: { command: { kind: 'argv', args: ['a', '\0'] } },
    path: 'spec.command',
  },
  { name: 'an empty program', change: { command: { kind: 'argv', args: ['', 'x'] } }, path: 'spec.command' },
  { name: 'an empty argument', change: { command: { kind: 'argv', args: ['echo', ''] } } },
  {
    name: 'as many arguments as allowed',
    change: { command: { kind: 'argv', args: many(LIMITS.argvCount, () => 'x') } },
  },
  {
    name: 'one argument too many',
    change: { command: { kind: 'argv', args: many(LIMITS.argvCount + 1, () => 'x') } },
    path: 'spec.command',
  },
  {
    name: 'a command line of more bytes than allowed',
    change: { command: { kind: 'shell', line: 'é'.repeat(LIMITS.commandLineBytes / 2 + 1) } },
    path: 'spec.command',
  },
  { name: 'a name with metacharacters', change: { name: '<b>$(x)</b> ; ../' } },
  { name: 'a name with an escape', change: { name: '\u001b[2J' }, path: 'spec.name' },
  {
    name: 'an image with registry, tag and digest',
    change: { image: `r.example.com:5000/a/b_c:1.0@sha256:${'0'.repeat(64)}` },
  },
  { name: 'an upper-case image', change: { image: 'PyTorch/x' }, path: 'spec.image' },
  { name: 'an image with a space', change: { image: 'a b' }, path: 'spec.image' },
  { name: 'an image like a flag', change: { image: '--privileged' }, path: 'spec.image' },
  { name: 'an image that goes upwards', change: { image: '../x' }, path: 'spec.image' },
  { name: 'a container user', change: { containerUser: '1000:1000' } },
  {
    name: 'a user without a container',
    change: { image: '', containerUser: 'me' },
    path: 'spec.containerUser',
  },
  { name: 'a user with a space', change: { containerUser: 'a b' }, path: 'spec.containerUser' },
  { name: 'as many variables as allowed', change: { env: env(LIMITS.envCount) } },
  { name: 'one variable too many', change: { env: env(LIMITS.envCount + 1) }, path: 'spec.env' },
  { name: 'a variable with a dash', change: { env: { 'A-B': '1' } }, path: 'spec.env.A-B' },
  { name: 'a variable that starts with a digit', change: { env: { '1A': '1' } }, path: 'spec.env.1A' },
  { name: 'a reserved prefix', change: { env: { NABLA_X: '1' } }, path: 'spec.env.NABLA_X' },
  {
    name: 'a reserved name',
    change: { env: { CUDA_VISIBLE_DEVICES: '0' } },
    path: 'spec.env.CUDA_VISIBLE_DEVICES',
  },
  { name: 'a refused name', change: { env: { PS_API_KEY: '0' } }, path: 'spec.env.PS_API_KEY' },
  { name: 'a common word of Gradient', change: { env: { TYPE: 'x', INDEX: '0' } } },
  { name: 'NUL in a value', change: { env: { A: '\0' } }, path: 'spec.env.A' },
  { name: 'newlines in a value', change: { env: { A: 'a\nb' } } },
  { name: 'a value of the greatest size', change: { env: { A: 'x'.repeat(LIMITS.envValueBytes) } } },
  {
    name: 'a value one byte larger',
    change: { env: { A: 'x'.repeat(LIMITS.envValueBytes + 1) } },
    path: 'spec.env.A',
  },
  { name: 'a secret reference', change: { env: { A: 'secret:HF_TOKEN' } } },
  { name: 'a secret reference to no name', change: { env: { A: 'secret:../x' } }, path: 'spec.env.A' },
  {
    name: 'ports',
    change: {
      ports: [
        { containerPort: 80, hostPort: 8080 },
        { containerPort: 81, hostPort: 0 },
      ],
    },
  },
  {
    name: 'port 0',
    change: { ports: [{ containerPort: 0, hostPort: 0 }] },
    path: 'spec.ports[0].containerPort',
  },
  {
    name: 'port 65536',
    change: { ports: [{ containerPort: 65_536, hostPort: 0 }] },
    path: 'spec.ports[0].containerPort',
  },
  {
    name: "a port of the host's own",
    change: { ports: [{ containerPort: 80, hostPort: 80 }] },
    path: 'spec.ports[0].hostPort',
  },
  {
    name: 'a container port twice',
    change: {
      ports: [
        { containerPort: 80, hostPort: 0 },
        { containerPort: 80, hostPort: 0 },
      ],
    },
    path: 'spec.ports',
  },
  {
    name: 'a host port twice',
    change: {
      ports: [
        { containerPort: 80, hostPort: 8080 },
        { containerPort: 81, hostPort: 8080 },
      ],
    },
    path: 'spec.ports',
  },
  { name: 'two GPUs', change: { resources: { gpuMilli: 2000, gpuModels: ['A100'] } } },
  { name: 'a share', change: { resources: { gpuMilli: 500, gpuMemoryBytes: GIB } } },
  { name: 'one and a half GPUs', change: { resources: { gpuMilli: 1500 } }, path: 'spec.resources.gpuMilli' },
  {
    name: 'a fraction of a thousandth',
    change: { resources: { gpuMilli: 0.5 } },
    path: 'spec.resources.gpuMilli',
  },
  {
    name: 'a model without a GPU',
    change: { resources: { gpuModels: ['A100'] } },
    path: 'spec.resources.gpuModels',
  },
  {
    name: 'GPU memory without a GPU',
    change: { resources: { gpuMemoryBytes: 1 } },
    path: 'spec.resources.gpuMemoryBytes',
  },
  { name: 'a slice', change: { resources: { migProfile: '3g.40gb' } } },
  {
    name: 'a slice and a GPU',
    change: { resources: { migProfile: '3g.40gb', gpuMilli: 1000 } },
    path: 'spec.resources.migProfile',
  },
  {
    name: 'a slice of no form',
    change: { resources: { migProfile: 'big' } },
    path: 'spec.resources.migProfile',
  },
  { name: 'the least memory', change: { resources: { memoryBytes: LIMITS.memoryMinBytes } } },
  {
    name: 'less memory than that',
    change: { resources: { memoryBytes: 1024 } },
    path: 'spec.resources.memoryBytes',
  },
  {
    name: 'too much memory',
    change: { resources: { memoryBytes: LIMITS.memoryBytes + 1 } },
    path: 'spec.resources.memoryBytes',
  },
  { name: 'shm within memory', change: { resources: { memoryBytes: GIB, shmBytes: GIB } } },
  {
    name: 'shm beyond memory',
    change: { resources: { memoryBytes: GIB, shmBytes: GIB + 1 } },
    path: 'spec.resources.shmBytes',
  },
  { name: 'a machine type', change: { machineType: 'a100-1' } },
  {
    name: 'a machine type and GPUs',
    change: { machineType: 'a100-1', resources: { gpuMilli: 1000 } },
    path: 'spec.resources.gpuMilli',
  },
  { name: 'a machine type with a path', change: { machineType: '../x' }, path: 'spec.machineType' },
  { name: 'a time limit', change: { timeLimitMs: 1 } },
  { name: 'a negative time limit', change: { timeLimitMs: -1 }, path: 'spec.timeLimitMs' },
  {
    name: 'a time limit of years',
    change: { timeLimitMs: LIMITS.timeLimitMs + 1 },
    path: 'spec.timeLimitMs',
  },
  { name: 'a warning', change: { timeLimitMs: 1000, warnBeforeMs: 999, warnSignal: 'SIGUSR2' } },
  {
    name: 'a warning before the start',
    change: { timeLimitMs: 1000, warnBeforeMs: 1000 },
    path: 'spec.warnBeforeMs',
  },
  { name: 'a warning without a limit', change: { warnBeforeMs: 1000 }, path: 'spec.warnBeforeMs' },
  { name: 'a deadly warning', change: { warnSignal: 'KILL' }, path: 'spec.warnSignal' },
  { name: 'a grace that is too short', change: { graceMs: 1 }, path: 'spec.graceMs' },
  { name: 'a grace that is too long', change: { graceMs: LIMITS.graceMs + 1 }, path: 'spec.graceMs' },
  { name: 'the most retries', change: { retries: LIMITS.retries } },
  { name: 'one retry more', change: { retries: LIMITS.retries + 1 }, path: 'spec.retries' },
  { name: 'priority 0', change: { priority: 0 } },
  { name: 'priority 1001', change: { priority: 1001 }, path: 'spec.priority' },
  { name: 'two tasks', change: { tasks: 2 }, path: 'spec.tasks' },
  { name: 'an absolute working directory', change: { workingDirectory: '/workspace/a b' } },
  { name: 'a relative working directory', change: { workingDirectory: 'src' } },
  {
    name: 'a working directory that goes upwards',
    change: { workingDirectory: 'a/../../b' },
    path: 'spec.workingDirectory',
  },
  {
    name: 'a working directory with a newline',
    change: { workingDirectory: '/a\nb' },
    path: 'spec.workingDirectory',
  },
  { name: 'an uploaded workspace', change: { workspace: blob(LIMITS.workspaceBytes) } },
  {
    name: 'a workspace that is too large',
    change: { workspace: blob(LIMITS.workspaceBytes + 1) },
    path: 'spec.workspace.sizeBytes',
  },
  { name: 'a workspace of no address', change: { workspace: blob(1, 'ABC') }, path: 'spec.workspace.sha256' },
  { name: 'a git workspace', change: { workspace: git('https://git.example.com/a/b.git', 'v1.0') } },
  { name: 'a git workspace by ssh', change: { workspace: git('git@git.example.com:a/b.git') } },
  { name: 'a git URL of a file', change: { workspace: git('file:///etc') }, path: 'spec.workspace.url' },
  {
    name: 'a git URL that runs a program',
    change: { workspace: git('ext::sh -c id') },
    path: 'spec.workspace.url',
  },
  {
    name: 'a git URL like a flag',
    change: { workspace: git('--upload-pack=x') },
    path: 'spec.workspace.url',
  },
  {
    name: 'a git host like a flag',
    change: { workspace: git('ssh://-oProxyCommand=x/a') },
    path: 'spec.workspace.url',
  },
  {
    name: 'a password in a git URL',
    change: { workspace: git('https://u:p@example.com/r') },
    path: 'spec.workspace.url',
  },
  {
    name: 'a ref like a flag',
    change: { workspace: git('https://example.com/r', '--x') },
    path: 'spec.workspace.ref',
  },
  {
    name: 'git credentials over https',
    change: { workspace: { ...git('https://example.com/r'), credentials: { username: 'u', password: 'p' } } },
  },
  {
    name: 'git credentials in plain text',
    change: { workspace: { ...git('http://example.com/r'), credentials: { username: 'u', password: 'p' } } },
    path: 'spec.workspace.credentials',
  },
  {
    name: 'registry credentials',
    change: { registry: { url: 'r.example.com:5000', username: 'u', password: 'p' } },
  },
  {
    name: 'registry credentials without an image',
    change: { image: '', registry: { username: 'u', password: 'p' } },
    path: 'spec.registry',
  },
  {
    name: 'a registry user without a password',
    change: { registry: { username: 'u' } },
    path: 'spec.registry.password',
  },
  {
    name: 'a registry password without a user',
    change: { registry: { username: '', password: 'p' } },
    path: 'spec.registry.username',
  },
  {
    name: 'a registry URL of no form',
    change: { registry: { url: 'a b', username: 'u', password: 'p' } },
    path: 'spec.registry.url',
  },
  {
    name: "another user's sealed secret",
    change: { registry: { username: 'u', secretId: 'sec_1' as never } },
    path: 'spec.registry.secretId',
  },
  { name: 'constraints', change: { constraints: { 'example.com/zone': 'lab 1' } } },
  {
    name: 'a constraint with a space',
    change: { constraints: { 'a b': '1' } },
    path: 'spec.constraints.a b',
  },
  { name: 'an empty excluded host', change: { excludeHosts: [''] }, path: 'spec.excludeHosts' },
  { name: 'as many tags as allowed', change: { tags: many(LIMITS.tagCount, (i) => `t${i}`) } },
  { name: 'one tag more', change: { tags: many(LIMITS.tagCount + 1, (i) => `t${i}`) }, path: 'spec.tags' },
  { name: 'a tag with a comma', change: { tags: ['a,b'] }, path: 'spec.tags' },
];

for (const { name, change, path } of ROWS) {
  t.test(`${name} is ${path === undefined ? 'valid' : 'refused'}`, async (t) => {
    const result = validateJobSpec({ ...VALID, ...change });
    if (path === undefined) {
      t.strictSame(result.ok ? [] : result.fields, []);
      return;
    }
    t.notOk(result.ok);
    const fields = result.ok ? [] : result.fields;
    t.ok(
      fields.some((field) => field.path === path),
      `${path} is named: ${JSON.stringify(fields).slice(0, 300)}`,
    );
    for (const { reason } of fields)
      t.match(reason, /^(must|is|are) .*[^.]$/, 'a reason reads after the field name');
  });
}

t.test('all violations are told at once', async (t) => {
  const result = validateJobSpec({
    name: '\n',
    image: 'A',
    priority: -1,
    tasks: 3,
    command: { kind: 'shell', line: '' },
  });
  const paths = result.ok ? [] : result.fields.map((field) => field.path).sort();
  t.strictSame(paths, ['spec.command', 'spec.image', 'spec.name', 'spec.priority', 'spec.tasks']);
});

t.test('what was not said gets its default', async (t) => {
  const spec = requireJobSpec(VALID);
  t.match(spec, {
    priority: DEFAULTS.priority,
    graceMs: 30_000,
    maxRunAttempts: 10,
    tasks: 1,
    warnSignal: 'USR1',
    resources: { cpuMilli: 1000, memoryBytes: GIB, gpuMilli: 0 },
  });
  t.match(requireJobSpec({ ...VALID, retries: 20 }), { maxRunAttempts: 21 });
  t.match(requireJobSpec({ ...VALID, tags: ['b', 'a', 'b'] }), { tags: ['a', 'b'] });
});

t.test('with a machine type nothing of its resources is filled in', async (t) => {
  const { resources } = requireJobSpec({ ...VALID, machineType: 'a100-1' });
  t.match(resources, { cpuMilli: 0, memoryBytes: 0, gpuMilli: 0 });
});

t.test('a sealed spec of the server itself is valid', async (t) => {
  const sealed = { ...VALID, registry: { username: 'u', secretId: 'sec_1' as never } };
  t.ok(validateJobSpec(sealed, { sealed: true }).ok);
  t.notOk(validateJobSpec(sealed).ok);
});

t.test('the error names code and fields', async (t) => {
  t.match(
    caught(() => requireJobSpec({ ...VALID, priority: -1 })),
    {
      kind: 'invalid',
      code: 'JOB_SPEC_INVALID',
      fields: [{ path: 'spec.priority' }],
    },
  );
});

t.test('validation never throws and a valid spec validates to itself', async (t) => {
  fc.assert(
    fc.property(arbitraryJobSpec, (input: JobSpec) => {
      const first = validateJobSpec(input, { sealed: true });
      if (!first.ok) return first.fields.length > 0;
      const second = validateJobSpec(first.spec, { sealed: true });
      return second.ok && JSON.stringify(second.spec) === JSON.stringify(first.spec);
    }),
    { numRuns: 100 },
  );
  const spec = requireJobSpec({ ...VALID, retries: 3, tags: ['x'], resources: { gpuMilli: 1000 } });
  t.strictSame(requireJobSpec(spec), spec);
});

t.test('what a lost host means is one of three words, and waiting is not written down', async (t) => {
  const command = { kind: 'shell', line: 'true' } as const;
  const check = (onDisconnect: string) => validateJobSpec({ command, onDisconnect: onDisconnect as 'wait' });
  t.notOk('onDisconnect' in (check('wait') as { readonly spec: object }).spec, 'as in every older record');
  t.match(check('replace'), { ok: true, spec: { onDisconnect: 'replace' } });
  t.match(check('stop'), { ok: true, spec: { onDisconnect: 'stop' } });
  t.match(check('later'), {
    ok: false,
    fields: [{ path: 'spec.onDisconnect', reason: /wait, replace, stop/ }],
  });
});
