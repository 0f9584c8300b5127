/** Aim: a held permit ends with what it stands on, at once, and no sooner. Method: the world of people and its clock. */
import t from 'tap';
import type { ClusterError } from '../../../../../proto/errors/cluster-error.ts';
import { projectId } from '../../../../kit/builders.ts';
import { type Actor, LAB, OTHER, People, tokenIdOf, userIdOf } from '../../../../kit/people.ts';

const WATCH = '/nabla.v1.JobService/WatchJob';
const EXEC = '/nabla.v1.JobService/Exec';

function hold(people: People, actor: Actor, call: string) {
  const caller = people.door.admit(call, people.credentials(actor));
  const permit = people.door.permit(call, caller, LAB);
  const ends: string[] = [];
  const release = people.door.hold(permit, (error: ClusterError) => ends.push(error.code));
  return { ends, release, permit };
}

t.test('it ends once, when the membership, the token or the user goes', async (t) => {
  for (const [command, code] of [
    [{ type: 'remove-member', project: LAB, user: 'viewer' }, 'PROJECT_NOT_FOUND'],
    [{ type: 'revoke-token', token: tokenIdOf('viewer') }, 'TOKEN_REFUSED'],
    [{ type: 'revoke-user', user: 'viewer' }, 'TOKEN_REFUSED'],
    [{ type: 'delete-project', project: LAB }, 'PROJECT_NOT_FOUND'],
  ] as const) {
    const people = new People();
    const { ends } = hold(people, 'viewer', WATCH);
    people.run({ type: 'update-project', project: LAB, name: 'renamed', addTags: [], removeTags: [] });
    people.run({ type: 'add-member', project: OTHER, user: 'viewer', role: 'viewer' });
    t.same(ends, [], 'what else happens does not matter');
    people.run(command.type === 'delete-project' ? { ...command, project: 'renamed' } : fit(command));
    t.same(ends, [code], command.type);
    people.run({ type: 'create-user', id: userIdOf('late'), name: 'late', role: 'user' });
    t.same(ends, [code], 'once');
  }
});

/** The project has another name by then. */
function fit<C extends { readonly type: string }>(command: C): C {
  return 'project' in command ? { ...command, project: 'renamed' } : command;
}

t.test('a lesser role ends what it does not allow', async (t) => {
  const people = new People();
  const watch = hold(people, 'member', WATCH);
  const exec = hold(people, 'member', EXEC);
  people.run({ type: 'add-member', project: LAB, user: 'member', role: 'viewer' });
  t.same(exec.ends, ['METHOD_FORBIDDEN']);
  t.same(watch.ends, []);
});

t.test('roles in the cluster count, too', async (t) => {
  const people = new People();
  const { ends } = hold(people, 'operator', WATCH);
  people.run({ type: 'change-user-role', user: 'operator', role: 'user' });
  t.same(ends, ['PROJECT_NOT_FOUND']);
});

t.test('what was released is not called; a closed door forgets all', async (t) => {
  const people = new People();
  const one = hold(people, 'viewer', WATCH);
  const two = hold(people, 'viewer', WATCH);
  one.release();
  people.door.close();
  people.run({ type: 'revoke-user', user: 'viewer' });
  t.same([one.ends, two.ends], [[], []]);
});

t.test('what was taken away before it was held ends at once', async (t) => {
  const people = new People();
  const caller = people.door.admit(WATCH, people.credentials('viewer'));
  const permit = people.door.permit(WATCH, caller, LAB);
  t.equal(permit.projectId, projectId(LAB));
  people.run({ type: 'revoke-user', user: 'viewer' });
  const ends: string[] = [];
  people.door.hold(permit, ({ code }) => ends.push(code));
  t.same(ends, ['TOKEN_REFUSED']);
});

t.test('an expiry ends it when it comes', async (t) => {
  const people = new People();
  const digest = 'd'.repeat(64);
  const id = tokenIdOf('short');
  people.run({ type: 'create-token', id, user: 'viewer', name: 'short', digest, lifetimeMs: 2 * 86_400_000 });
  const caller = { ...people.door.admit(WATCH, people.credentials('viewer')), tokenId: id };
  const ends: string[] = [];
  const release = people.door.hold(people.door.permit(WATCH, caller, LAB), ({ code }) => ends.push(code));
  t.equal(people.clock.pending, 1);
  people.clock.advance(2 * 86_400_000 - 1_000);
  t.same(ends, []);
  people.clock.advance(2_000);
  t.same(ends, ['TOKEN_EXPIRED']);
  release();
  t.equal(people.clock.pending, 0);
});
