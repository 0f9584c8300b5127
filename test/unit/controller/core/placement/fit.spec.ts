/** Aim: each filter answers right at its bound. Method: one host, a table of specs and reasons. */
import t from 'tap';
import { chooseGpus, suitsNeed, whyNever, whyNot } from '../../../../../controller/core/placement/fit.ts';
import { needOf } from '../../../../../controller/core/placement/need.ts';
import { emptyRoom, type Room, takeRoom } from '../../../../../controller/core/placement/room.ts';
import { aGpu, aHost, aJobSpec, anInventory, GIB, gpuUuid, someGpus } from '../../../../kit/builders.ts';

const inventory = anInventory({ gpus: someGpus(2), labels: { zone: 'x' } });
const room = (): Room => emptyRoom(aHost({ inventory }));
type SpecPart = Parameters<typeof aJobSpec>[0];

t.test('at the bound it fits, one more does not', async (t) => {
  const cases: readonly (readonly [string, SpecPart, string | undefined])[] = [
    ['all GPUs', { resources: { gpuMilli: 2000 } }, undefined],
    ['one GPU more', { resources: { gpuMilli: 3000 } }, 'NO_FREE_GPU'],
    ['another model', { resources: { gpuMilli: 1000, gpuModels: ['H100'] } }, 'NO_FREE_GPU'],
    ['all GPU memory', { resources: { gpuMilli: 1000, gpuMemoryBytes: 80 * GIB } }, undefined],
    ['one byte more', { resources: { gpuMilli: 1000, gpuMemoryBytes: 80 * GIB + 1 } }, 'NO_FREE_GPU'],
    ['all CPU', { resources: { cpuMilli: 16_000 } }, undefined],
    ['one more', { resources: { cpuMilli: 16_001 } }, 'NO_FREE_CPU'],
    ['all memory', { resources: { memoryBytes: 64 * GIB } }, undefined],
    ['one byte more', { resources: { memoryBytes: 64 * GIB + 1 } }, 'NO_FREE_MEMORY'],
    ['all disk', { resources: { diskBytes: 500 * GIB } }, undefined],
    ['one byte more', { resources: { diskBytes: 500 * GIB + 1 } }, 'NO_FREE_DISK'],
    ['its label', { constraints: { zone: 'x' } }, undefined],
    ['another label', { constraints: { zone: 'y' } }, 'CONSTRAINT'],
    ['a label it lacks', { constraints: { rack: '1' } }, 'CONSTRAINT'],
    ['excluded by name', { excludeHosts: ['host-1'] }, 'EXCLUDED'],
    ['excluded by id', { excludeHosts: ['host_1'] }, 'EXCLUDED'],
    ['a container', { image: 'busybox' }, 'NO_DRIVER'],
    ['the last port', { ports: [{ containerPort: 1, hostPort: 20_999 }] }, undefined],
    ['the port after', { ports: [{ containerPort: 1, hostPort: 21_000 }] }, 'PORT_RANGE'],
    ['any port', { ports: [{ containerPort: 1, hostPort: 0 }] }, undefined],
  ];
  for (const [name, part, want] of cases) t.equal(whyNot(needOf(aJobSpec(part)), room()), want, name);
});

t.test('a port, and a host asked for alone, are taken once', async (t) => {
  const withPort = needOf(aJobSpec({ ports: [{ containerPort: 1, hostPort: 20_001 }] }));
  const alone = needOf(aJobSpec({ exclusive: true }));
  const busy = room();
  takeRoom(busy, withPort, []);
  t.equal(whyNot(withPort, busy), 'PORT_TAKEN');
  t.equal(whyNot(alone, busy), 'EXCLUSIVE', 'somebody is there');
  const taken = room();
  takeRoom(taken, alone, []);
  t.equal(whyNot(needOf(aJobSpec()), taken), 'EXCLUSIVE', 'somebody is there alone');
});

t.test('a full disk is told before what is in use', async (t) => {
  const full = { ...room(), diskFull: true };
  t.equal(whyNot(needOf(aJobSpec()), full), 'DISK_FULL');
  t.equal(whyNot(needOf(aJobSpec({ resources: { gpuMilli: 3000 } })), full), 'DISK_FULL');
  t.equal(whyNever(needOf(aJobSpec()), full), undefined, 'waiting cures it');
});

t.test('a host on which something killed does not end takes nothing', async (t) => {
  const stuck = { ...room(), stuck: true };
  t.equal(whyNot(needOf(aJobSpec()), stuck), 'TASK_UNKILLABLE');
  t.equal(whyNever(needOf(aJobSpec()), stuck), undefined, 'waiting may cure it');
});

t.test('what was not asked for cannot be short on a host that shrank', async (t) => {
  const shrunk = { ...room(), freeDiskBytes: -5, freeCpuMilli: -5 };
  t.equal(whyNot({ ...needOf(aJobSpec()), cpuMilli: 0 }, shrunk), undefined);
});

t.test('what no waiting changes is told apart', async (t) => {
  const need = needOf(aJobSpec({ resources: { gpuMilli: 3000 } }));
  t.equal(whyNever(need, room()), undefined);
  t.equal(whyNever(needOf(aJobSpec({ image: 'x' })), room()), 'NO_DRIVER');
});

t.test('GPUs of one model go together where there are enough', async (t) => {
  const mixed = [
    aGpu({ uuid: gpuUuid('a'), index: 0, model: 'NVIDIA GeForce RTX 3090' }),
    aGpu({ uuid: gpuUuid('b'), index: 1, model: 'NVIDIA GeForce RTX 4090' }),
    aGpu({ uuid: gpuUuid('c'), index: 2, model: 'NVIDIA GeForce RTX 4090' }),
  ];
  const free = emptyRoom(aHost({ inventory: anInventory({ gpus: mixed }) }));
  const take = (gpuMilli: number, gpuModels: readonly string[] = []): readonly string[] =>
    chooseGpus(needOf(aJobSpec({ resources: { gpuMilli, gpuModels } })), free).map((gpu) => gpu.uuid);
  t.same(take(1000), ['GPU-a']);
  t.same(take(2000), ['GPU-b', 'GPU-c']);
  t.same(take(3000), ['GPU-a', 'GPU-b', 'GPU-c'], 'mixed only when nothing else will do');
  t.same(take(1000, ['4090']), ['GPU-b']);
  t.same(take(0), []);
  t.ok(suitsNeed(needOf(aJobSpec({ resources: { gpuMilli: 1000, gpuModels: ['4090'] } })), mixed[1]!));
});
