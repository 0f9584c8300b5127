/** Aim: a proposal is taken only if it holds now. Method: one good proposal, spoiled one way at a time. */
import t from 'tap';
import type { Placement } from '../../../../../controller/core/command.ts';
import type { JobRecord } from '../../../../../controller/core/job/model.ts';
import { checkPlacement } from '../../../../../controller/core/placement/check-placement.ts';
import { emptyRoom } from '../../../../../controller/core/placement/room.ts';
import {
  aGpu,
  aHost,
  aJob,
  aJobSpec,
  anInventory,
  gpuUuid,
  hostId,
  jobId,
  someGpus,
} from '../../../../kit/builders.ts';

const gpus = [...someGpus(2), aGpu({ uuid: gpuUuid('sick'), index: 2, schedulable: false })];
const host = aHost({ inventory: anInventory({ gpus }) });
const job: JobRecord = {
  ...aJob({ spec: aJobSpec({ resources: { gpuMilli: 1000 } }) }),
  attempts: [],
  notBeforeMs: 0,
  retriesUsed: 0,
};
const good: Placement = {
  jobId: jobId('1'),
  attempt: 1,
  hostId: hostId('1'),
  gpuUuids: ['GPU-h-1'],
  driver: 'process',
};
const room = () => ({ ...emptyRoom(host), freeGpus: gpus.slice(0, 2) });

t.test('a proposal that holds is taken with its GPUs', async (t) => {
  t.match(checkPlacement(job, good, room()), { ok: true, gpus: [{ uuid: 'GPU-h-1' }] });
});

t.test('each way to spoil it has its code', async (t) => {
  const cases: readonly (readonly [string, ReturnType<typeof checkPlacement>, string])[] = [
    ['no such job', checkPlacement(undefined, good, room()), 'JOB_NOT_QUEUED'],
    ['the job runs', checkPlacement({ ...job, state: 'running' }, good, room()), 'JOB_NOT_QUEUED'],
    ['the attempt has passed', checkPlacement(job, { ...good, attempt: 2 }, room()), 'ATTEMPT_STALE'],
    ['no such host', checkPlacement(job, good, undefined), 'HOST_NOT_FOUND'],
    ['the wrong driver', checkPlacement(job, { ...good, driver: 'docker' }, room()), 'NO_DRIVER'],
    ['too few GPUs', checkPlacement(job, { ...good, gpuUuids: [] }, room()), 'GPU_COUNT'],
    [
      'one GPU twice',
      checkPlacement(job, { ...good, gpuUuids: ['GPU-h-1', 'GPU-h-1'] }, room()),
      'GPU_COUNT',
    ],
    ['an unfit GPU', checkPlacement(job, { ...good, gpuUuids: ['GPU-sick'] }, room()), 'NO_FREE_GPU'],
    ['a GPU of nobody', checkPlacement(job, { ...good, gpuUuids: ['GPU-x'] }, room()), 'NO_FREE_GPU'],
    ['a full host', checkPlacement(job, good, { ...room(), freeCpuMilli: 0 }), 'NO_FREE_CPU'],
  ];
  for (const [name, check, code] of cases) t.same(check, { ok: false, code }, name);
});
