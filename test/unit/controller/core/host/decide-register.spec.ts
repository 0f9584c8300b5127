/** Aim: hosts join once and change only when they changed. Method: hellos in a world. */
import t from 'tap';
import { aCapacity, anInventory, hostId, someGpus } from '../../../../kit/builders.ts';
import { World } from '../../../../kit/stores-world.ts';

const hello = (part: object = {}) => ({
  type: 'register-host' as const,
  hostId: hostId('1'),
  name: 'one',
  bootId: 'b',
  agentVersion: '1',
  inventory: anInventory(),
  ...part,
});

t.test('a reconnect says nothing, a change says what is now', async (t) => {
  const world = new World();
  t.match(world.run(hello()).events, [{ type: 'host-registered' }]);
  t.same(world.run(hello({ inventory: anInventory() })).events, [], 'equal by content, not by identity');
  for (const part of [
    { name: 'two' },
    { bootId: 'c' },
    { agentVersion: '2' },
    { inventory: anInventory({ os: 'x' }) },
  ]) {
    t.match(new World().run(hello(part)).events, [{ type: 'host-registered' }]);
    t.match(world.run(hello(part)).events, [{ type: 'host-updated' }], Object.keys(part).join());
    world.run(hello());
  }
});

t.test('an inventory that cannot be is refused', async (t) => {
  const world = new World();
  const bad = [
    anInventory({ gpus: [...someGpus(1), ...someGpus(1)] }),
    anInventory({ gpus: someGpus(65) }),
    anInventory({ capacity: aCapacity({ cpuMilli: -1 }) }),
    anInventory({ capacity: aCapacity({ memoryBytes: 1.5 }) }),
  ];
  for (const inventory of bad)
    t.match(world.refusal(hello({ inventory })), { kind: 'invalid', code: 'BAD_INVENTORY' });
});
