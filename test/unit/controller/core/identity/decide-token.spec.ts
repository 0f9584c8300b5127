/** Aim: tokens have names, ends and a bound, and are found by digest alone. Method: stories in a world. */
import t from 'tap';
import { TOKEN_LIFETIME_MAX_MS, TOKENS_PER_USER_MAX } from '../../../../../controller/core/limits.ts';
import { tokenIdOf, userIdOf } from '../../../../kit/people.ts';
import { World } from '../../../../kit/stores-world.ts';

function worldWithAnn(): World {
  const world = new World();
  world.run({ type: 'create-user', id: userIdOf('ann'), name: 'ann', role: 'user' });
  return world;
}

const create = (name: string, part: object = {}) =>
  ({ type: 'create-token', id: tokenIdOf(name), user: 'ann', name, digest: `d-${name}`, ...part }) as const;

t.test('a token is found by its digest until it is revoked', async (t) => {
  const world = worldWithAnn();
  world.run(create('laptop', { lifetimeMs: 5_000 }));
  t.match(world.state.identity.tokenOf('d-laptop'), {
    id: 'tok_laptop',
    userId: 'usr_ann',
    userName: 'ann',
    expiresAtMs: world.nowMs + 5_000,
  });
  t.match(world.refusal({ ...create('laptop'), id: tokenIdOf('2') }), {
    kind: 'exists',
    code: 'TOKEN_EXISTS',
  });
  world.run({ type: 'revoke-token', token: tokenIdOf('laptop') });
  t.equal(world.state.identity.tokenOf('d-laptop'), undefined);
  t.match(world.refusal({ type: 'revoke-token', token: tokenIdOf('laptop') }), { code: 'TOKEN_NOT_FOUND' });
  world.run(create('laptop'));
  t.notOk('expiresAtMs' in (world.state.identity.tokenOf('d-laptop') ?? {}), 'the name is free again');
});

t.test('names and lifetimes have bounds', async (t) => {
  const world = worldWithAnn();
  for (const name of ['', ' a', 'a b', '-a', 'x'.repeat(64)])
    t.match(world.refusal(create(name)), { code: 'BAD_TOKEN_NAME' }, name);
  for (const lifetimeMs of [999, TOKEN_LIFETIME_MAX_MS + 1, Number.NaN])
    t.match(world.refusal(create('a', { lifetimeMs })), { code: 'BAD_TOKEN_LIFETIME' }, String(lifetimeMs));
  world.run(create('shortest', { lifetimeMs: 1_000 }));
  world.run(create('longest', { lifetimeMs: TOKEN_LIFETIME_MAX_MS }));
});

t.test('a user has a bounded number of them', async (t) => {
  const world = worldWithAnn();
  for (let index = 0; index < TOKENS_PER_USER_MAX; index += 1) world.run(create(`t${index}`));
  t.match(world.refusal(create('more')), { kind: 'quota', code: 'TOKENS_MAX' });
  world.run({ type: 'revoke-token', token: tokenIdOf('t0') });
  world.run(create('more'));
});

t.test('only users have tokens', async (t) => {
  const world = worldWithAnn();
  t.match(world.refusal(create('a', { user: 'admin' })), { code: 'USER_BUILT_IN' });
  t.match(world.refusal(create('a', { user: 'bob' })), { code: 'USER_NOT_FOUND' });
});
