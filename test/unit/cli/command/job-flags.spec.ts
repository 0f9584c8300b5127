/**
 * Aim: flags, options files and job files of a job agree, and every refusal names what the user wrote. Method: whole
 * command lines against no controller: what is right ends at the missing controller, what is wrong before it.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import t from 'tap';
import { repoRoot } from '../../../kit/repo-root.ts';
import { runCli } from '../cli-kit.ts';

/** Command lines of the older client's documentation, with only the program's name changed. */
const GRADIENT: readonly (readonly [string, readonly string[]])[] = [
  [
    'flags in camelCase',
    [
      '--name',
      'n',
      '--projectId',
      'p',
      '--machineType',
      'P4000',
      '--container',
      'tensorflow/tensorflow:1.8.0-gpu',
      '--command',
      'python train.py',
      '--ports',
      '5000:5000,6006:6006',
    ],
  ],
  [
    'values for what became switches',
    [
      '--projectId',
      'p',
      '--isPreemptible',
      'true',
      '--isPublic',
      'false',
      '--useDockerfile',
      'false',
      '--command',
      'x',
    ],
  ],
  [
    'environment as JSON',
    ['--projectId', 'p', '--command', 'x', '--envVars', '{"A":"1"}', '--tags', 'a,b', '--tag', 'c'],
  ],
  [
    'registry credentials',
    [
      '--projectId',
      'p',
      '--container',
      'r/i',
      '--command',
      'x',
      '--registryUsername',
      'u',
      '--registryPassword',
      'pw',
    ],
  ],
];

t.test('documented command lines of the older client are understood', async (t) => {
  for (const [name, words] of GRADIENT) {
    const run = await runCli(['jobs', 'create', ...words]);
    t.match(run, { code: 9, stderr: /no controller is known/ }, `${name}: ${run.stderr}`);
  }
});

const REFUSED: readonly (readonly [string, readonly string[], number, RegExp])[] = [
  ['a size in decimal units', ['--memory', '3G', '--', 'x'], 2, /--memory must be a size/],
  [
    'two problems',
    ['--memory', '3G', '--gpus', 'x', '--', 'x'],
    2,
    /--gpus[\s\S]*--memory|--memory[\s\S]*--gpus/,
  ],
  ['no command and no image', [], 2, /--command/],
  ['the command twice', ['--command', 'a', '--', 'b'], 2, /given twice/],
  ['a dataset', ['--dataset', 'mnist@d1', '--', 'x'], 10, /--dataset[\s\S]*hint: .*storage/],
  ['a cluster', ['--clusterId', 'c', '--', 'x'], 10, /--cluster-id[\s\S]*--profile/],
  ['a Dockerfile', ['--useDockerfile', 'true', '--', 'x'], 10, /docker/],
  ['an experiment', ['--experimentId', 'e', '--', 'x'], 10, /not supported/],
  ['a bad name', ['--name', 'a\u001b[31m', '--', 'x'], 2, /--name/],
  [
    'a git password in the URL',
    ['--workspace', 'https://u:p@example.com/r.git', '--', 'x'],
    2,
    /--workspace/,
  ],
  ['a bad priority', ['--priority', '2000', '--', 'x'], 2, /--priority/],
  ['a misspelt flag', ['--gpu', '1', '--', 'x'], 2, /did you mean --gpus\?/],
];

t.test('what is wrong is named by its flag before anything is sent', async (t) => {
  for (const [name, words, code, message] of REFUSED) {
    const run = await runCli(['jobs', 'create', ...words]);
    t.equal(run.code, code, `${name}: ${run.stderr}`);
    t.match(run.stderr, message, name);
    t.notMatch(run.stderr, /u001b\[31m|\u001b/, 'nothing that was typed is obeyed');
  }
});

t.test('a job file is checked like flags, and flags win over it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'nabla-file-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'job.yaml');
  const create = async (text: string, ...words: string[]) => {
    writeFileSync(file, text);
    return runCli(['jobs', 'create', '-f', file, ...words]);
  };
  t.equal((await create('kind: job\ncommand: [python3, train.py]\nmemory: 2Gi\nenv: {A: 1}\n')).code, 9);
  t.match(await create('kind: job\ncommand: x\nmemory: 3G\n'), { code: 2, stderr: /memory must be a size/ });
  t.equal((await create('kind: job\ncommand: x\nmemory: 3G\n', '--memory', '3Gi')).code, 9);
  t.match(await create('kind: job\ncomand: x\n'), { code: 2, stderr: /did you mean command/ });
  t.match(await create('command: x\n'), { code: 2, stderr: /kind/ });
  t.match(await create(''), { code: 2, stderr: /kind/ });
  t.match(await create('kind: job\n  a: [\n'), { code: 2, stderr: /not valid YAML/ });
  t.match(await create('kind: job\ncommand: x\ndataset: d\n'), { code: 10 });
});

t.test('the published schema is the one of this version, and holds the examples', async (t) => {
  const run = await runCli(['schema', 'job']);
  t.equal(run.code, 0);
  t.equal(
    readFileSync(join(repoRoot, 'deploy', 'schema', 'job.schema.json'), 'utf8'),
    run.stdout,
    'run: npm run generate',
  );
  const validate = new Ajv2020({ strict: false }).compile(JSON.parse(run.stdout));
  t.ok(
    validate({ kind: 'job', command: ['a', 'b'], memory: '2Gi', gpus: 1, env: { A: '1' }, timeLimit: '4h' }),
  );
  t.notOk(validate({ kind: 'job', comand: 'x' }));
  t.notOk(validate({ kind: 'job', command: 'x', memory: '3G' }));
});
