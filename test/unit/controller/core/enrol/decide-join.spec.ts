/**
 * Aim: a join token is worth one host, one key and one short time. Method: tokens and joins in a world, each way of
 * using one twice, late, or for another host.
 */
import t from 'tap';
import { planJoin } from '../../../../../controller/core/enrol/decide-join.ts';
import type { JoinAsk } from '../../../../../controller/core/enrol/model.ts';
import {
  HOST_IDENTITIES_MAX,
  IDENTITY_KEPT_MS,
  JOIN_TOKENS_MAX,
} from '../../../../../controller/core/limits.ts';
import type { HostId } from '../../../../../proto/domain/ids.ts';
import { hostId } from '../../../../kit/builders.ts';
import { World } from '../../../../kit/stores-world.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

function makeToken(
  world: World,
  part: { tokenHash?: string; hostName?: string; host?: string; ttlMs?: number } = {},
) {
  const base = { tokenHash: 'a'.repeat(64), hostName: '', host: '', ttlMs: HOUR_MS };
  return world.run({ type: 'create-join-token', ...base, ...part });
}

const asking = (part: Partial<JoinAsk> = {}): JoinAsk => ({
  tokenHash: 'a'.repeat(64),
  keyHash: 'k1',
  hostName: 'one',
  claimedHostId: '',
  freshHostId: hostId('fresh'),
  ...part,
});

function joinCommand(
  world: World,
  part: Partial<JoinAsk> = {},
  at: { hostId?: HostId; generation?: number } = {},
) {
  const ask = asking(part);
  const plan = planJoin(world.state, ask, world.nowMs);
  const planned = plan.ok ? plan : { hostId: ask.freshHostId, generation: 0 };
  const issued = { serial: 's1', notAfterMs: world.nowMs + DAY_MS };
  return {
    type: 'join-host' as const,
    hostId: planned.hostId,
    generation: planned.generation,
    ask,
    ...issued,
    ...at,
  };
}

t.test('a host joins once; the same key may ask again, another key may not', async (t) => {
  const world = new World();
  makeToken(world);
  t.match(world.run(joinCommand(world)).events, [
    { type: 'host-joined', hostId: 'host_fresh', generation: 1 },
  ]);
  t.match(world.state.hostIdentity(hostId('fresh')), { generation: 1, revoked: false });
  const again = world.run(joinCommand(world, { freshHostId: hostId('other') }));
  t.match(
    again.events,
    [{ type: 'host-joined', hostId: 'host_fresh', generation: 1 }],
    'the same host again',
  );
  t.match(world.refusal(joinCommand(world, { keyHash: 'k2' })), {
    kind: 'unauthenticated',
    code: 'JOIN_TOKEN_USED',
  });
});

t.test('of two joins that were planned at once the second is refused', async (t) => {
  const world = new World();
  makeToken(world);
  const [first, second] = [
    joinCommand(world),
    joinCommand(world, { keyHash: 'k2', freshHostId: hostId('b') }),
  ];
  const sameKey = joinCommand(world, { freshHostId: hostId('c') });
  world.run(first);
  t.match(world.refusal(second), { code: 'JOIN_TOKEN_USED' });
  t.match(world.refusal(sameKey), { kind: 'conflict', code: 'JOIN_RACED' });
});

t.test('a token ends with its time, also for a key that used it', async (t) => {
  const world = new World();
  makeToken(world);
  world.run(joinCommand(world));
  world.nowMs += HOUR_MS;
  t.match(world.refusal(joinCommand(world)), { code: 'JOIN_TOKEN_REFUSED' });
  t.match(world.refusal(joinCommand(world, { tokenHash: 'b'.repeat(64) })), { code: 'JOIN_TOKEN_REFUSED' });
  makeToken(world, { tokenHash: 'c'.repeat(64) });
  t.equal(world.state.joinToken('a'.repeat(64)), undefined, 'and is forgotten with the next');
});

t.test('a token for a name or a host is for no other', async (t) => {
  const world = new World();
  makeToken(world, { hostName: 'two' });
  t.match(world.refusal(joinCommand(world)), { kind: 'forbidden', code: 'JOIN_NAME_MISMATCH' });
  world.run(joinCommand(world, { hostName: 'two' }));
  const tokenHash = 'b'.repeat(64);
  makeToken(world, { tokenHash, host: 'host_fresh' });
  t.match(world.refusal(joinCommand(world, { tokenHash, claimedHostId: 'host_x' })), {
    code: 'JOIN_HOST_MISMATCH',
  });
  world.run(joinCommand(world, { tokenHash, claimedHostId: 'host_fresh' }));
  t.match(world.state.hostIdentity(hostId('fresh')), { generation: 2 }, 'older certificates end');
});

t.test('a host id that is taken is had only with a token made for it', async (t) => {
  const world = new World();
  world.addHost({ id: hostId('old') });
  makeToken(world);
  for (const claimedHostId of ['host_old']) {
    t.match(world.refusal(joinCommand(world, { claimedHostId })), { kind: 'exists', code: 'HOST_ID_TAKEN' });
  }
  world.run(joinCommand(world, { claimedHostId: 'host_new' }));
  const tokenHash = 'b'.repeat(64);
  makeToken(world, { tokenHash });
  t.match(world.refusal(joinCommand(world, { tokenHash, claimedHostId: 'host_new' })), {
    code: 'HOST_ID_TAKEN',
  });
  makeToken(world, { tokenHash: 'c'.repeat(64), host: 'host_old' });
  world.run(joinCommand(world, { tokenHash: 'c'.repeat(64) }));
  t.match(world.state.hostIdentity(hostId('old')), { generation: 1 });
});

t.test('bad tokens are refused with what is wrong', async (t) => {
  const world = new World();
  const base = { type: 'create-join-token' as const, tokenHash: 'a', hostName: '', host: '' };
  for (const ttlMs of [0, 999, HOUR_MS + 1]) {
    t.match(world.refusal({ ...base, ttlMs }), { kind: 'invalid', code: 'BAD_TTL' });
  }
  t.match(world.refusal({ ...base, ttlMs: HOUR_MS, host: 'nobody' }), { code: 'HOST_NOT_FOUND' });
});

t.test('tokens and identities are bounded', async (t) => {
  const world = new World();
  for (let n = 0; n < JOIN_TOKENS_MAX; n += 1) {
    world.state.enrolTable.tokens.set(String(n), { ...tokenOf(String(n)), expiresAtMs: world.nowMs + 1 });
  }
  const create = {
    type: 'create-join-token' as const,
    tokenHash: 'a'.repeat(64),
    hostName: '',
    host: '',
    ttlMs: HOUR_MS,
  };
  t.match(world.refusal(create), { kind: 'quota', code: 'JOIN_TOKENS_MAX' });
  world.nowMs += 1;
  world.run(create);
  for (let n = 0; n < HOST_IDENTITIES_MAX; n += 1) {
    const id = hostId(`x${n}`);
    const identity = {
      hostId: id,
      generation: 1,
      revoked: true,
      serial: '',
      notAfterMs: world.nowMs,
      joinedAtMs: 0,
    };
    world.state.enrolTable.identities.set(id, identity);
  }
  t.match(world.refusal(joinCommand(world)), { kind: 'quota', code: 'HOSTS_MAX' });
});

const tokenOf = (tokenHash: string) => ({
  tokenHash,
  hostName: '',
  createdBy: 'user:x' as never,
  createdAtMs: 0,
});

t.test('the identity of a removed host is kept until no certificate of it can be good', async (t) => {
  const world = new World();
  makeToken(world);
  world.run(joinCommand(world));
  world.run({ type: 'remove-host', host: 'host_fresh', force: false });
  t.match(world.state.hostIdentity(hostId('fresh')), { revoked: true, generation: 2 });
  world.nowMs += DAY_MS + IDENTITY_KEPT_MS - 1;
  makeToken(world, { tokenHash: 'b'.repeat(64) });
  t.ok(world.state.hostIdentity(hostId('fresh')));
  world.nowMs += 1;
  makeToken(world, { tokenHash: 'c'.repeat(64) });
  t.equal(world.state.hostIdentity(hostId('fresh')), undefined);
});
