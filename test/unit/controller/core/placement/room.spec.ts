/** Aim: room is capacity less use, and taking shrinks it. Method: one host, counted by hand. */
import t from 'tap';
import { needOf } from '../../../../../controller/core/placement/need.ts';
import { emptyRoom, isWhole, openRoom, takeRoom } from '../../../../../controller/core/placement/room.ts';
import { aGpu, aHost, aJobSpec, anInventory, aTaskKey, GIB, someGpus } from '../../../../kit/builders.ts';

const gpus = someGpus(4);
const host = aHost({ inventory: anInventory({ gpus }) });
const use = {
  cpuMilli: 1000,
  memoryBytes: GIB,
  diskBytes: 0,
  gpus: new Map([[gpus[0]!.uuid, aTaskKey()]]),
  hostPorts: new Map([[20_001, aTaskKey()]]),
  tasks: [aTaskKey()],
  exclusive: false,
  revision: 0,
};

t.test('room is what is not in use, here or by another host’s attempt', async (t) => {
  const room = openRoom(host, use, (uuid) => uuid === gpus[1]!.uuid);
  t.equal(room.freeCpuMilli, 15_000);
  t.equal(room.freeMemoryBytes, 63 * GIB);
  t.same(room.freeGpus, [gpus[2], gpus[3]]);
  t.same([...room.takenPorts], [20_001]);
  t.equal(room.taskCount, 1);
});

t.test('taking shrinks the draft and not the use', async (t) => {
  const room = openRoom(host, use, () => false);
  const spec = aJobSpec({
    resources: { gpuMilli: 1000 },
    exclusive: true,
    ports: [{ containerPort: 80, hostPort: 20_002 }],
  });
  takeRoom(room, needOf(spec), [gpus[2]!.uuid]);
  t.same(room.freeGpus, [gpus[1], gpus[3]]);
  t.equal(room.freeCpuMilli, 14_000);
  t.ok(room.takenPorts.has(20_002));
  t.match(room, { taskCount: 2, exclusive: true });
  t.equal(use.hostPorts.size, 1);
});

t.test('GPUs that are unfit or cut into slices are not handed out whole', async (t) => {
  t.ok(isWhole(aGpu()));
  t.notOk(isWhole(aGpu({ schedulable: false })));
  t.notOk(isWhole(aGpu({ migMode: true })));
});

t.test('an empty room counts GPUs that are unfit only for now', async (t) => {
  const sick = aHost({
    inventory: anInventory({ gpus: [aGpu({ schedulable: false }), aGpu({ migMode: true })] }),
  });
  t.equal(emptyRoom(sick).freeGpus.length, 1);
});

t.test(
  'a host that says that a kill has no effect is stuck, and could hold what it could hold',
  async (t) => {
    const conditions = [
      { code: 'TASK_UNKILLABLE', message: 'a task was killed and does not end', sinceMs: 1 },
    ];
    const stuck = aHost({ inventory: anInventory({ gpus, conditions }) });
    t.equal(openRoom(stuck, use, () => false).stuck, true);
    t.equal(emptyRoom(stuck).stuck, false);
  },
);

t.test(
  'a host that says that its disk is full takes nothing, and could hold what it could hold',
  async (t) => {
    const conditions = [{ code: 'DISK_FULL', message: 'the disk of the data folder is full', sinceMs: 1 }];
    const full = aHost({ inventory: anInventory({ gpus, conditions }) });
    t.equal(openRoom(full, use, () => false).diskFull, true);
    t.equal(emptyRoom(full).diskFull, false);
    const warned = aHost({
      inventory: anInventory({ conditions: [{ ...conditions[0]!, code: 'PROBE_TIMEOUT' }] }),
    });
    t.equal(openRoom(warned, use, () => false).diskFull, false);
  },
);
