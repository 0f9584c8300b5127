/**
 * Aim: an archive that reaches out of its folder, is more than files, or grows without measure is refused whole:
 * the job fails as the data's fault with one clear sentence, its command never runs, and nothing is written.
 * Method: archives made byte by byte go through the HTTP upload as they are (a zip file is not repacked) and are
 * asked for by a job that would tell if it ran.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { ShownJob } from '../acceptance/cli-process.ts';
import { openCluster } from '../acceptance/live-processes.ts';
import { type RawEntry, rawZip } from './raw-zip.ts';

const MIB = 1024 * 1024;
const OUTSIDE = '/tmp/nabla-escaped-by-archive';

interface Row {
  readonly name: string;
  readonly entries: readonly RawEntry[];
  readonly says: RegExp;
}

const GOOD: RawEntry = { name: 'good.txt' };

const ROWS: readonly Row[] = [
  {
    name: 'leaves its folder',
    entries: [GOOD, { name: '../../../../../tmp/nabla-escaped-by-archive' }],
    says: /leaves its folder/,
  },
  { name: 'has an absolute name', entries: [GOOD, { name: OUTSIDE }], says: /absolute/ },
  { name: 'has a backslash', entries: [{ name: '..\\..\\evil' }], says: /backslash/ },
  { name: 'holds a control character', entries: [{ name: 'a\u001b[2Jb' }], says: /control characters/ },
  {
    name: 'holds a device',
    entries: [GOOD, { name: 'sda', mode: 0o060666 }],
    says: /only files and folders/,
  },
  { name: 'holds a pipe', entries: [{ name: 'pipe', mode: 0o010666 }], says: /only files and folders/ },
  {
    name: 'links out and writes through the link',
    entries: [
      { name: 'link', mode: 0o120777, data: Buffer.from('/tmp') },
      { name: 'link/nabla-escaped-by-archive' },
    ],
    says: /links are not taken|also a folder/,
  },
  { name: 'is a bomb', entries: [{ name: 'zeros', data: Buffer.alloc(64 * MIB) }], says: /grows too much/ },
  {
    name: 'is a bomb by its own account',
    entries: [1, 2, 3].map((i) => ({ name: `z${i}`, claimedBytes: 1_000 * MIB })),
    says: /too many bytes/,
  },
  {
    name: 'says less than it holds',
    entries: [{ name: 'liar', data: Buffer.alloc(MIB, 'x'), claimedBytes: 10 }],
    says: /larger than it says|cannot be (read|unpacked)/,
  },
  {
    name: 'has entries over one another',
    entries: [
      { name: 'one', data: Buffer.alloc(MIB) },
      { name: 'one2', sharesFirst: true, data: Buffer.alloc(MIB) },
    ],
    says: /overlap|disagree/,
  },
  { name: 'names a file twice', entries: [{ name: 'twice' }, { name: 'twice' }], says: /occurs twice/ },
  { name: 'is a file and a folder', entries: [{ name: 'x' }, { name: 'x/y' }], says: /also a folder/ },
];

t.test('hostile archives are refused whole', { timeout: 120_000 }, async (t) => {
  const { cli, cluster } = await openCluster(t);
  const folder = t.testdir({});
  const jobs = await Promise.all(
    [...ROWS.keys()].map(async (index) => {
      const file = join(folder, `archive-${index}.zip`);
      writeFileSync(file, rawZip(ROWS[index]?.entries ?? []));
      return await cli.submit(['--workspace', file, '--retries', '2', '--command', 'echo ran; ls -la']);
    }),
  );
  await cli.run(['jobs', 'wait', ...jobs]);
  const ended = await cli.json<readonly ShownJob[]>(['jobs', 'list']);
  for (const [index, row] of ROWS.entries()) {
    await t.test(`an archive that ${row.name}`, async (t) => {
      const job = ended.find(({ id }) => id === jobs[index]);
      if (job === undefined) throw new Error('the job is not listed');
      t.equal(job.state, 'failed');
      t.equal(job.exitCode, 125, 'a failure of ours, not of the command');
      t.match(job.reasonMessage, row.says);
      t.notMatch(job.reasonMessage, /[\u0000-\u001f]/, 'no byte of the archive reaches the terminal');
      t.equal(job.attempts.at(-1)?.exit?.verdict, 'data');
      t.equal(job.attempts.at(-1)?.logBytes, 0, 'the command never ran');
    });
  }
  t.notOk(existsSync(OUTSIDE), 'nothing was written outside');
  const cached = await readdir(join(cluster.folder, 'agent-0', 'cache', 'workspaces'));
  t.strictSame(
    cached.filter((name) => !/^[0-9a-f]{64}\.zip$/.test(name)),
    [],
    'nothing but the archives themselves is kept',
  );
  const good = join(folder, 'good.zip');
  writeFileSync(good, rawZip([GOOD, { name: 'sub/run.sh', data: Buffer.from('echo fine\n') }]));
  const fine = await cli.run(['jobs', 'run', '--workspace', good, '--', 'sh', 'sub/run.sh']);
  t.equal(fine.stdout, 'fine\n', 'an honest archive made the same way is taken');
});

t.test('an upload that is not what its address says is refused', { timeout: 120_000 }, async (t) => {
  const { cli } = await openCluster(t);
  const file = join(t.testdir({ 'no.zip': 'this is no zip file' }), 'no.zip');
  const end = await cli.run(['jobs', 'run', '--workspace', file, '--', 'true']);
  t.equal(end.code, 125);
  t.match(end.stderr, /cannot be read: it is no zip file/);
});
