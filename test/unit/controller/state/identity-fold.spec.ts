/**
 * Aim: whatever is asked of users, tokens, members and projects, in whatever order, the state keeps its rules, equals
 * the fold of its events and comes back from its rows. Method: random commands, many of them refused.
 */
import { deepStrictEqual } from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import type { Command } from '../../../../controller/core/command.ts';
import type { StampedEvent } from '../../../../controller/core/event.ts';
import { apply, Touched } from '../../../../controller/state/apply.ts';
import { canonicalLines } from '../../../../controller/state/canonical.ts';
import { ClusterState } from '../../../../controller/state/cluster-state.ts';
import { findViolations } from '../../../../controller/state/invariants.ts';
import { type RowKey, rowKeysOf, rowOf, StateLoader } from '../../../../controller/state/rows.ts';
import { CLUSTER_ROLES, PROJECT_ROLES } from '../../../../proto/domain/identity.ts';
import { projectId } from '../../../kit/builders.ts';
import { tokenIdOf, userIdOf } from '../../../kit/people.ts';
import { World } from '../../../kit/stores-world.ts';

const name = fc.constantFrom('a', 'b', 'c');
const role = fc.constantFrom(...CLUSTER_ROLES);
const project = fc.constantFrom('p', 'q', 'default');

/** Ids are minted afresh in life; `n` makes them so here. */
const commands: fc.Arbitrary<(n: number) => Command> = fc.oneof(
  fc.tuple(name, role).map(
    ([user, given]) =>
      (n: number): Command => ({ type: 'create-user', id: userIdOf(`${n}`), name: user, role: given }),
  ),
  fc.tuple(name, role).map(
    ([user, given]) =>
      (): Command => ({ type: 'change-user-role', user, role: given }),
  ),
  name.map((user) => (): Command => ({ type: 'revoke-user', user })),
  fc.tuple(name, name).map(
    ([user, token]) =>
      (n: number): Command => ({
        type: 'create-token',
        id: tokenIdOf(`${n}`),
        user,
        name: token,
        digest: `digest ${n}`,
      }),
  ),
  fc.nat(60).map((n) => (): Command => ({ type: 'revoke-token', token: tokenIdOf(`${n}`) })),
  fc.tuple(project, name, fc.constantFrom(...PROJECT_ROLES)).map(
    ([ref, user, given]) =>
      (): Command => ({ type: 'add-member', project: ref, user, role: given }),
  ),
  fc.tuple(project, name).map(
    ([ref, user]) =>
      (): Command => ({ type: 'remove-member', project: ref, user }),
  ),
  fc.tuple(project, fc.nat(60)).map(
    ([ref, owner]) =>
      (n: number): Command => ({
        type: 'create-project',
        id: projectId(`${n}`),
        name: ref,
        description: '',
        tags: [],
        ownerId: userIdOf(`${owner}`),
      }),
  ),
  project.map((ref) => (): Command => ({ type: 'delete-project', project: ref })),
);

/** Also keeps the rows that a store would hold, by nothing but what was said to be touched. */
function follow(log: readonly StampedEvent[]): {
  readonly state: ClusterState;
  readonly rows: Map<RowKey, unknown>;
} {
  const state = new ClusterState();
  const rows = new Map<RowKey, unknown>();
  for (const event of log) {
    const touched = new Touched();
    apply(state, event, touched);
    for (const key of touched.rows) {
      const row = rowOf(state, key);
      if (row === undefined) rows.delete(key);
      else rows.set(key, JSON.parse(JSON.stringify(row)));
    }
  }
  return { state, rows };
}

t.test('the state is the fold of its events, and the rows that were touched are all of it', async (t) => {
  let accepted = 0;
  fc.assert(
    fc.property(fc.array(commands, { minLength: 30, maxLength: 60 }), (made) => {
      const world = new World();
      for (const [index, make] of made.entries()) {
        const decision = world.decide(make(index));
        if (!decision.ok) continue;
        accepted += 1;
        for (const event of decision.events) world.apply(event);
        deepStrictEqual(findViolations(world.state), []);
      }
      const { state, rows } = follow(world.log);
      deepStrictEqual([...canonicalLines(state)], [...canonicalLines(world.state)]);
      deepStrictEqual([...rows.keys()].sort(), [...rowKeysOf(state)].sort());
      const loader = new StateLoader();
      for (const [key, row] of rows) loader.add(key, row);
      deepStrictEqual([...canonicalLines(loader.finish(state.headSeq))], [...canonicalLines(state)]);
    }),
    { numRuns: 200 },
  );
  t.ok(accepted > 1_000, 'many were accepted');
});
