/**
 * Aim: files go in and come out as they are: a workspace is uploaded once and again only when it changed, artifacts
 * are listed, read in part, downloaded and destroyed.
 * Method: real folders and jobs; what the controller stored is counted in its own data folder.
 */
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { eventually } from '../../kit/eventually.ts';
import { openCluster } from './live-processes.ts';

interface Listed {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

t.test('a workspace', { timeout: 120_000 }, async (t) => {
  const { cli, cluster } = await openCluster(t);
  const folder = t.testdir({
    'run.sh': 'find . -type f | sort; sh ./sub/deep.sh\n',
    'notes.log': 'left out',
    '.gitignore': '*.log\nsecrets/\n',
    '.nablaignore': 'big.bin\n!notes.log\n',
    'big.bin': 'big',
    secrets: { key: 'k' },
    sub: { 'deep.sh': 'echo deep\n' },
    'späce ü.txt': 'x',
  });
  chmodSync(join(folder, 'run.sh'), 0o755);
  const run = (...more: readonly string[]) =>
    cli.run(['jobs', 'run', '--workspace', folder, ...more, '--', './run.sh']);
  const stored = (): readonly string[] => listBlobs(cluster.folder, /workspace/);

  const first = await run();
  t.equal(first.code, 0, first.stderr);
  t.match(first.stdout, /^\.\/sub\/deep\.sh$/m);
  t.match(first.stdout, /^\.\/späce ü\.txt$/m);
  t.notMatch(first.stdout, /secrets|big\.bin/, 'ignored files stay at home');
  t.match(first.stdout, /deep\n$/, 'execute bits survive');
  const once = stored();
  t.ok(once.length > 0, 'it is stored');
  const written = (await stat(once[0] ?? '')).mtimeMs;
  t.equal((await run()).stdout, first.stdout);
  t.strictSame(stored(), once, 'unchanged, it is not stored again');
  t.equal((await stat(once[0] ?? '')).mtimeMs, written, 'nor written again');
  const fewer = await run('--ignore-files', '*.txt');
  t.notMatch(fewer.stdout, /\.txt/, '--ignore-files leaves out more');
  t.ok(stored().length > once.length, 'and makes another archive');

  await t.test('jobs get copies of their own', async (t) => {
    const spoil = await cli.run(['jobs', 'run', '--workspace', folder, '--command', 'rm -r ./*; ls | wc -l']);
    t.match(spoil.stdout, /^\s*0\s*$/);
    t.equal((await run()).stdout, first.stdout, 'nobody else notices');
    t.ok(existsSync(join(folder, 'run.sh')));
  });
});

t.test('artifacts', { timeout: 120_000 }, async (t) => {
  const { cli } = await openCluster(t);
  const make = [
    'cd $NABLA_ARTIFACTS; echo "{}" > metrics.json; mkdir -p ckpt/deep empty',
    'head -c 300000 /dev/urandom > ckpt/a.bin; cp ckpt/a.bin ckpt/deep/b.bin; echo x > "odd name;&.txt"',
    'ln -s /etc/passwd link; echo up; while ! test -e $NABLA_STORAGE/go; do sleep 0.1; done; echo 2 > late',
  ].join('\n');
  const job = await cli.submit(['--name', 'maker', '--command', make]);
  const list = (...args: readonly string[]): Promise<readonly Listed[]> =>
    cli.json<readonly Listed[]>(['jobs', 'artifacts', 'list', job, ...args]);

  await t.test('are there while the job runs', async (t) => {
    const early = await eventually(async () => (await list()).find(({ path }) => path === 'metrics.json'), {
      deadlineMs: 40_000,
      everyMs: 500,
      what: 'an artifact of the running job',
    });
    t.equal(early.sizeBytes, 3);
    t.equal((await cli.show(job)).state, 'running');
  });
  await cli.run(['jobs', 'run', '--command', 'touch $NABLA_STORAGE/go']);
  t.equal((await cli.run(['jobs', 'wait', job])).code, 0);

  await t.test('are listed with sizes, by folder and by pattern', async (t) => {
    const all = await list();
    const paths = all.map(({ path }) => path);
    t.strictSame(paths, ['ckpt/a.bin', 'ckpt/deep/b.bin', 'late', 'metrics.json', 'odd name;&.txt']);
    t.equal(all[0]?.sizeBytes, 300_000);
    t.strictSame(
      (await list('ckpt/deep')).map(({ path }) => path),
      ['ckpt/deep/b.bin'],
    );
    t.strictSame(
      (await list('--files', '*.json')).map(({ path }) => path),
      ['metrics.json'],
    );
    t.strictSame((await list('--files', '**/*.bin')).length, 2);
  });

  const folder = t.testdir({});
  await t.test('are downloaded whole, in part, and once', async (t) => {
    const down = await cli.run(['jobs', 'artifacts', 'download', job, '--destination-dir', folder]);
    t.equal(down.code, 0, down.stderr);
    for (const { path, sha256: wanted } of await list()) {
      t.equal(sha256(readFileSync(join(folder, path))), wanted, path);
    }
    const bytes = readFileSync(join(folder, 'ckpt/a.bin'));
    const got = await cli.run(['jobs', 'artifacts', 'get', job, 'ckpt/a.bin']);
    t.ok(got.stdoutBytes.equals(bytes));
    const part = await cli.run(['jobs', 'artifacts', 'get', job, 'ckpt/a.bin', '--range', '1000-1999']);
    t.ok(part.stdoutBytes.equals(bytes.subarray(1000, 2000)));
    rmSync(join(folder, 'late'));
    const again = await cli.run(['jobs', 'artifacts', 'download', job, '--destination-dir', folder]);
    t.equal(again.code, 0, again.stderr);
    t.ok(existsSync(join(folder, 'late')), 'what is missing comes again');
  });

  await t.test('that are not there are refused', async (t) => {
    const end = await cli.run(['jobs', 'artifacts', 'get', job, '../../../etc/passwd']);
    t.not(end.code, 0);
    t.equal(end.stdout, '');
    t.equal((await cli.run(['jobs', 'artifacts', 'get', job, 'absent'])).code, 4);
    const far = await cli.run(['jobs', 'artifacts', 'get', job, 'late', '--range', '100-200']);
    t.not(far.code, 0, 'a range behind the end');
  });

  await t.test('are destroyed by pattern, then altogether', async (t) => {
    t.equal((await cli.run(['jobs', 'artifacts', 'destroy', job, '--files', 'ckpt/**'])).code, 0);
    t.strictSame((await list()).length, 3);
    t.equal((await cli.run(['jobs', 'artifacts', 'destroy', job])).code, 0);
    t.strictSame(await list(), []);
  });

  await t.test('are kept per attempt', async (t) => {
    const line = 'echo $NABLA_ATTEMPT > $NABLA_ARTIFACTS/n; test $NABLA_ATTEMPT = 2';
    const id = await cli.submit(['--retries', '1', '--command', line]);
    t.equal((await cli.run(['jobs', 'wait', id])).code, 0);
    t.equal((await cli.run(['jobs', 'artifacts', 'get', id, 'n'])).stdout, '2\n');
    t.equal((await cli.run(['jobs', 'artifacts', 'get', id, 'n', '--attempt', '1'])).stdout, '1\n');
  });
});

function listBlobs(folder: string, wanted: RegExp): readonly string[] {
  const base = join(folder, 'controller');
  mkdirSync(base, { recursive: true });
  return readdirSync(base, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => wanted.test(file) && !file.endsWith('.log'))
    .sort();
}
