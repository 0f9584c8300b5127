/** Aim: explanations, loads and plans arrive as they were sent, and what a newer peer adds does not hurt. */
import t from 'tap';
import type { ClusterLoad, JobExplanation } from '../../../../proto/domain/explain-views.ts';
import type { GpuUuid, HostId, ProjectId } from '../../../../proto/domain/ids.ts';
import type { DryRunPlan, VeiledJobs } from '../../../../proto/domain/views.ts';
import {
  fromWireExplanation,
  fromWireLoad,
  toWireExplanation,
  toWireLoad,
} from '../../../../proto/wire/explain-wire.ts';
import { fromWireDryRunPlan, toWireDryRunPlan } from '../../../../proto/wire/job-wire.ts';
import { jobId, T0_MS } from '../../../kit/builders.ts';

const some: VeiledJobs = { jobIds: [jobId('1')], visibleCount: 1, hiddenCount: 2 };
const none: VeiledJobs = { jobIds: [], visibleCount: 0, hiddenCount: 0 };
const estimate = { startMs: T0_MS, basis: 'by the time limits of what runs' };

const explanation: JobExplanation = {
  jobId: jobId('1'),
  state: 'queued',
  code: 'NO_FREE_GPU',
  message: 'each of 2 hosts has too few free GPUs of the wanted kind',
  queue: 'default',
  position: 3,
  readyCount: 7,
  hosts: [{ code: 'NO_FREE_GPU', message: 'm', hostCount: 2, hostNames: ['a', 'b'], passesWithTime: true }],
  holders: some,
  ahead: some,
  victims: none,
  estimate,
  unknownBecause: '',
  changes: [
    { kind: 'gpus', flags: '--gpus 1', message: 'with 1 GPU', startsNow: true, inPlace: false },
    { kind: 'queue', flags: '--queue x', message: 'in queue x', startsNow: false, inPlace: true, estimate },
  ],
  plans: 9,
  incomplete: true,
};

t.test('explanations', async (t) => {
  t.same(fromWireExplanation(toWireExplanation(explanation)), explanation);
  const { estimate: _, ...silent } = { ...explanation, unknownBecause: 'it is held' };
  t.same(fromWireExplanation(toWireExplanation(silent)), silent);
  const newer = toWireExplanation(explanation);
  newer.changes[0]!.kind = 'colour';
  t.same(
    fromWireExplanation(newer).changes.map(({ kind }) => kind),
    ['queue'],
    'a kind that is not known is left out',
  );
});

t.test('plans of dry runs', async (t) => {
  const plan: DryRunPlan = {
    fitsNow: true,
    hostId: 'host_1' as HostId,
    hostName: 'a',
    gpuUuids: ['GPU-1' as GpuUuid],
    reason: 'FITS',
    reasonMessage: 'm',
    position: 1,
    unknownBecause: '',
    displaced: some,
    elements: 4,
    elementsStarting: 2,
  };
  t.same(fromWireDryRunPlan(toWireDryRunPlan(plan)), plan);
  const waits = { ...plan, fitsNow: false, estimate };
  t.same(fromWireDryRunPlan(toWireDryRunPlan(waits)), waits);
});

t.test('loads', async (t) => {
  const load: ClusterLoad = {
    atMs: T0_MS,
    hostCount: 1,
    hostsReady: 1,
    cpuMilli: 8000,
    cpuMilliUsed: 1000,
    memoryBytes: 2 ** 40,
    memoryBytesUsed: 2 ** 30,
    gpus: [{ model: 'H100', total: 8, used: 3, unusable: 1 }],
    hosts: [
      {
        name: 'a',
        state: 'ready',
        gpuCount: 8,
        gpusUsed: 3,
        gpusUnusable: 1,
        cpuMilli: 8000,
        cpuMilliUsed: 1000,
        memoryBytes: 2 ** 40,
        memoryBytesUsed: 2 ** 30,
      },
    ],
    hostsLeftOut: 0,
    queues: [
      {
        name: 'default',
        waiting: 2,
        running: 1,
        ready: 1,
        readyGpuMilli: 1000,
        oldestWaitMs: 5,
        runningGpuMilli: 3000,
      },
    ],
    projects: [
      {
        projectId: 'prj_1' as ProjectId,
        projectName: 'lab',
        running: 1,
        gpuMilli: 3000,
        limitGpuMilli: 4000,
      },
      { projectName: '', running: 2, gpuMilli: 0 },
    ],
    projectsLeftOut: 0,
    fragmentation: { freeGpuMilli: 4000, stuckForWaitingMilli: 0, waitingShapes: 1, typicalShapes: 0 },
  };
  t.same(fromWireLoad(toWireLoad(load)), load);
});
