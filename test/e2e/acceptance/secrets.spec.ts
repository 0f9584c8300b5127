/**
 * Aim: a secret reaches the job that names it, and nothing else: no record, file, log or process list shows it.
 * Method: canaries go in by every door; afterwards everything that the cluster wrote is searched for them.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import t from 'tap';
import { eventually } from '../../kit/eventually.ts';
import { listCommandLines, openCluster } from './live-processes.ts';

const CANARIES = [
  'canary-in-env-5d1f',
  'canary-of-registry-77aa',
  'canary-of-git-90c3',
  'canary-old-1b2e',
] as const;
const [IN_ENV, REGISTRY, GIT, OLD] = CANARIES;

t.test('secrets stay secret', { timeout: 120_000 }, async (t) => {
  const { cli, cluster } = await openCluster(t);
  await cli.run(['secrets', 'set', 'TOKEN', '--value', '-'], { input: OLD });
  const replaced = await cli.run(['secrets', 'set', 'TOKEN', '--value', '-'], { input: IN_ENV });
  t.equal(replaced.code, 0, replaced.stderr);

  const line = 'printf %s "$T" | sha256sum; touch /tmp/x; sleep 300';
  const run = cli.start(['jobs', 'run', '--name', 'user', '--env', 'T=secret:TOKEN', '--command', line]);
  await eventually(() => run.stdout().includes('\n'), { what: 'the job to print' });
  const { createHash } = await import('node:crypto');
  t.match(run.stdout(), createHash('sha256').update(IN_ENV).digest('hex'), 'the job sees the value of now');
  const seen = listCommandLines().filter((text) => CANARIES.some((canary) => text.includes(canary)));
  t.strictSame(seen, [], 'no process list shows it');

  await t.test('write-only fields of a job', async (t) => {
    const end = await cli.run(
      ['jobs', 'create', '--image', 'a', '--wait-for-hosts', '--registry-username', 'u', '--', 'true'],
      { env: { NABLA_REGISTRY_PASSWORD: REGISTRY } },
    );
    t.equal(end.code, 0, end.stderr);
    const git = await cli.run(
      [
        'jobs',
        'create',
        '--workspace',
        'https://127.0.0.1:9/x.git',
        '--workspace-username',
        'u',
        '--',
        'true',
      ],
      { env: { NABLA_WORKSPACE_PASSWORD: GIT } },
    );
    t.equal(git.code, 0, git.stderr);
  });

  await t.test('no answer of the API holds one', async (t) => {
    for (const args of [['jobs', 'list'], ['jobs', 'show', 'user'], ['secrets', 'list'], ['events']]) {
      const end = await cli.run([...args, '-o', 'json']);
      t.equal(end.code, 0, end.stderr);
      for (const canary of CANARIES) t.notMatch(end.stdout, canary, `${args.join(' ')} is silent`);
    }
  });

  await t.test('a value given on the command line is warned about', async (t) => {
    const end = await cli.run(['secrets', 'set', 'LOUD', '--value', 'plain']);
    t.match(end.stderr, /shows in the process list/);
    t.notMatch(end.stdout, /plain/);
  });

  await t.test('a secret that is gone refuses the job that names it', async (t) => {
    const end = await cli.run(['jobs', 'run', '--env', 'T=secret:ABSENT', '--', 'true']);
    t.equal(end.code, 4);
    t.match(end.stderr, /--env T:? names a secret that does not exist/);
    t.equal((await cli.run(['secrets', 'delete', 'LOUD'])).code, 0);
  });

  await cli.run(['jobs', 'stop', 'user']);
  t.equal((await run.ended).code, 143);
  const guilty = listFiles(cluster.folder).filter((file) => {
    const bytes = readIfThere(file);
    return CANARIES.some((canary) => bytes.includes(canary));
  });
  t.strictSame(guilty, [], 'no file of controller, agent or CLI holds one in clear');
});

function readIfThere(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch {
    // Made and gone between the listing and the reading: drafts are.
    return Buffer.alloc(0);
  }
}

function listFiles(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !file.includes(`${sep}spares${sep}`));
}
