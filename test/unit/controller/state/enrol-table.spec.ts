/**
 * Aim: who may speak for a host survives rows and replay, and a bent state is seen. Method: a story in a world, loaded
 * from its rows again; one thing bent at a time.
 */
import t from 'tap';
import { canonicalLines } from '../../../../controller/state/canonical.ts';
import { findViolations } from '../../../../controller/state/invariants.ts';
import { rowKeysOf, rowOf, StateLoader } from '../../../../controller/state/rows.ts';
import { hostId } from '../../../kit/builders.ts';
import { World } from '../../../kit/stores-world.ts';

const HOST = hostId('1');
const HASH = 'a'.repeat(64);

function story(): World {
  const world = new World();
  world.addHost({ id: HOST, name: 'one' });
  world.run({ type: 'create-join-token', tokenHash: HASH, hostName: 'one', host: HOST, ttlMs: 60_000 });
  world.run({ type: 'create-join-token', tokenHash: 'b'.repeat(64), hostName: '', host: '', ttlMs: 60_000 });
  const ask = { tokenHash: HASH, keyHash: 'k', hostName: 'one', claimedHostId: HOST };
  world.run({
    type: 'join-host',
    hostId: HOST,
    generation: 1,
    ask,
    serial: 's',
    notAfterMs: world.nowMs + 1,
  });
  world.run({ type: 'drain-host', host: HOST, mode: 'wait', deadlineAfterMs: 1_000, reason: 'fan' });
  return world;
}

t.test('rows hold all of it', async (t) => {
  const { state } = story();
  const loader = new StateLoader();
  for (const key of rowKeysOf(state)) loader.add(key, JSON.parse(JSON.stringify(rowOf(state, key))));
  const loaded = loader.finish(state.headSeq);
  t.same([...canonicalLines(loaded)], [...canonicalLines(state)]);
  t.equal(loaded.rowCount, [...rowKeysOf(state)].length);
  t.same(findViolations(loaded), []);
});

t.test('a removed host leaves its generation behind', async (t) => {
  const world = story();
  world.run({ type: 'remove-host', host: HOST, force: false });
  t.equal(world.state.host(HOST), undefined);
  t.match(world.state.hostIdentity(HOST), { generation: 2, revoked: true });
  t.same(findViolations(world.state), []);
});

t.test('what is bent is seen', async (t) => {
  const bent = (bend: (world: World) => void): string => {
    const world = story();
    bend(world);
    return findViolations(world.state).join();
  };
  t.match(
    bent(({ state }) => state.enrolTable.identities.delete(HOST)),
    /used for an identity that is not there/,
  );
  t.match(
    bent(({ state: { enrolTable } }) => {
      enrolTable.identities.set(hostId('2'), enrolTable.identities.get(HOST)!);
    }),
    /its identity is another's/,
  );
  t.match(
    bent(({ state: { hostTable } }) => {
      const { cordon: _cordon, ...bare } = hostTable.get(HOST)!;
      hostTable.put(bare);
    }),
    /drained and not cordoned/,
  );
});
