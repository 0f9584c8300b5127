/** Aim: hosts and GPUs are set aside for a time, and for one project each. Method: commands in a world. */
import t from 'tap';
import { decideDeleteReservation } from '../../../../../controller/core/policy/decide-reservation.ts';
import type { ReservationId } from '../../../../../proto/domain/ids.ts';
import { T0_MS } from '../../../../kit/builders.ts';
import { theHost, World } from '../../../../kit/stores-world.ts';

const HOUR_MS = 3_600_000;
function* jobNumbers(): Generator<number, number> {
  for (let number = 1; ; number += 1) yield number;
}
const ids = jobNumbers();
const create = (name: string, part: object = {}) => ({
  type: 'create-reservation' as const,
  id: `rsv_${ids.next().value}` as ReservationId,
  name,
  project: 'default',
  hosts: [],
  gpuMilli: 0,
  gpuModel: '',
  startMs: 0,
  endMs: T0_MS + HOUR_MS,
  ...part,
});

t.test('a host is reserved once at a time', async (t) => {
  const world = new World();
  world.addHost();
  world.run(create('now', { hosts: [theHost] }));
  t.match(world.state.scheduling.reservations(), [{ hostIds: [theHost], startMs: T0_MS }]);
  t.match(
    world.refusal(
      create('also', { hosts: [theHost], startMs: T0_MS + HOUR_MS - 1, endMs: T0_MS + 2 * HOUR_MS }),
    ),
    {
      code: 'RESERVATION_CLASH',
    },
  );
  t.ok(world.run(create('next', { hosts: [theHost], startMs: T0_MS + HOUR_MS, endMs: T0_MS + 2 * HOUR_MS })));
  t.match(world.refusal(create('now', { gpuMilli: 1000 })), { code: 'RESERVATION_EXISTS' });
});

t.test('what is over is swept in time, what is deleted is gone', async (t) => {
  const world = new World();
  world.run(create('old', { gpuMilli: 1000 }));
  world.nowMs += 8 * 24 * HOUR_MS;
  world.run(create('new', { gpuMilli: 1000, endMs: world.nowMs + HOUR_MS }));
  t.match(world.state.scheduling.reservations(), [{ name: 'new' }]);
  world.run({ type: 'delete-reservation', reservation: 'new' });
  t.same(world.state.scheduling.reservations(), []);
  t.match(decideDeleteReservation(world.state, { type: 'delete-reservation', reservation: 'new' }), {
    error: { code: 'RESERVATION_NOT_FOUND' },
  });
});

t.test('it goes with its project', async (t) => {
  const world = new World();
  world.run({ type: 'create-project', id: 'prj_p' as never, name: 'p', description: '', tags: [] });
  world.run(create('r', { project: 'p', gpuMilli: 1000 }));
  world.run({ type: 'delete-project', project: 'p' });
  t.same(world.state.scheduling.reservations(), []);
});

t.test('bad requests are refused', async (t) => {
  const world = new World();
  world.addHost();
  const gpus = { gpuMilli: 1000 };
  for (const [part, path] of [
    [{}, 'hosts'],
    [{ ...gpus, hosts: [theHost] }, 'hosts'],
    [{ gpuMilli: 500 }, 'gpuMilli'],
    [{ gpuMilli: -1000 }, 'gpuMilli'],
    [{ gpuMilli: Number.MAX_SAFE_INTEGER }, 'gpuMilli'],
    [{ hosts: [theHost], gpuModel: 'A100' }, 'gpuModel'],
    [{ ...gpus, endMs: T0_MS }, 'endMs'],
    [{ ...gpus, startMs: T0_MS + 2 * HOUR_MS }, 'endMs'],
    [{ ...gpus, endMs: T0_MS + 400 * 24 * HOUR_MS }, 'endMs'],
    [{ ...gpus, startMs: Number.MAX_SAFE_INTEGER - 1, endMs: Number.MAX_SAFE_INTEGER }, 'startMs'],
  ] as const) {
    const { code, fields } = world.refusal(create('r', part));
    t.equal(code, 'RESERVATION_INVALID');
    t.ok(
      fields.some((field) => field.path === path),
      `${path}: ${JSON.stringify(fields)}`,
    );
  }
  t.match(world.refusal(create('r', { hosts: ['nope'] })), { code: 'HOST_NOT_FOUND' });
  t.match(world.refusal(create('r', { ...gpus, project: 'nope' })), { code: 'PROJECT_NOT_FOUND' });
});
