/** Aim: what would keep a job back whatever room there is, were it as it is asked about. Method: small worlds. */
import t from 'tap';
import { gateLeft } from '../../../../../controller/core/explain/gate-left.ts';
import { World } from '../../../../kit/stores-world.ts';

t.test('holds and dependencies', async (t) => {
  const world = new World();
  world.addGpuHost(1);
  const held = world.addJob({}, { hold: true });
  t.equal(gateLeft(world.state, world.job(held))?.code, 'HELD');
  const { held: _held, ...released } = world.job(held);
  t.equal(gateLeft(world.state, released), undefined);
  const after = world.addJob({ after: [{ on: held, when: 'ok' }] });
  t.equal(gateLeft(world.state, world.job(after))?.code, 'DEPENDENCY');
});

t.test('elements of an array beyond those that may run at once', async (t) => {
  const world = new World();
  world.addGpuHost(1);
  const elements = world.addArray([0, 1, 2], { concurrency: 3 });
  t.equal(gateLeft(world.state, world.job(elements[2]!)), undefined);
  const full = world.addArray([0, 1, 2], { concurrency: 1 });
  t.equal(gateLeft(world.state, world.job(full[0]!))?.code, 'ARRAY_LIMIT', 'in doubt the others come first');
});

t.test("a user's place in a queue is his own", async (t) => {
  const world = new World();
  world.addGpuHost(1);
  world.run({ type: 'create-queue', name: 'solo', change: { limits: { runningPerUser: 1 } } });
  const first = world.addJob({ queue: 'solo' });
  t.equal(gateLeft(world.state, world.job(first)), undefined);
  world.addJob({ queue: 'solo' });
  t.equal(gateLeft(world.state, world.job(first))?.code, 'USER_LIMIT');
});
