/** Aim: a table says what the filters say, and follows hosts that change. Method: two hosts, one of which is taken. */
import t from 'tap';
import { FIT_REASONS } from '../../../../../controller/core/placement/fit.ts';
import { needOf } from '../../../../../controller/core/placement/need.ts';
import {
  CLOSED,
  codeOf,
  FITS,
  FitTables,
  isHopeless,
} from '../../../../../controller/core/planning/fit-tables.ts';
import { LiveRooms } from '../../../../../controller/core/planning/live-rooms.ts';
import { aJobSpec, anInventory, hostId, someGpus } from '../../../../kit/builders.ts';
import { World } from '../../../../kit/stores-world.ts';

const NO_GPU = FIT_REASONS.indexOf('NO_FREE_GPU') + 1;

t.test('codes by host, with their counts, as hosts change', async (t) => {
  const world = new World();
  for (const at of [0, 1]) {
    const gpus = someGpus(1, { host: String(at) });
    world.addHost({ id: hostId(at), name: `h${at}`, inventory: anInventory({ gpus }) });
  }
  const live = new LiveRooms();
  const tables = new FitTables(live, [needOf(aJobSpec({ resources: { gpuMilli: 1000 } }))]);
  const follow = (ready: readonly number[]): number[] => {
    live.follow({ view: world.state, readyHosts: new Set(ready.map(hostId)) });
    const { codes, counts } = tables.of(0);
    t.equal(
      counts.reduce((sum, count) => sum + count, 0),
      2,
    );
    for (const [code, count] of counts.entries())
      t.equal(codes.filter((one) => one === code).length, count, `code ${code}`);
    return [...codes];
  };
  t.same(follow([0, 1]), [FITS, FITS]);
  world.addJob({ resources: { gpuMilli: 1000 } });
  world.place();
  t.same(follow([0, 1]), [NO_GPU, FITS]);
  t.same(follow([0]), [NO_GPU, CLOSED]);
  t.equal(codeOf(needOf(aJobSpec({ resources: { gpuMilli: 1000 } })), live.rooms[0]!), NO_GPU);
});

t.test('what ends makes room only where room is what is missing', async (t) => {
  t.ok(isHopeless(CLOSED));
  t.notOk(isHopeless(FITS));
  t.notOk(isHopeless(NO_GPU));
  t.ok(isHopeless(FIT_REASONS.indexOf('NO_DRIVER') + 1));
});
