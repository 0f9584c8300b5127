/**
 * Aim: the typed arrays say what the plain twin says. Method: random demands, releases, undoing and forks on both.
 */
import fc from 'fast-check';
import t from 'tap';
import { type HostRooms, openHostRooms } from '../../../../../controller/core/scheduling/host-rooms.ts';
import type { Placing } from '../../../../../controller/core/scheduling/packing-port.ts';
import { openRooms, SHAPES } from '../../../../kit/pass-world.ts';
import { plainPacking } from '../../../../kit/plain-packing.ts';

const arbitraryStep = fc.record({
  shape: fc.nat(SHAPES.length - 1),
  count: fc.integer({ min: 1, max: 5 }),
  perHostMax: fc.integer({ min: 1, max: 5 }),
  avoid: fc.nat(2),
  releases: fc.boolean(),
  undoes: fc.boolean(),
  forks: fc.boolean(),
});

t.test('each step of both gives the same placing, counts and room', async () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(8), { minLength: 1, maxLength: 3 }),
      fc.array(arbitraryStep, { maxLength: 25 }),
      (sizes, steps) => {
        const plain = plainPacking(
          sizes.map((gpuCount) => ({ gpuCount })),
          SHAPES,
        );
        let rooms: HostRooms = openRooms(sizes);
        const held: Placing[] = [];
        for (const { avoid, releases, undoes, forks, ...demand } of steps) {
          const away = Uint8Array.from(sizes, (_, host) => (host === avoid - 1 ? 1 : 0));
          const found = rooms.tryPlace(demand, away);
          if (JSON.stringify(found) !== JSON.stringify(plain.tryPlace(demand, away))) return false;
          if (sizes.some((_, host) => rooms.countOn(demand, host) !== plain.countOn(demand, host)))
            return false;
          if (found !== undefined) {
            if (!rooms.holds(found) || !plain.holds(found)) return false;
            const mark = rooms.checkpoint();
            rooms.take(found);
            if (undoes) rooms.rollback(mark);
            else {
              plain.take(found);
              held.push(found);
            }
          }
          const first = releases ? held.shift() : undefined;
          if (first !== undefined) for (const one of [rooms, plain]) one.release(first);
          if (held.some((placing) => rooms.holds(placing) !== plain.holds(placing))) return false;
          if (forks) rooms = rooms.fork();
        }
        return true;
      },
    ),
    { numRuns: 300 },
  );
});

t.test('a host that does not suit is never used, and one that shrank takes nothing', async (t) => {
  const size = { gpuCount: 1, cpuMilli: 1000, memoryBytes: 1, diskBytes: 1 };
  const need = { gpuMilli: 1000, cpuMilli: 0, memoryBytes: 0, diskBytes: 0 };
  const demand = { shape: 0, count: 1, perHostMax: 1 };
  const rooms = openHostRooms({ hosts: [size, size], needs: [need], suits: (_, host) => host === 1 });
  t.same(rooms.tryPlace(demand)?.hosts, [1]);
  const placing = { shape: 0, hosts: [1], gpus: [[0]] };
  rooms.take(placing);
  rooms.take(placing);
  t.equal(rooms.tryPlace(demand), undefined);
  rooms.release(placing);
  t.equal(rooms.tryPlace(demand), undefined);
});
