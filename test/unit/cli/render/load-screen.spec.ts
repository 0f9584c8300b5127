/** Aim: bars say what they stand for, lines fit the terminal, and nothing in a name acts on it. Method: known loads. */
import t from 'tap';
import { drawBar, loadLines } from '../../../../cli/render/load-screen.ts';
import { createStyle } from '../../../../cli/render/style.ts';
import type { ClusterLoad, HostLoad } from '../../../../proto/domain/explain-views.ts';
import type { ProjectId } from '../../../../proto/domain/ids.ts';
import { GIB, T0_MS } from '../../../kit/builders.ts';

const host = (name: string, part: Partial<HostLoad> = {}): HostLoad => ({
  name,
  state: 'ready',
  gpuCount: 8,
  gpusUsed: 6,
  gpusUnusable: 1,
  cpuMilli: 64_000,
  cpuMilliUsed: 32_000,
  memoryBytes: 64 * GIB,
  memoryBytesUsed: 16 * GIB,
  ...part,
});

const aLoad = (part: Partial<ClusterLoad> = {}): ClusterLoad => ({
  atMs: T0_MS,
  hostCount: 1,
  hostsReady: 1,
  cpuMilli: 64_000,
  cpuMilliUsed: 32_000,
  memoryBytes: 64 * GIB,
  memoryBytesUsed: 16 * GIB,
  gpus: [{ model: 'H100', total: 8, used: 6, unusable: 1 }],
  hosts: [host('a')],
  hostsLeftOut: 0,
  queues: [
    {
      name: 'default',
      waiting: 3,
      running: 2,
      ready: 1,
      readyGpuMilli: 2000,
      oldestWaitMs: 90_000,
      runningGpuMilli: 6000,
    },
  ],
  projects: [
    { projectId: 'prj_1' as ProjectId, projectName: 'lab', running: 2, gpuMilli: 4000, limitGpuMilli: 6000 },
    { projectName: '', running: 1, gpuMilli: 2000 },
  ],
  projectsLeftOut: 0,
  fragmentation: {
    freeGpuMilli: 1000,
    stuckForWaitingMilli: 1000,
    stuckForTypicalMilli: 500,
    waitingShapes: 1,
    typicalShapes: 2,
  },
  ...part,
});

const plain = createStyle(false);
const lines = (load: ClusterLoad, part: { readonly columns?: number; readonly rows?: number } = {}) =>
  loadLines(load, { columns: part.columns, rows: part.rows, style: plain });

t.test('a bar shows each part that is not empty, and never more than there is', async (t) => {
  t.equal(drawBar({ used: 6, unusable: 1, total: 8 }, 8), '[######.x]');
  t.equal(drawBar({ used: 0, total: 8 }, 8), '[........]');
  t.equal(drawBar({ used: 8, total: 8 }, 8), '[########]');
  t.equal(drawBar({ used: 1, total: 1000 }, 8), '[#.......]', 'a little is not nothing');
  t.equal(drawBar({ used: 999, total: 1000 }, 8), '[#######.]', 'a little room is not none');
  t.equal(drawBar({ used: 0, total: 0 }, 4), '[    ]');
  for (let used = 0; used <= 20; used += 1) {
    for (let unusable = 0; used + unusable <= 20; unusable += 1) {
      t.equal(drawBar({ used, unusable, total: 20 }, 7).length, 9, `${used} ${unusable}`);
    }
  }
});

t.test('cluster, queues, projects, free GPUs and hosts', async (t) => {
  const text = lines(aLoad()).join('\n');
  t.match(text, '2026-01-01T00:00:00.000Z  1 of 1 hosts ready');
  t.match(text, /H100 +\[#{18}\.{3}x{3}\] 6 of 8 GPUs, 1 not usable/);
  t.match(text, /CPUs +\[#{12}\.{12}\] 50 % of 64/);
  t.match(text, /memory +\[#{6}\.{18}\] 25 % of 64 GiB/);
  t.match(text, /default +2 +3 +1 +\[#{18}\.{6}\] +6 +1m30s/);
  t.match(text, /lab +\[#{12}\.{12}\] 4, at most 6/);
  t.match(text, /others +\[#{6}\.{18}\] 2/);
  t.match(text, /1 together +\[#{24}\] on 1 host/);
  t.match(text, '1.0 of 1 (100 %) lie where nothing that waits fits');
  t.match(text, /a +ready +\[#{6}\.x\] +6\/8/);
});

t.test('what does not fit is counted, and every line is as wide as the terminal at most', async (t) => {
  const hosts = Array.from({ length: 40 }, (_, at) => host(`host-with-a-long-name-${at}`));
  const drawn = lines(aLoad({ hosts, hostsLeftOut: 5 }), { columns: 60, rows: 24 });
  t.equal(drawn.length, 24);
  t.match(drawn.at(-1), /^… and \d+ more hosts$/);
  for (const line of drawn) t.ok(line.length <= 60, line);
  t.match(lines(aLoad({ hosts, hostsLeftOut: 5 })).at(-1), '… and 5 more hosts', 'a file has all that came');
});

t.test('names do nothing to the terminal', async (t) => {
  const text = lines(aLoad({ hosts: [host('a\u001b[2Jb\nc')] })).join('|');
  t.notMatch(text, /[\u001b\n]/);
  t.match(text, 'a\\e[2Jb\\nc');
});

t.test('an empty cluster', async (t) => {
  const empty = lines(
    aLoad({
      hostCount: 0,
      hostsReady: 0,
      gpus: [],
      hosts: [],
      queues: [],
      projects: [],
      fragmentation: { freeGpuMilli: 0, waitingShapes: 0, typicalShapes: 0 },
    }),
  );
  t.match(empty.join('\n'), '0 of 0 hosts ready');
});
