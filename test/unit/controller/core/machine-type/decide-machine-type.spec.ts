/** Aim: operators make, alias and delete types of their own; derived ones follow the hosts. Method: stories. */
import t from 'tap';
import { aCapacity } from '../../../../kit/builders.ts';
import { World } from '../../../../kit/stores-world.ts';

const create = (name: string, part: object = {}) =>
  ({ type: 'create-machine-type', name, capacity: aCapacity(part), description: 'd' }) as const;
const alias = (name: string, to: string, remove = false) =>
  ({ type: 'alias-machine-type', name, alias: to, remove }) as const;
const remove = (name: string) => ({ type: 'delete-machine-type', name }) as const;

t.test('made, found by alias, deleted with its aliases', async (t) => {
  const world = new World();
  world.run(create('big', { gpuCount: 4 }));
  world.run(alias('big', 'huge'));
  t.match(world.state.findMachineType('huge'), {
    record: { name: 'big', aliases: ['huge'], derived: false },
  });
  t.same(world.run(alias('big', 'huge')).events, [], 'the same alias again says nothing');
  t.same(
    world.run(remove('big')).events.map((event) => event.type),
    ['machine-type-unaliased', 'machine-type-deleted'],
  );
  t.match(world.state.findMachineType('huge'), { found: false });
});

t.test('names are taken once, aliases included', async (t) => {
  const world = new World();
  world.addHost();
  world.run(create('big'));
  world.run(alias('cpu', 'small'));
  for (const name of ['big', 'small', 'cpu']) {
    t.match(world.refusal(create(name)), { kind: 'exists', code: 'MACHINE_TYPE_EXISTS' }, name);
  }
  t.match(world.refusal(alias('big', 'cpu')), { code: 'MACHINE_TYPE_EXISTS' });
  t.match(world.refusal(alias('big', 'small')), { code: 'MACHINE_TYPE_EXISTS' }, 'an alias means one thing');
});

t.test('derived types cannot be deleted, but named anew', async (t) => {
  const world = new World();
  world.addHost();
  t.match(world.refusal(remove('cpu')), { kind: 'precondition', code: 'MACHINE_TYPE_DERIVED' });
  world.run(alias('cpu', 'small'));
  t.match(world.state.findMachineType('small'), { record: { name: 'cpu', derived: true } });
  world.run(alias('cpu', 'small', true));
  t.match(world.refusal(alias('cpu', 'small', true)), { code: 'ALIAS_NOT_FOUND' });
});

t.test('bad names and figures are refused', async (t) => {
  const world = new World();
  t.match(world.refusal(create('a b')), { kind: 'invalid', code: 'BAD_MACHINE_TYPE_NAME' });
  t.match(world.refusal(create('a', { cpuMilli: -1 })), { kind: 'invalid', code: 'BAD_CAPACITY' });
  t.match(world.refusal(alias('nope', 'x')), { code: 'MACHINE_TYPE_NOT_FOUND' });
  t.match(world.refusal(remove('nope')), { code: 'MACHINE_TYPE_NOT_FOUND' });
});
