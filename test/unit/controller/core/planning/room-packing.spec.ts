/**
 * Aim: room is taken, given back and undone exactly, copies go their own way, and the filters are the leader's. Method:
 * stories on small hosts, then random walks that are undone.
 */
import fc from 'fast-check';
import t from 'tap';
import { needOf } from '../../../../../controller/core/placement/need.ts';
import { emptyRoom } from '../../../../../controller/core/placement/room.ts';
import { RoomPacking } from '../../../../../controller/core/planning/room-packing.ts';
import { aHost, aJobSpec, anInventory, hostId, someGpus } from '../../../../kit/builders.ts';

const port = { containerPort: 80, hostPort: 20_001 };
const NEEDS = [
  aJobSpec({ resources: { gpuMilli: 1000 } }),
  aJobSpec({ resources: { gpuMilli: 3000 } }),
  aJobSpec({ resources: { gpuMilli: 0 }, ports: [port] }),
  aJobSpec({ resources: { gpuMilli: 0 }, exclusive: true }),
].map(needOf);
const [ONE, THREE, PORT, ALONE] = [0, 1, 2, 3].map((shape) => ({ shape, count: 1, perHostMax: 1 }));

function open(gpuCounts: readonly number[], closed: readonly number[] = []): RoomPacking {
  const rooms = gpuCounts.map((count, at) => {
    const gpus = someGpus(count, { host: String(at) });
    return emptyRoom(aHost({ id: hostId(at), name: `h${at}`, inventory: anInventory({ gpus }) }));
  });
  const isOpen = Uint8Array.from(rooms, (_, at) => (closed.includes(at) ? 0 : 1));
  return new RoomPacking({ rooms, open: isOpen, needs: NEEDS });
}

const describe = (packing: RoomPacking) =>
  JSON.stringify(
    Array.from({ length: packing.hostCount }, (_, at) => {
      const { freeGpus, takenPorts, ...rest } = packing.roomOf(at);
      return { ...rest, host: '', gpus: freeGpus.map(({ uuid }) => uuid), ports: [...takenPorts] };
    }),
  );

t.test('the first host in order that is open and has room', async (t) => {
  const packing = open([4, 1, 4], [0]);
  t.same(packing.tryPlace(ONE!)?.hosts, [1]);
  t.same(packing.tryPlace(THREE!)?.hosts, [2]);
  t.equal(packing.tryPlace(THREE!, Uint8Array.of(0, 0, 1)), undefined);
  t.same(
    [0, 1, 2].map((host) => packing.countOn(THREE!, host)),
    [0, 0, 1],
  );
  t.equal(packing.tryPlace({ ...ONE!, count: 2 }), undefined, 'gangs are not offered');
});

t.test('ports and hosts for one alone are kept, and given back', async (t) => {
  const packing = open([1]);
  const placing = packing.tryPlace(PORT!)!;
  packing.take(placing);
  t.equal(packing.tryPlace(PORT!), undefined);
  t.equal(packing.tryPlace(ALONE!), undefined);
  t.notOk(packing.holds(placing));
  packing.release(placing);
  t.ok(packing.holds(placing));
  packing.take(packing.tryPlace(ALONE!)!);
  t.equal(packing.tryPlace(ONE!), undefined);
});

t.test('a copy goes its own way', async (t) => {
  const packing = open([1]);
  const copy = packing.fork();
  copy.take(copy.tryPlace(ONE!)!);
  t.equal(copy.tryPlace(ONE!), undefined);
  t.ok(packing.tryPlace(ONE!));
});

t.test('any walk is undone to where it began', async (t) => {
  const step = fc.record({ shape: fc.integer({ min: 0, max: 3 }), back: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const packing = open([2, 4, 0]);
      const before = describe(packing);
      const mark = packing.checkpoint();
      const taken = [];
      for (const { shape, back } of steps) {
        const last = back ? taken.pop() : undefined;
        if (last !== undefined) packing.release(last);
        const placing = packing.tryPlace({ shape, count: 1, perHostMax: 1 });
        if (placing === undefined) continue;
        if (!packing.holds(placing)) throw new Error('what was found is not free');
        packing.take(placing);
        taken.push(placing);
      }
      packing.rollback(mark);
      if (describe(packing) !== before) throw new Error('something was left behind');
    }),
    { numRuns: 200, seed: 5 },
  );
  t.pass();
});
