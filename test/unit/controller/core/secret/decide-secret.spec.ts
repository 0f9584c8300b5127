/** Aim: a name holds one value per scope, and scopes do not reach into each other. Method: stories in a world. */
import t from 'tap';
import { secretId } from '../../../../kit/builders.ts';
import { World } from '../../../../kit/stores-world.ts';

const sealed = new Uint8Array([1]);
const set = (project: string, id: string, name = 'A') =>
  ({ type: 'set-secret', project, secret: { id: secretId(id), name, sealed } }) as const;
const remove = (project: string, name = 'A') => ({ type: 'delete-secret', project, name }) as const;

t.test('a new value takes the place of the old one in one commit', async (t) => {
  const world = new World();
  world.run(set('', '1'));
  t.same(
    world.run(set('', '2')).events.map((event) => event.type),
    ['secret-deleted', 'secret-set'],
  );
  t.equal(world.state.findSecret(undefined, 'A')?.id, 'sec_2');
  t.equal(world.state.secret(secretId('1')), undefined);
  t.same(
    world.run(set('', '2')).events.map((event) => event.type),
    ['secret-set'],
    'the same id is set in place',
  );
});

t.test('the project’s own comes first, and each scope deletes its own only', async (t) => {
  const world = new World();
  world.run(set('', 'c'));
  t.equal(world.state.findSecret(world.defaultProject, 'A')?.id, 'sec_c', 'falls back to the cluster’s');
  t.match(world.refusal(remove('default')), { code: 'SECRET_NOT_FOUND' }, 'but cannot be deleted from there');
  world.run(set('default', 'p'));
  t.equal(world.state.findSecret(world.defaultProject, 'A')?.id, 'sec_p');
  t.equal(world.state.findSecret(undefined, 'A')?.id, 'sec_c');
  world.run(remove('default'));
  t.equal(world.state.findSecret(world.defaultProject, 'A')?.id, 'sec_c');
});

t.test('bad names and unknown projects are refused', async (t) => {
  const world = new World();
  t.match(world.refusal(set('', '1', 'A B')), { kind: 'invalid', code: 'BAD_SECRET_NAME' });
  t.match(world.refusal(set('nope', '1')), { code: 'PROJECT_NOT_FOUND' });
});

t.test('the number per scope is bounded, and setting again still works at the bound', async (t) => {
  const world = new World();
  for (let index = 0; index < 1000; index++) {
    const secret = { type: 'secret-set', secretId: secretId(index), name: `S${index}` } as const;
    world.apply(secret);
  }
  t.match(world.refusal(set('', 'x', 'ONE_MORE')), { kind: 'quota', code: 'SECRETS_MAX' });
  world.run(set('', 'y', 'S7'));
});
