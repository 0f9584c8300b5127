/**
 * Aim: a chooser that is kept between plans chooses as one that is made anew, and knows hosts that the engine cannot hold.
 * Method: random lives of hosts and their use; after each change the two are asked the same.
 */
import fc from 'fast-check';
import t from 'tap';
import { learnedWorkload } from '../../../../../controller/core/packing/workload.ts';
import { needOf } from '../../../../../controller/core/placement/need.ts';
import { openRoom } from '../../../../../controller/core/placement/room.ts';
import { FleetChooser, type FleetInput } from '../../../../../controller/core/planning/fleet-chooser.ts';
import { RoomPacking } from '../../../../../controller/core/planning/room-packing.ts';
import type { Host } from '../../../../../proto/domain/catalog.ts';
import type { HostId } from '../../../../../proto/domain/ids.ts';
import { aJobSpec, anExit, anInventory, hostId, someGpus } from '../../../../kit/builders.ts';
import { World } from '../../../../kit/stores-world.ts';

const NEEDS = [1000, 2000, 4000, 0].map((gpuMilli) => needOf(aJobSpec({ resources: { gpuMilli } })));

function inputOf({ state }: World, closed: ReadonlySet<HostId> = new Set()): FleetInput {
  const hosts: readonly Host[] = [...state.hosts()];
  const useOf = (host: Host) => state.use(host.id);
  return {
    rooms: hosts.map((host) => openRoom(host, useOf(host), () => false)),
    open: Uint8Array.from(hosts, ({ id }) => (closed.has(id) ? 0 : 1)),
    useOf,
  };
}

/** Where tasks of all needs go in turn until nothing fits, as proposals. */
function fill(input: FleetInput, chooser: FleetChooser): string {
  const packing = new RoomPacking({ rooms: input.rooms, open: input.open, needs: NEEDS, chooser });
  const places: string[] = [];
  for (let at = 0; at < 24; at += 1) {
    const placing = packing.tryPlace({ shape: at % NEEDS.length, count: 1, perHostMax: 1 });
    if (placing === undefined) continue;
    packing.take(placing);
    places.push(`${placing.hosts[0]}:${placing.gpus.map(({ uuid }) => uuid).join('+')}`);
  }
  return places.join(' ');
}

t.test('kept or new, the same choice', async (t) => {
  const step = fc.record({
    gpus: fc.constantFrom(0, 1000, 2000),
    end: fc.integer({ min: 0, max: 9 }),
    away: fc.integer({ min: 0, max: 3 }),
    cordon: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), (steps) => {
      const world = new World();
      for (let at = 0; at < 3; at += 1) {
        const gpus = someGpus(2 + 2 * at, { host: String(at) });
        world.addHost({ id: hostId(at), name: `h${at}`, inventory: anInventory({ gpus }) });
      }
      const workload = learnedWorkload();
      let kept = new FleetChooser(inputOf(world), workload);
      for (const { gpus, end, away, cordon } of steps) {
        world.addJob({ resources: { gpuMilli: gpus } });
        world.place();
        const going = [...world.state.jobs()].filter(({ state }) => state === 'starting')[end];
        if (going !== undefined) {
          world.observe(going.id, { phase: 'exited', exit: anExit({ code: 0 }), stopped: true });
        }
        if (cordon) world.run({ type: 'cordon-host', host: 'h1', reason: 'x' });
        const input = inputOf(world, new Set([hostId(away)]));
        if (!kept.follow(input, input.rooms.keys())) kept = new FleetChooser(input, workload);
        const [old, fresh] = [kept, new FleetChooser(input, workload)].map((one) => fill(input, one));
        if (old !== fresh) throw new Error(`kept ${old}; new ${fresh}`);
      }
    }),
    { numRuns: 150, seed: 3 },
  );
  t.pass();
});

t.test('other hosts need another chooser, and one with too many GPUs is left to the rooms', async (t) => {
  const world = new World();
  world.addGpuHost(1);
  const chooser = new FleetChooser(inputOf(world), learnedWorkload());
  const gpus = someGpus(40, { host: 'big' });
  world.addHost({ id: hostId('big'), name: 'big', inventory: anInventory({ gpus }) });
  const input = inputOf(world);
  t.notOk(chooser.follow(input, []));
  const made = new FleetChooser(input, learnedWorkload());
  t.equal(
    made.choose(0, NEEDS[2]!, () => true),
    undefined,
  );
  t.match(fill(input, made), /1:/, 'the rooms find it');
});

t.test('hosts that the rooms refuse are passed over', async (t) => {
  const world = new World();
  for (const at of [1, 2]) {
    const gpus = someGpus(1, { host: String(at) });
    world.addHost({ id: hostId(at), name: `h${at}`, inventory: anInventory({ gpus }) });
  }
  const chooser = new FleetChooser(inputOf(world), learnedWorkload());
  t.equal(
    chooser.choose(0, NEEDS[0]!, (host) => host === 1),
    1,
  );
  t.equal(
    chooser.choose(0, NEEDS[0]!, () => false),
    undefined,
  );
});
