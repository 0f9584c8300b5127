/**
 * Aim: a workspace that cannot be sent faithfully is refused before anything is sent: one sentence that names the
 * flag and the file, exit code 2, no job.
 * Method: one folder per fault, made for real, and one `jobs run` each.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { openCluster } from '../acceptance/live-processes.ts';

interface Row {
  readonly name: string;
  make(folder: string): void | Promise<void>;
  readonly says: RegExp;
}

const ROWS: readonly Row[] = [
  {
    name: 'a loop of links',
    make: (folder) => symlinkSync('.', join(folder, 'again')),
    says: /loop of symbolic links.*again/,
  },
  {
    name: 'two links to one another',
    make: (folder) => {
      symlinkSync('b', join(folder, 'a'));
      symlinkSync('a', join(folder, 'b'));
    },
    says: /loop of symbolic links/,
  },
  {
    name: 'a link out of the tree',
    make: (folder) => symlinkSync('/etc/passwd', join(folder, 'sub', 'out')),
    says: /link that leaves it.*sub\/out/,
  },
  {
    name: 'a control character',
    make: (folder) => writeFileSync(join(folder, 'red\u001b[31m\n'), ''),
    says: /name holds control characters/,
  },
  {
    name: 'a pipe',
    make: (folder) => void execFileSync('mkfifo', [join(folder, 'pipe')]),
    says: /socket, pipe or device.*pipe/,
  },
  {
    name: 'more than may be sent',
    make: (folder) => {
      writeFileSync(join(folder, 'big'), '');
      truncateSync(join(folder, 'big'), 3 * 1024 ** 3);
    },
    says: /larger than 2 GiB/,
  },
];

t.test('workspaces that cannot be sent', { timeout: 120_000 }, async (t) => {
  const { cli } = await openCluster(t);
  const base = t.testdir({});

  for (const [index, row] of ROWS.entries()) {
    await t.test(row.name, async (t) => {
      const folder = join(base, `ws-${index}`);
      mkdirSync(join(folder, 'sub'), { recursive: true });
      await row.make(folder);
      const end = await cli.run(['jobs', 'run', '--workspace', folder, '--', 'true']);
      t.equal(end.code, 2, end.stderr);
      t.match(end.stderr.split('\n')[0], row.says);
      t.match(end.stderr, /--workspace/, 'it names the flag');
      t.match(end.stderr, /hint: \S/);
      t.notMatch(end.stderr, /\u001b/, 'and a name cannot paint the terminal');
    });
  }

  await t.test('a socket', async (t) => {
    // Socket paths are short, so the folder is made where tests cannot make it long.
    const folder = join('/tmp', `nabla-ws-socket-${process.pid}`);
    mkdirSync(folder, { recursive: true });
    t.teardown(() => execFileSync('rm', ['-r', folder]));
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(folder, 'sock'), resolve));
    t.teardown(() => void server.close());
    const end = await cli.run(['jobs', 'run', '--workspace', folder, '--', 'true']);
    t.equal(end.code, 2);
    t.match(end.stderr, /socket, pipe or device.*sock/);
    const ignored = await cli.run([
      'jobs',
      'run',
      '--workspace',
      folder,
      '--ignore-files',
      'sock',
      '--',
      'ls',
    ]);
    t.equal(ignored.code, 0, 'ignored, it does not matter');
    t.equal(ignored.stdout, '');
  });

  await t.test('one that does not exist', async (t) => {
    const end = await cli.run(['jobs', 'run', '--workspace', join(base, 'absent'), '--', 'true']);
    t.equal(end.code, 2);
    t.match(end.stderr, /workspace does not exist/);
  });

  const jobs = await cli.json<readonly { readonly spec: { readonly workspace: unknown } }[]>([
    'jobs',
    'list',
  ]);
  t.equal(jobs.length, 1, 'no refusal left a job behind');
});
