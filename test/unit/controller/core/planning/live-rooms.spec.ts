/** Aim: rooms that are kept are those that would be opened anew. Method: a random life, and both compared after each step. */
import fc from 'fast-check';
import t from 'tap';
import { openRoom, type Room } from '../../../../../controller/core/placement/room.ts';
import { fixedRooms, LiveRooms } from '../../../../../controller/core/planning/live-rooms.ts';
import type { GpuUuid, HostId } from '../../../../../proto/domain/ids.ts';
import { anExit, anInventory, hostId, someGpus } from '../../../../kit/builders.ts';
import { World } from '../../../../kit/stores-world.ts';

function openAll({ state }: World): readonly Room[] {
  const hosts = [...state.hosts()];
  const held = new Set<GpuUuid>();
  for (const { id } of hosts) for (const uuid of state.use(id).gpus.keys()) held.add(uuid);
  return hosts.map((host) => openRoom(host, state.use(host.id), (uuid) => held.has(uuid)));
}

const tell = (rooms: readonly Room[]): string =>
  JSON.stringify(rooms.map((room) => ({ ...room, takenPorts: [...room.takenPorts] })));

t.test('kept or opened anew, the same rooms, cards that two hosts list included', async (t) => {
  const step = fc.record({
    do: fc.constantFrom('start', 'end', 'cordon', 'register', 'away'),
    at: fc.integer({ min: 0, max: 3 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 16 }), (steps) => {
      const world = new World();
      const live = new LiveRooms();
      const away = new Set<HostId>();
      for (const { do: what, at } of steps) {
        const id = hostId(at);
        if (what === 'register') {
          // Hosts 2 and 3 share their cards.
          const gpus = someGpus(1 + (at % 2), { host: at < 2 ? String(at) : 'shared' });
          world.addHost({ id, name: `h${at}`, inventory: anInventory({ gpus }) });
        }
        if (what === 'cordon' && world.state.host(id) !== undefined)
          world.run({ type: 'cordon-host', host: id, reason: 'x' });
        if (what === 'away') away.add(id);
        if (what === 'start') {
          world.addJob({ resources: { gpuMilli: 1000 }, waitForHosts: true });
          world.place();
        }
        const [running] = [...world.state.jobs()].filter(({ state }) => state === 'starting');
        if (what === 'end' && running !== undefined)
          world.observe(running.id, { phase: 'exited', exit: anExit({ code: 0 }), stopped: true });
        const ids = [...world.state.hosts()].map((host) => host.id);
        const mark = live.mark;
        const before = live.rooms.slice();
        live.follow({ view: world.state, readyHosts: new Set(ids.filter((one) => !away.has(one))) });
        if (tell(live.rooms) !== tell(openAll(world))) throw new Error('other rooms');
        if ([...live.open].some((open, host) => open === (away.has(ids[host]!) ? 1 : 0)))
          throw new Error('other hosts are open');
        const changed = live.changedSince(mark);
        const isTold = live.rooms.every((room, host) => room === before[host] || changed?.includes(host));
        if (changed !== undefined && !isTold) throw new Error('a change is not told');
      }
    }),
    { numRuns: 200, seed: 7 },
  );
  t.pass();
});

t.test('who fell too far behind is told so, and fixed rooms never change', async (t) => {
  const world = new World();
  const live = new LiveRooms();
  const { mark } = live;
  world.addGpuHost(1);
  live.follow({ view: world.state, readyHosts: new Set() });
  t.equal(live.changedSince(mark), undefined, 'hosts have other numbers');
  const { mark: later } = live;
  live.touch(0);
  t.same(live.changedSince(later), [0]);
  t.same(fixedRooms(live.rooms, live.open).changedSince(0), []);
});
