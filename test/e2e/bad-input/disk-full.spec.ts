/**
 * Aim: a full disk is told in one clear sentence, on the controller's side and on a host's, harms nothing that was
 * promised, and is over as soon as there is room again.
 * Method: the data folder of one side lies on a small mounted disk, which is filled to the brim and emptied.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { eventually } from '../../kit/eventually.ts';
import { type LoopDisk, loopDiskObstacle, makeLoopDisk } from '../../kit/loop-disk.ts';
import { skipUnless } from '../../kit/skips.ts';
import { openCluster } from '../acceptance/live-processes.ts';

const MIB = 1024 * 1024;

/** A cluster folder of which `part` is a disk of its own; undefined where disks cannot be mounted. */
async function folderWithDisk(
  t: Test,
  part: string,
  sizeBytes: number,
): Promise<{ folder: string; disk: LoopDisk } | undefined> {
  const obstacle = await loopDiskObstacle();
  if (skipUnless(t, obstacle === undefined, obstacle ?? '')) return undefined;
  const base = await mkdtemp(join(tmpdir(), 'nabla-full-'));
  const disk = await makeLoopDisk(base, sizeBytes);
  const folder = join(base, 'cluster');
  const place = join(folder, part);
  await run('mkdir', ['-p', place]);
  await run('mount', ['--bind', disk.folder, place]);
  t.teardown(async () => {
    await run('umount', [place]);
    await disk.unmount();
    await rm(base, { recursive: true, force: true });
  });
  return { folder, disk };
}

async function run(program: string, args: readonly string[]): Promise<string> {
  return (await promisify(execFile)(program, args, { timeout: 20_000 })).stdout;
}

/** Leaves about `leftBytes` on the disk. */
async function fill(disk: LoopDisk, leftBytes: number): Promise<void> {
  const free = Number((await run('df', ['--output=avail', '-B1', disk.folder])).split('\n')[1]);
  await run('fallocate', ['-l', String(Math.max(1, free - leftBytes)), join(disk.folder, 'filler')]);
}

/** Not a block is left: what the file system needs for itself is only known when a write fails. */
async function fillWhole(disk: LoopDisk): Promise<void> {
  await fill(disk, 4 * MIB);
  const rest = join(disk.folder, 'filler-rest');
  // Appending, so that a second call only takes what others gave back since the first.
  const append = ['if=/dev/zero', `of=${rest}`, 'bs=4k', 'count=100000', 'oflag=append', 'conv=notrunc'];
  await run('dd', append).catch(() => undefined);
}

async function empty(disk: LoopDisk): Promise<void> {
  for (const name of ['filler', 'filler-rest']) await rm(join(disk.folder, name), { force: true });
}

/** Runs `step`; when it fails, what the parts of the cluster said goes to the report. */
async function orTell(
  t: Test,
  witnesses: readonly (() => Promise<string>)[],
  step: () => Promise<void>,
): Promise<void> {
  try {
    await step();
  } catch (error) {
    for (const witness of witnesses) t.comment(await witness());
    throw error;
  }
}

t.test('the disk of the controller', { timeout: 120_000 }, async (t) => {
  const made = await folderWithDisk(t, 'controller', 1_500 * MIB);
  if (made === undefined) return;
  const { cli, killController, restartController } = await openCluster(t, { folder: made.folder });
  const before = await cli.submit(['--name', 'before', '--', 'true']);
  t.equal((await cli.run(['jobs', 'wait', before])).code, 0);
  await fill(made.disk, 4 * MIB);

  const isRefused = async (): Promise<boolean> =>
    (await cli.run(['jobs', 'create', '--', 'true'])).code === 9;
  await eventually(isRefused, { everyMs: 500, what: 'a submit to be refused' });
  const refused = await cli.run(['jobs', 'create', '--name', 'refused', '--', 'true']);
  t.equal(refused.code, 9);
  t.match(refused.stderr, /the disk of the (data folder|controller) is (nearly )?full/);
  t.match(refused.stderr, /hint: .*free/);
  t.equal((await cli.show('before')).state, 'succeeded', 'reading still works');
  const folder = t.testdir({ a: 'a' });
  const upload = await cli.run(['jobs', 'create', '--workspace', folder, '--', 'true']);
  t.equal(upload.code, 9, 'uploads are refused as well');
  t.match(upload.stderr, /disk of the/);

  await killController();
  await empty(made.disk);
  await restartController();
  t.equal((await cli.show('before')).state, 'succeeded', 'nothing that was promised is lost');
  const isTaken = async (): Promise<boolean> => (await cli.run(['jobs', 'run', '--', 'true'])).code === 0;
  await eventually(isTaken, { everyMs: 500, deadlineMs: 20_000, what: 'a job to be taken again' });
  t.equal((await cli.run(['jobs', 'show', 'refused'])).code, 4, 'what was refused left nothing');
});

t.test('the disk of a host', { timeout: 120_000 }, async (t) => {
  const made = await folderWithDisk(t, 'agent-0', 96 * MIB);
  if (made === undefined) return;
  const { cli } = await openCluster(t, { folder: made.folder });
  t.equal((await cli.run(['jobs', 'run', '--', 'echo', 'fine'])).stdout, 'fine\n');

  await t.test('a job that fills it sees the error and ends with its own code', async (t) => {
    const line = 'head -c 200000000 /dev/urandom > big; rc=$?; rm big; exit $((rc + 2))';
    const end = await cli.run(['jobs', 'run', '--command', line]);
    t.equal(end.code, 3, end.stderr);
  });

  await t.test('a workspace that does not fit fails as the fault of the host, and says why', async (t) => {
    // Room enough for the host to take the job, and too little for what the job brings.
    await fill(made.disk, 6 * MIB);
    const folder = t.testdir({ data: 'x'.repeat(8 * MIB) });
    const once = ['--name', 'no-room', '--max-run-attempts', '1', '--workspace', folder];
    const end = await cli.run(['jobs', 'run', ...once, '--', 'true']);
    t.equal(end.code, 125, end.stderr);
    t.match(end.stderr, /disk.* full/);
    t.equal((await cli.show('no-room')).attempts.at(-1)?.exit?.verdict, 'host');
  });

  await t.test('with no block left the host says so, and jobs wait until there is room', async (t) => {
    await fillWhole(made.disk);
    // Submitted at once: the host may not have noticed yet, and then the job meets the full disk itself.
    const early = await cli.submit(['--', 'true']);
    const hosts = async (): Promise<string> => (await cli.run(['hosts', 'list', '-o', 'json'])).stdout;
    const isTold = async (): Promise<boolean> => {
      // Whatever earlier work cleans up behind itself meanwhile is taken again.
      await fillWhole(made.disk);
      return (await hosts()).includes('"DISK_FULL"');
    };
    await orTell(t, [hosts, async () => JSON.stringify(await cli.show(early))], async () => {
      await eventually(isTold, { everyMs: 500, what: 'word of the full disk' });
    });
    t.match((await cli.run(['hosts', 'list'])).stdout, /DISK_FULL/);

    const late = await cli.submit(['--', 'true']);
    const why = async (): Promise<string> => (await cli.show(late)).reasonMessage;
    await orTell(t, [hosts, async () => JSON.stringify(await cli.show(late))], async () => {
      const isSaid = async (): Promise<boolean> => (await why()).endsWith(': its disk is full');
      await eventually(isSaid, { everyMs: 200, what: 'the reason of the waiting job' });
    });
    const waiting = await cli.show(late);
    t.match({ state: waiting.state, attempts: waiting.attempts.length }, { state: 'queued', attempts: 0 });

    await empty(made.disk);
    t.equal((await cli.run(['jobs', 'wait', late])).code, 0, 'a job that waited for room runs');
    t.type((await cli.run(['jobs', 'wait', early])).code, 'number');
    t.match((await cli.show(early)).state, /^(succeeded|failed)$/);
    const isOver = async (): Promise<boolean> => !(await hosts()).includes('"DISK_FULL"');
    await eventually(isOver, { everyMs: 500, what: 'the end of the condition' });
  });

  await t.test('and all is well once there is room', async (t) => {
    await empty(made.disk);
    const isWell = async (): Promise<boolean> =>
      (await cli.run(['jobs', 'run', '--', 'echo', 'well'])).stdout === 'well\n';
    await eventually(isWell, { everyMs: 500, deadlineMs: 20_000, what: 'a job to run again' });
    t.pass('a job ran again');
  });
});
