/**
 * A process that opens a process driver, starts one task and waits to be killed: an agent, as far as its tasks are
 * concerned. Arguments: folder, host id, shell line, and how many tasks come and go before. Says `started` on stdout.
 */
import { mkdir } from 'node:fs/promises';
import type { TaskPlan } from '../../agent/core/driver-port.ts';
import { openProcessDriver } from '../../agent/driver/process/process-driver.ts';
import type { HostId, JobId } from '../../proto/domain/ids.ts';
import { testClock, testLog } from '../conformance/driver-setup.ts';

const [, , folder = '', host = '', line = '', before = '0'] = process.argv;
const hostId = host as HostId;
const driver = await openProcessDriver({
  hostId,
  stateFolder: `${folder}/state`,
  hiddenFolders: [],
  clock: testClock,
  log: testLog,
});

async function planTask(name: string, command: string): Promise<TaskPlan> {
  const own = `${folder}/${name}`;
  await mkdir(`${own}/workspace`, { recursive: true });
  await mkdir(`${own}/driver`, { recursive: true });
  return {
    key: { jobId: `job_${name}` as JobId, attempt: 1, task: 0 },
    clusterId: 'cluster_test',
    hostId,
    projectId: 'prj_test',
    specHash: 'hash',
    epoch: 1,
    generation: 1,
    image: '',
    user: '',
    command: { kind: 'shell', line: command },
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
}

const { signal } = new AbortController();
for (let count = 0; count < Number(before); count++) {
  const plan = await planTask(`gone${count}`, 'true');
  await driver.start(plan, signal);
  await driver.wait(plan.key, signal);
}
await driver.start(await planTask('orphan', line), signal);
process.stdout.write('started\n');
setInterval(() => {}, 1000);
