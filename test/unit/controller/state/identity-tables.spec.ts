/**
 * Aim: the indexes of users, tokens and members say what the records say, rows bring the same state back, and the
 * checks find what is wrong. Method: a world of people, its rows, and damage done to its tables.
 */
import t from 'tap';
import { canonicalLines } from '../../../../controller/state/canonical.ts';
import { findViolations } from '../../../../controller/state/invariants.ts';
import { rowKeysOf, rowOf, StateLoader } from '../../../../controller/state/rows.ts';
import { projectId } from '../../../kit/builders.ts';
import { LAB, People, tokenIdOf, userIdOf } from '../../../kit/people.ts';

t.test('rows bring back the same state, whatever their order', async (t) => {
  const { state } = new People().world;
  const keys = [...rowKeysOf(state)];
  for (const order of [keys, [...keys].reverse()]) {
    const loader = new StateLoader();
    for (const key of order) loader.add(key, JSON.parse(JSON.stringify(rowOf(state, key))));
    const loaded = loader.finish(state.headSeq);
    t.same([...canonicalLines(loaded)], [...canonicalLines(state)]);
    t.same(findViolations(loaded), []);
    t.equal(loaded.rowCount, keys.length);
    t.equal(loaded.identity.adminCount, 1);
  }
});

t.test('a token is one look away, whichever and however many there are', async (t) => {
  const { identity } = new People().world.state;
  const [token] = identity.tokens(userIdOf('viewer'));
  t.equal(identity.tokenOf(token?.digest ?? ''), token);
  t.equal(identity.tokenOf('0'.repeat(64)), undefined);
  t.same([...identity.tokens(userIdOf('nobody'))], []);
});

t.test('the beginning of an id is one only with its prefix', async (t) => {
  const { identity } = new People().world.state;
  t.match(identity.findUser('usr_plai'), { found: true, record: { name: 'plain' } });
  t.match(identity.findUser('plain'), { found: true });
  t.match(identity.findUser('plai'), { found: false, why: 'absent' }, 'a mistyped name is nobody');
});

t.test('damage is found', async (t) => {
  const damaged = (harm: (people: People) => void): readonly string[] => {
    const people = new People();
    harm(people);
    return findViolations(people.world.state);
  };
  const token = { name: 'x', userName: 'viewer', createdBy: 'x', createdAtMs: 1 } as never as object;
  const put = (people: People, part: object) =>
    people.world.state.identity.putToken({ ...token, ...part } as never);
  const of = { id: tokenIdOf('x'), userId: userIdOf('viewer'), digest: 'x' };
  t.same(
    damaged((people) => put(people, of)),
    [],
  );
  t.match(damaged((people) => put(people, { ...of, userId: userIdOf('gone') }))[0], /its user is gone/);
  t.match(damaged((people) => put(people, { ...of, name: 'laptop' }))[0], /two tokens of that name/);
  t.match(
    damaged((people) => {
      put(people, of);
      put(people, { ...of, id: tokenIdOf('y'), name: 'y' });
    })[0],
    /another/,
  );
  const member = { userName: 'plain', role: 'viewer', addedBy: 'x', addedAtMs: 1 };
  const join = (people: People, project: string, user: string) =>
    people.world.state.identity.putMember({
      ...member,
      projectId: projectId(project),
      userId: userIdOf(user),
    } as never);
  t.same(
    damaged((people) => join(people, LAB, 'plain')),
    [],
  );
  t.match(damaged((people) => join(people, 'gone', 'plain'))[0], /the project is gone/);
  t.match(damaged((people) => join(people, LAB, 'gone'))[0], /the user is gone/);
  const twin = (people: People) => {
    const user = people.world.state.identity.user(userIdOf('plain'))!;
    people.world.state.identity.putUser({ ...user, id: userIdOf('twin') });
  };
  t.match(damaged(twin)[0], /taken twice/);
});
