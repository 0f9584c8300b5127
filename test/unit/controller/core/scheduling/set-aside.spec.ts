/**
 * Aim: what is set aside stays free for its project when its window comes. Method: one reservation of each kind.
 */
import t from 'tap';
import type { HeldReservation } from '../../../../../controller/core/scheduling/pass-input.ts';
import { SetAside } from '../../../../../controller/core/scheduling/set-aside.ts';
import type { ProjectId, ReservationId } from '../../../../../proto/domain/ids.ts';
import { aDemand } from '../../../../kit/pass-world.ts';

const MINE = 'mine' as ProjectId;
const OTHER = 'other' as ProjectId;
const RESERVATION: HeldReservation = {
  id: 'rsv_1' as ReservationId,
  projectId: MINE,
  hosts: [1, 7],
  gpuMilli: 0,
  gpuModel: '',
  freeGpuMilli: 0,
  heldGpuMilli: 0,
  startMs: 100,
  endMs: 200,
};

t.test('others keep away from hosts when they would run into the window', async (t) => {
  const setAside = new SetAside([RESERVATION], 50, 3);
  t.same([...setAside.avoidFor(OTHER, 101).hosts], [0, 1, 0], 'a host that is gone is left out');
  t.same([...setAside.avoidFor(OTHER, 100).hosts], [0, 0, 0]);
  t.equal(setAside.avoidFor(MINE, 150).key, '');
  t.equal(setAside.nextEdgeMs(), 100);
  t.same(
    [...new SetAside([RESERVATION], 200, 3).avoidFor(OTHER, 900).hosts],
    [0, 0, 0],
    'the window is over',
  );
});

t.test('a number of GPUs is left over, less what the project holds already', async (t) => {
  const number = { ...RESERVATION, hosts: [], gpuMilli: 4000, freeGpuMilli: 6000, heldGpuMilli: 1000 };
  const setAside = new SetAside([number], 50, 3);
  t.notOk(setAside.blocks(OTHER, aDemand(3000), 150));
  t.ok(setAside.blocks(OTHER, aDemand(3001), 150));
  t.notOk(setAside.blocks(OTHER, aDemand(3001), 100));
  t.notOk(setAside.blocks(MINE, aDemand(6000), 150));
  setAside.take(MINE, aDemand(2000));
  t.notOk(setAside.blocks(OTHER, aDemand(3000), 150));
  setAside.take(OTHER, aDemand(3000));
  t.ok(setAside.blocks(OTHER, aDemand(1), 150));
  const model = new SetAside([{ ...number, gpuModel: 'A100' }], 50, 3);
  t.notOk(model.blocks(OTHER, aDemand(6000, 'H100'), 150));
  t.ok(model.blocks(OTHER, aDemand(6000), 150), 'no model may be any');
});
