/** Aim: user names are given once, the last administrator stays, revoking ends everything. Method: stories in a world. */
import t from 'tap';
import { requireActiveUser } from '../../../../../controller/core/identity/decide-user.ts';
import type { ClusterRole } from '../../../../../proto/domain/identity.ts';
import type { Principal } from '../../../../../proto/domain/ids.ts';
import { projectId } from '../../../../kit/builders.ts';
import { tokenIdOf, userIdOf } from '../../../../kit/people.ts';
import { World } from '../../../../kit/stores-world.ts';

const create = (name: string, role: ClusterRole = 'user') =>
  ({ type: 'create-user', id: userIdOf(name), name, role }) as const;
const token = (user: string, name = 'laptop') =>
  ({ type: 'create-token', id: tokenIdOf(user), user, name, digest: `digest of ${user}` }) as const;

t.test('a name is given once, and never again after its user is gone', async (t) => {
  const world = new World();
  world.run(create('ann'), 'user:root' as Principal);
  t.match(world.state.identity.findUser('ann'), {
    found: true,
    record: { id: 'usr_ann', role: 'user', state: 'active', createdBy: 'user:root' },
  });
  const again = { ...create('ann'), id: userIdOf('2') };
  t.match(world.refusal(again), { kind: 'exists', code: 'USER_EXISTS' });
  world.run({ type: 'revoke-user', user: 'ann' });
  t.match(world.refusal(again), { kind: 'exists', code: 'USER_EXISTS' });
  t.match(world.refusal(create('admin')), { code: 'USER_EXISTS' }, 'the built-in one is taken');
});

t.test('names are what can stand in a principal', async (t) => {
  const world = new World();
  for (const name of ['a', '0', 'ann.b-c_d@example.org', 'x'.repeat(63)]) world.run(create(name));
  for (const name of ['', 'Ann', '.a', 'a b', 'a:b', 'ä', 'a/b', 'x'.repeat(64), 'a\n']) {
    t.match(
      world.refusal(create(name)),
      { kind: 'invalid', code: 'BAD_USER_NAME', fields: [{ path: 'name' }] },
      name,
    );
  }
});

t.test('roles change; the last administrator keeps its own and cannot be revoked', async (t) => {
  const world = new World();
  world.run(create('ann', 'admin'));
  const demote = { type: 'change-user-role', user: 'ann', role: 'user' } as const;
  t.match(world.refusal(demote), { kind: 'precondition', code: 'LAST_ADMIN' });
  t.match(world.refusal({ type: 'revoke-user', user: 'ann' }), { code: 'LAST_ADMIN' });
  world.run(create('bob'));
  world.run({ type: 'change-user-role', user: 'bob', role: 'admin' });
  world.run(demote);
  t.match(world.state.identity.findUser('ann'), { record: { role: 'user' } });
  t.match(world.refusal({ type: 'revoke-user', user: 'bob' }), { code: 'LAST_ADMIN' });
  t.same(world.run({ type: 'change-user-role', user: 'bob', role: 'admin' }).events, [], 'nothing new');
});

t.test('the end of a user is the end of its tokens and memberships, in one event', async (t) => {
  const world = new World();
  world.run(create('ann'));
  world.run(token('ann'));
  world.run({ type: 'create-project', id: projectId('lab'), name: 'lab', description: '', tags: [] });
  world.run({ type: 'add-member', project: 'lab', user: 'ann', role: 'owner' });
  t.ok(world.state.identity.tokenOf('digest of ann'));
  t.equal(world.run({ type: 'revoke-user', user: 'ann' }).events.length, 1);
  const { identity } = world.state;
  t.equal(identity.tokenOf('digest of ann'), undefined);
  t.same([...identity.tokens()], []);
  t.same(identity.members(projectId('lab')), []);
  t.match(identity.user(userIdOf('ann')), { state: 'revoked', revokedAtMs: world.nowMs });
  t.same(world.run({ type: 'revoke-user', user: 'ann' }).events, [], 'revoked twice is revoked');
  t.match(world.refusal(token('ann')), { kind: 'precondition', code: 'USER_REVOKED' });
  t.match(requireActiveUser(world.state, 'ann'), { ok: false, error: { code: 'USER_REVOKED' } });
});

t.test('what is no user is said to be so', async (t) => {
  const world = new World();
  t.match(world.refusal({ type: 'revoke-user', user: 'ann' }), { kind: 'not-found', code: 'USER_NOT_FOUND' });
  t.match(world.refusal({ type: 'revoke-user', user: 'admin' }), { code: 'USER_BUILT_IN' });
  t.match(world.refusal({ type: 'change-user-role', user: 'admin', role: 'user' }), {
    code: 'USER_BUILT_IN',
  });
});
