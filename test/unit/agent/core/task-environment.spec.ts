/**
 * Aim: reserved names win, secrets are put in, what could widen a task's reach is dropped and told, and the
 * usual launchers find a gang of one.
 */
import t from 'tap';
import { toLayout, toTaskFolders } from '../../../../agent/core/layout.ts';
import { toTaskEnvironment } from '../../../../agent/core/task-environment.ts';
import { toTaskView } from '../../../../agent/core/task-view.ts';
import { aJobSpec, aTaskKey, aTaskSpec, gpuUuid } from '../../../kit/builders.ts';

const key = aTaskKey();
const folders = toTaskFolders(toLayout('/d'), key);
const view = toTaskView({ jobId: key.jobId, folders, storageFolder: '/d/storage/prj_1', mountView: true });

function environment(env: Readonly<Record<string, string>>, secrets: Readonly<Record<string, string>> = {}) {
  const spec = { ...aTaskSpec(), job: { ...aJobSpec(), env } };
  const secretValues = new Map(Object.entries(secrets).map(([name, value]) => [name, Buffer.from(value)]));
  return toTaskEnvironment({ key, spec, view, secretValues });
}

t.test('places and identity are told', async (t) => {
  const { values } = environment({});
  t.equal(values.get('NABLA_JOB_ID'), key.jobId);
  t.equal(values.get('NABLA_ARTIFACTS'), '/artifacts');
  t.equal(values.get('NABLA_METRICS_FILE'), '/run/nabla/metrics.jsonl');
  t.equal(values.get('NABLA_CHECKPOINT_DIR'), '/storage/.nabla/checkpoints/job_1');
  t.equal(values.get('CUDA_DEVICE_ORDER'), 'PCI_BUS_ID');
});

t.test('a gang of one', async (t) => {
  const { values } = environment({});
  for (const [name, want] of [
    ['NNODES', '1'],
    ['NODE_RANK', '0'],
    ['RANK', '0'],
    ['LOCAL_RANK', '0'],
    ['WORLD_SIZE', '1'],
    ['NPROC_PER_NODE', '1'],
    ['MASTER_ADDR', '127.0.0.1'],
    ['INDEX', '0'],
  ] as const)
    t.equal(values.get(name), want, name);
  const config = JSON.parse(values.get('TF_CONFIG') ?? '') as { cluster: { worker: string[] } };
  t.same(config.cluster.worker, [`127.0.0.1:${values.get('MASTER_PORT')}`]);
  const decoded = Buffer.from(values.get('PS_CONFIG') ?? '', 'base64url').toString();
  t.equal(decoded, values.get('TF_CONFIG'), 'PS_CONFIG is the same in base64url');
});

t.test('one process per GPU is suggested', async (t) => {
  const spec = aTaskSpec({ gpuUuids: [gpuUuid('a'), gpuUuid('b')], gpusSimulated: true });
  const { values } = toTaskEnvironment({ key, spec, view, secretValues: new Map() });
  t.equal(values.get('NPROC_PER_NODE'), '2');
  t.equal(values.get('NABLA_GPU_UUIDS'), 'GPU-a,GPU-b');
  t.equal(values.get('NABLA_GPUS_SIMULATED'), '1');
});

t.test('reserved and dangerous names of the job are dropped and told', async (t) => {
  const { values, ignored } = environment({
    NABLA_JOB_ID: 'x',
    NABLA_ANYTHING: 'x',
    RANK: '7',
    LD_PRELOAD: '/evil.so',
    NVIDIA_VISIBLE_DEVICES: 'all',
    CUDA_VISIBLE_DEVICES: '0',
    MY_NAME: 'kept',
  });
  t.same(ignored, [
    'CUDA_VISIBLE_DEVICES',
    'LD_PRELOAD',
    'NABLA_ANYTHING',
    'NABLA_JOB_ID',
    'NVIDIA_VISIBLE_DEVICES',
    'RANK',
  ]);
  t.equal(values.get('MY_NAME'), 'kept');
  t.equal(values.get('RANK'), '0');
  t.notOk(values.has('LD_PRELOAD'));
});

t.test('secrets are put in, and a missing one is refused by name', async (t) => {
  t.equal(environment({ TOKEN: 'secret:hub' }, { TOKEN: 's3cret' }).values.get('TOKEN'), 's3cret');
  t.throws(() => environment({ TOKEN: 'secret:hub' }), {
    code: 'SECRET_MISSING',
    details: { variable: 'TOKEN' },
  });
});
