/**
 * Aim: a task finds its places and its names where the product says: storage, artifacts, workspace, run folder,
 * and the environment that portable code reads; and nothing of another project.
 * Method: one job per claim on a real cluster, with the process driver and, where an engine is, with Docker.
 */
import t, { type Test } from 'tap';
import { requireDocker } from '../../kit/docker/index.ts';
import type { Cli } from './cli-process.ts';
import { openCluster } from './live-processes.ts';

const SEE = [
  'for name in STORAGE ARTIFACTS WORKSPACE RUN; do eval place=\\$NABLA_$name; test -d "$place" && echo "$name ok"; done',
  'test "$(pwd -P)" = "$(cd $NABLA_WORKSPACE && pwd -P)" && echo in-workspace',
  'cat $NABLA_RUN/hostfile >/dev/null && cat $NABLA_RUN/job.json >/dev/null && echo run-files',
  'echo \'{"step":1}\' >> $NABLA_METRICS_FILE && echo metrics',
  'mkdir -p $NABLA_CHECKPOINT_DIR && echo checkpoints',
  'echo "$NABLA_ATTEMPT $NABLA_PROJECT $NABLA_RANK $NABLA_WORLD_SIZE $NNODES $NODE_RANK $RANK $WORLD_SIZE $LOCAL_RANK"',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the task's shell expands it.
  'echo "$CUDA_DEVICE_ORDER $NPROC_PER_NODE $MINE ${MASTER_ADDR:+addr} ${MASTER_PORT:+port} ${TF_CONFIG:+tf}"',
].join('\n');

const SEEN = [
  ...['STORAGE', 'ARTIFACTS', 'WORKSPACE', 'RUN'].map((name) => `${name} ok`),
  'in-workspace',
  'run-files',
  'metrics',
  'checkpoints',
  '1 default 0 1 1 0 0 1 0',
  'PCI_BUS_ID 2 own addr port tf',
  '',
].join('\n');

const PATHS = 'ls -d /storage /artifacts /workspace /run/nabla /paperspace /generated/hostfile';

async function checkView(t: Test, cli: Cli, extra: readonly string[]): Promise<void> {
  const own = ['--env', 'MINE=own', '--gpus', '2'];
  const end = await cli.run(['jobs', 'run', ...extra, ...own, '--command', SEE]);
  t.equal(end.stdout, SEEN, end.stderr);
  t.equal(end.code, 0);
  const reserved = await cli.run(['jobs', 'run', ...extra, '--env', 'NABLA_RANK=99', '--', 'true']);
  t.equal(reserved.code, 2);
  t.match(reserved.stderr, /--env NABLA_RANK is set by Nabla itself/);
  const elsewhere = ['--working-directory', '/tmp', '--command', 'pwd'];
  t.equal((await cli.run(['jobs', 'run', ...extra, ...elsewhere])).stdout, '/tmp\n');
}

async function checkStorage(t: Test, cli: Cli, extra: readonly string[]): Promise<void> {
  const run = (project: string, line: string) =>
    cli.run(['jobs', 'run', '--project', project, ...extra, '--command', line]);
  const write = await run('default', 'echo kept > $NABLA_STORAGE/kept; echo out > $NABLA_ARTIFACTS/out');
  t.equal(write.code, 0, write.stderr);
  t.equal((await run('default', 'cat $NABLA_STORAGE/kept')).stdout, 'kept\n', 'the next job finds it');
  const other = await run('other', 'ls $NABLA_STORAGE; ls $NABLA_ARTIFACTS; echo mine > $NABLA_STORAGE/mine');
  t.equal(other.stdout, '', 'another project does not, nor any artifact of another job');
  t.equal((await run('default', 'ls $NABLA_STORAGE')).stdout, 'kept\n', 'and the other way round');
}

t.test('a process sees its places', { timeout: 120_000 }, async (t) => {
  const { cli } = await openCluster(t);
  await checkView(t, cli, []);
  t.equal((await cli.run(['projects', 'create', 'other'])).code, 0);
  await checkStorage(t, cli, []);
  const withView = await cli.run(['jobs', 'run', '--command', 'test "$NABLA_STORAGE" = /storage']);
  if (withView.code === 0) {
    const paths = await cli.run(['jobs', 'run', '--command', PATHS]);
    t.equal(paths.code, 0, `${paths.stdout}${paths.stderr}`);
  }
});

t.test('a container sees its places', { timeout: 120_000 }, async (t) => {
  const images = await requireDocker(t, { needs: ['busybox'] });
  if (images === undefined) return;
  const { cli } = await openCluster(t, { driver: 'docker' });
  const image = ['--image', images.busybox];
  await checkView(t, cli, image);
  t.equal((await cli.run(['projects', 'create', 'other'])).code, 0);
  await checkStorage(t, cli, image);
  const paths = await cli.run(['jobs', 'run', ...image, '--command', PATHS]);
  t.equal(paths.code, 0, `${paths.stdout}${paths.stderr}`);
});
