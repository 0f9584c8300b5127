/**
 * Aim: a disk that fills up under load loses nothing that was acknowledged, also when the controller is killed while
 * it is full. Method: the controller's folder is a small ext4 of its own; it is filled to the last block while submits
 * go on, the controller is killed and started on the full disk, then room is made.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { create } from '@bufbuild/protobuf';
import t from 'tap';
import { toClusterError } from '../../proto/errors/cluster-error.ts';
import { type Job, JobSpecSchema, JobState } from '../../proto/gen/nabla/v1/job_pb.ts';
import { type ClusterClient, openClusterClient } from '../kit/cluster-client.ts';
import { eventually } from '../kit/eventually.ts';
import { type LoopDisk, loopDiskObstacle, makeLoopDisk } from '../kit/loop-disk.ts';
import { skipUnless } from '../kit/skips.ts';
import { ChaosCluster } from './chaos-cluster.ts';

const MIB = 1024 * 1024;
const DISK_BYTES = 96 * MIB;
/** No ladder: the store itself must meet the last block, and come through. */
const NO_LADDER = ['--disk-submit-free-min', '0', '--disk-write-free-min', '0', '--ballast-bytes', '16MiB'];
const FULL_MS = 1_500;

async function run(program: string, args: readonly string[]): Promise<void> {
  await promisify(execFile)(program, args, { timeout: 20_000 });
}

/** Writes until the file system takes nothing more. */
async function fill(disk: LoopDisk): Promise<void> {
  const into = (size: string): readonly string[] => [
    'if=/dev/zero',
    `of=${join(disk.folder, `filler-${size}`)}`,
    `bs=${size}`,
  ];
  for (const size of ['1M', '4k']) await run('dd', into(size)).catch(() => undefined);
}

async function empty(disk: LoopDisk): Promise<void> {
  for (const size of ['1M', '4k']) await rm(join(disk.folder, `filler-${size}`), { force: true });
}

interface Submits {
  readonly acknowledged: Set<string>;
  readonly refusals: Map<string, number>;
  stop(): Promise<void>;
}

/** Submits without a pause; a refusal is counted and the next one tried. */
function submitOn(client: ClusterClient): Submits {
  const acknowledged = new Set<string>();
  const refusals = new Map<string, number>();
  let stopping = false;
  const spec = create(JobSpecSchema, {
    command: { form: { case: 'argv', value: { args: ['true'] } } },
    resources: { cpuMilli: 10n, memoryBytes: 16n * 1024n * 1024n },
  });
  const working = (async () => {
    while (!stopping) {
      try {
        const { job } = await client.jobs.createJob({ project: 'default', spec });
        if (job !== undefined) acknowledged.add(job.id);
        await pause(5);
      } catch (error) {
        const { code } = toClusterError(error);
        refusals.set(code, (refusals.get(code) ?? 0) + 1);
        await pause(50);
      }
    }
  })();
  return {
    acknowledged,
    refusals,
    async stop() {
      stopping = true;
      await working;
    },
  };
}

function isEnded({ state }: Job): boolean {
  return state === JobState.SUCCEEDED || state === JobState.FAILED || state === JobState.CANCELLED;
}

t.test('the disk of the controller fills up under load', { timeout: 180_000 }, async (t) => {
  const obstacle = await loopDiskObstacle();
  if (skipUnless(t, obstacle === undefined, obstacle ?? '')) return;
  const base = await mkdtemp(join(tmpdir(), 'nabla-full-'));
  const disk = await makeLoopDisk(base, DISK_BYTES);
  const folder = join(base, 'cluster');
  await mkdir(join(folder, 'controller'), { recursive: true });
  await run('mount', ['--bind', disk.folder, join(folder, 'controller')]);
  let cluster: ChaosCluster | undefined;
  t.teardown(async () => {
    await cluster?.stopAll();
    await run('umount', [join(folder, 'controller')]);
    await disk.unmount();
    await rm(base, { recursive: true, force: true });
  });
  cluster = await ChaosCluster.open({ agents: 1, gpusPerAgent: 1, folder, controllerArgs: NO_LADDER });
  const { grpc: address, caFile } = cluster.addresses;
  const client = await openClusterClient({ address, caFile, token: cluster.adminToken });
  t.teardown(() => client.close());

  const submits = submitOn(client);
  await eventually(() => submits.acknowledged.size > 50, { what: 'submits' });
  await fill(disk);
  await eventually(() => submits.refusals.size > 0, { what: 'a refusal' });
  await pause(FULL_MS);
  t.comment(`refused with ${[...submits.refusals].map(([code, count]) => `${code} ${count}`).join(', ')}`);
  await cluster.killController();
  const before = submits.acknowledged.size;
  // What else the full disk holds no room for may keep it from starting; then it must start once there is room.
  const onFull = await cluster.restartController().then(
    () => 'started',
    (error: unknown) => String((error as Error).message),
  );
  t.comment(`on the full disk: ${onFull}`);
  await empty(disk);
  if (onFull !== 'started') await cluster.restartController();
  await eventually(() => submits.acknowledged.size > before + 20, { what: 'submits to be taken again' });
  await submits.stop();

  const told = [...submits.acknowledged];
  const isDrained = async (): Promise<boolean> => (await client.listJobs()).every(isEnded);
  await eventually(isDrained, { deadlineMs: 90_000, everyMs: 250, what: 'every job to end' });
  const known = new Map((await client.listJobs()).map((job) => [job.id, job]));
  const lost = told.filter((id) => known.get(id)?.state !== JobState.SUCCEEDED);
  t.same(lost, [], `all of ${told.length} acknowledged jobs are there and succeeded`);
});
