/**
 * A process that opens a process driver, starts one task and waits to be killed: an agent, as far as its tasks are
 * concerned. Arguments: folder, host id, shell line. Says `started` on stdout.
 */
import { mkdir } from 'node:fs/promises';
import type { TaskPlan } from '../../agent/core/driver-port.ts';
import { openProcessDriver } from '../../agent/driver/process/process-driver.ts';
import type { HostId, JobId } from '../../proto/domain/ids.ts';
import { testClock, testLog } from '../conformance/driver-setup.ts';

const [, , folder = '', host = '', line = ''] = process.argv;
const hostId = host as HostId;
const driver = await openProcessDriver({
  hostId,
  stateFolder: `${folder}/state`,
  hiddenFolders: [],
  clock: testClock,
  log: testLog,
});
const own = `${folder}/orphan`;
await mkdir(`${own}/workspace`, { recursive: true });
await mkdir(`${own}/driver`, { recursive: true });
const plan: TaskPlan = {
  key: { jobId: 'job_orphan' as JobId, attempt: 1, task: 0 },
  clusterId: 'cluster_test',
  hostId,
  projectId: 'prj_test',
  specHash: 'hash',
  epoch: 1,
  generation: 1,
  image: '',
  user: '',
  command: { kind: 'shell', line },
  env: new Map([['SECRET', 'canary-on-disk']]),
  workingDirectory: '/workspace',
  mounts: [{ source: `${own}/workspace`, target: '/workspace', readOnly: false }],
  cpuMilli: 0,
  memoryBytes: 0,
  shmBytes: 0,
  processesMax: 0,
  gpuUuids: [],
  gpusSimulated: false,
  ports: [],
  graceMs: 1000,
  driverFolder: `${own}/driver`,
};
await driver.start(plan, new AbortController().signal);
process.stdout.write('started\n');
setInterval(() => {}, 1000);
