/** Aim: a revocation ends every certificate, and nothing else ends one early. Method: identities in a world. */
import t from 'tap';
import { hostId } from '../../../../kit/builders.ts';
import { World } from '../../../../kit/stores-world.ts';

const ID = hostId('1');

function joined(): World {
  const world = new World();
  const tokenHash = 'a'.repeat(64);
  world.run({ type: 'create-join-token', tokenHash, hostName: '', host: '', ttlMs: 60_000 });
  const ask = { tokenHash, keyHash: 'k', hostName: 'one', claimedHostId: ID };
  const issued = { serial: 's1', notAfterMs: world.nowMs + 1_000 };
  world.run({ type: 'join-host', hostId: ID, generation: 1, ask, ...issued });
  return world;
}

const renewal = { type: 'renew-certificate' as const, hostId: ID, serial: 's2', notAfterMs: 9 };

t.test('a renewal notes the newest certificate and keeps the generation', async (t) => {
  const world = joined();
  world.run({ ...renewal, generation: 1 });
  t.match(world.state.hostIdentity(ID), { generation: 1, serial: 's2', notAfterMs: 9 });
  t.match(world.refusal({ ...renewal, generation: 2 }), { code: 'HOST_REVOKED' });
  t.match(world.refusal({ ...renewal, hostId: hostId('2'), generation: 1 }), { code: 'HOST_REVOKED' });
});

t.test(
  'a revoked host renews nothing, does not register, and joins anew with a higher generation',
  async (t) => {
    const world = joined();
    world.addHost({ id: ID, name: 'one' });
    t.match(world.run({ type: 'revoke-host', host: 'one', reason: 'sold' }).events, [
      { type: 'host-revoked', hostId: ID, generation: 2, reason: 'sold' },
    ]);
    t.same(world.run({ type: 'revoke-host', host: ID, reason: '' }).events, [], 'twice is once');
    t.match(world.refusal({ ...renewal, generation: 1 }), { code: 'HOST_REVOKED' });
    t.match(world.refusal({ ...renewal, generation: 2 }), { code: 'HOST_REVOKED' });
    const { inventory } = world.state.host(ID)!;
    const hello = { hostId: ID, name: 'one', bootId: 'b', agentVersion: '1', inventory };
    t.match(world.refusal({ type: 'register-host', ...hello }), { code: 'HOST_REVOKED' });
    const tokenHash = 'b'.repeat(64);
    world.run({ type: 'create-join-token', tokenHash, hostName: '', host: ID, ttlMs: 60_000 });
    const ask = { tokenHash, keyHash: 'k2', hostName: 'one', claimedHostId: '' };
    world.run({ type: 'join-host', hostId: ID, generation: 3, ask, serial: 's3', notAfterMs: 9 });
    t.match(world.state.hostIdentity(ID), { generation: 3, revoked: false });
  },
);

t.test('who never joined cannot be revoked; a contest is noted for known hosts alone', async (t) => {
  const world = new World();
  world.addHost({ id: ID, name: 'one' });
  t.match(world.refusal({ type: 'revoke-host', host: 'one', reason: '' }), { code: 'HOST_NOT_JOINED' });
  t.match(world.refusal({ type: 'revoke-host', host: 'none', reason: '' }), { code: 'HOST_NOT_FOUND' });
  const contest = { type: 'note-contested' as const, bootId: 'b' };
  t.match(world.run({ ...contest, hostId: ID }).events, [{ type: 'host-contested' }]);
  t.same(world.run({ ...contest, hostId: hostId('2') }).events, []);
});
