/** Aim: members come, change and go, makers own what they make, and bounds hold. Method: stories in a world. */
import t from 'tap';
import { refuseFullUser } from '../../../../../controller/core/identity/decide-member.ts';
import { MEMBERS_PER_PROJECT_MAX, PROJECTS_PER_USER_MAX } from '../../../../../controller/core/limits.ts';
import type { Principal } from '../../../../../proto/domain/ids.ts';
import { projectId } from '../../../../kit/builders.ts';
import { userIdOf } from '../../../../kit/people.ts';
import { World } from '../../../../kit/stores-world.ts';

function addUser(world: World, name: string): void {
  world.run({ type: 'create-user', id: userIdOf(name), name, role: 'user' });
}

function addProject(world: World, name: string, part: object = {}): void {
  const id = projectId(name);
  world.run({ type: 'create-project', id, name, description: '', tags: [], ...part });
}

const add = (user: string, role: 'viewer' | 'member' | 'owner', project = 'lab') =>
  ({ type: 'add-member', project, user, role }) as const;

t.test('a member is added, gets another role and is removed', async (t) => {
  const world = new World();
  addProject(world, 'lab');
  addUser(world, 'ann');
  world.run(add('ann', 'viewer'), 'user:root' as Principal);
  world.nowMs += 1;
  world.run(add('ann', 'owner'));
  const { identity } = world.state;
  t.equal(identity.roleIn(projectId('lab'), userIdOf('ann')), 'owner');
  const [member] = identity.members(projectId('lab'));
  t.match(member, { userName: 'ann', addedBy: 'user:root', addedAtMs: world.nowMs - 1 });
  t.same(world.run(add('ann', 'owner')).events, [], 'nothing new');
  const remove = { type: 'remove-member', project: 'lab', user: 'ann', byAdmin: true } as const;
  world.run(remove);
  t.same(identity.memberships(userIdOf('ann')), []);
  t.match(world.refusal(remove), { kind: 'not-found', code: 'MEMBER_NOT_FOUND' });
});

t.test('nobody but an administrator leaves a project without an owner', async (t) => {
  const world = new World();
  for (const name of ['ann', 'bob']) addUser(world, name);
  addProject(world, 'lab', { ownerId: userIdOf('ann') });
  world.run(add('bob', 'member'));
  const leave = (user: string) => ({ type: 'remove-member', project: 'lab', user }) as const;
  const wanted = { kind: 'precondition', code: 'LAST_OWNER', hint: /administrator/ };
  t.match(world.refusal(leave('ann')), wanted);
  t.match(world.refusal(add('ann', 'viewer')), wanted, 'nor by taking less of a role');
  world.run(add('bob', 'owner'));
  world.run(leave('ann'));
  t.match(world.refusal(leave('bob')), wanted);
  world.run({ ...add('bob', 'viewer'), byAdmin: true });
  world.run(leave('bob'));
  t.same(world.state.identity.members(projectId('lab')), []);
});

t.test('who makes a project owns it; the end of a project ends its memberships', async (t) => {
  const world = new World();
  addUser(world, 'ann');
  addProject(world, 'lab', { ownerId: userIdOf('ann') });
  t.equal(world.state.identity.roleIn(projectId('lab'), userIdOf('ann')), 'owner');
  const { revision } = world.state.identity;
  world.run({ type: 'delete-project', project: 'lab' });
  t.same(world.state.identity.memberships(userIdOf('ann')), []);
  t.ok(world.state.identity.revision > revision, 'those who watch it are looked at again');
});

t.test('only users that are there become members', async (t) => {
  const world = new World();
  addProject(world, 'lab');
  addUser(world, 'ann');
  world.run({ type: 'revoke-user', user: 'ann' });
  t.match(world.refusal(add('ann', 'viewer')), { code: 'USER_REVOKED' });
  t.match(world.refusal(add('bob', 'viewer')), { code: 'USER_NOT_FOUND' });
  t.match(world.refusal(add('admin', 'viewer')), { code: 'USER_BUILT_IN' });
  t.match(world.refusal(add('ann', 'viewer', 'none')), { code: 'PROJECT_NOT_FOUND' });
});

t.test('owners learn of no users by the beginning of their ids', async (t) => {
  const world = new World();
  addProject(world, 'lab');
  for (const name of ['ann', 'bob']) addUser(world, name);
  for (const guess of ['usr_', 'usr_a', 'usr_an']) {
    const wanted = { kind: 'not-found', code: 'USER_NOT_FOUND', details: { ref: guess } };
    t.match(world.refusal(add(guess, 'viewer')), wanted);
    t.match(world.refusal({ type: 'remove-member', project: 'lab', user: guess }), wanted);
  }
  world.run(add('usr_ann', 'viewer'));
  world.run({ type: 'remove-member', project: 'lab', user: 'usr_ann' });
});

t.test('projects and users have bounds', async (t) => {
  const world = new World();
  addUser(world, 'ann');
  const { state } = world;
  const member = {
    userId: userIdOf('ann'),
    userName: 'ann',
    role: 'viewer',
    addedBy: 'x',
    addedAtMs: 1,
  } as const;
  t.equal(refuseFullUser(state, userIdOf('ann')), undefined);
  for (let index = 0; index < PROJECTS_PER_USER_MAX; index += 1) {
    state.identity.putMember({ ...member, projectId: projectId(`p${index}`) } as never);
  }
  t.match(refuseFullUser(state, userIdOf('ann')), { error: { code: 'PROJECTS_PER_USER_MAX' } });
  const full = new World();
  addProject(full, 'lab');
  addUser(full, 'late');
  for (let index = 0; index < MEMBERS_PER_PROJECT_MAX; index += 1) {
    full.state.identity.putMember({
      ...member,
      projectId: projectId('lab'),
      userId: userIdOf(`u${index}`),
    } as never);
  }
  t.match(full.refusal(add('late', 'viewer')), { kind: 'quota', code: 'MEMBERS_MAX' });
});

t.test('nobody fills the cluster with projects by making them and leaving', async (t) => {
  const world = new World();
  addUser(world, 'ann');
  addUser(world, 'bob');
  const make = (maker: string) => {
    const ownerId = userIdOf(maker);
    return {
      type: 'create-project',
      id: projectId('new'),
      name: 'new',
      description: '',
      tags: [],
      ownerId,
    } as const;
  };
  const ann = 'user:ann' as Principal;
  t.ok(world.decide(make('ann'), ann).ok);
  const left = { description: '', tags: [], createdBy: ann, createdAtMs: 1, revision: 1 };
  for (let index = 0; index < PROJECTS_PER_USER_MAX; index += 1) {
    world.state.projectTable.put({ ...left, id: projectId(`p${index}`), name: `p${index}` });
  }
  t.same(world.state.identity.memberships(userIdOf('ann')), [], 'in none of them');
  t.match(world.refusal(make('ann'), ann), { kind: 'quota', code: 'PROJECTS_MADE_MAX' });
  t.equal(world.decide(make('bob'), 'user:bob' as Principal).ok, true, 'others go on');
});
