/** Aim: what is hidden is not there, for lookups, lists and events alike. Method: the world of people. */
import t from 'tap';
import {
  type Access,
  accessOf,
  findDefaultProject,
  findVisibleProject,
  mayInProject,
  maySeeEvent,
  maySeeJob,
  projectRoleOf,
  seesAll,
  visibleJobs,
  visibleProjects,
} from '../../../../../controller/core/identity/access.ts';
import { IDENTITY_EVENT_TYPES } from '../../../../../controller/core/identity/events.ts';
import type { Principal } from '../../../../../proto/domain/ids.ts';
import { aJobSpec, jobId, projectId } from '../../../../kit/builders.ts';
import { LAB, OTHER, People, tokenIdOf, userIdOf } from '../../../../kit/people.ts';

const asker = (name: string) => ({ roles: [], userId: userIdOf(name), tokenId: tokenIdOf(name) });
const root = { roles: ['admin'] };

function peopleWithJobs() {
  const people = new People();
  const { world } = people;
  for (const [id, project] of [
    ['1', LAB],
    ['2', OTHER],
    ['3', 'default'],
  ] as const) {
    const spec = aJobSpec({ waitForHosts: true });
    world.run({ type: 'create-job', id: jobId(id), project, spec, secrets: [] });
  }
  const access = (name: string): Access => accessOf(world.state, asker(name), world.nowMs)!;
  return { view: world.state, world, access };
}

t.test('access is worked out of what is true now', async (t) => {
  const { view, world, access } = peopleWithJobs();
  t.same(access('plain'), { role: 'user', userId: 'usr_plain' });
  t.same(accessOf(view, root, 0), { role: 'admin', userId: undefined });
  t.equal(accessOf(view, { roles: ['agent'] }, 0), undefined);
  for (const gone of ['revoked-token', 'revoked-user', 'expired', 'never'])
    t.equal(accessOf(view, asker(gone), world.nowMs), undefined, gone);
  t.equal(
    accessOf(view, { ...asker('plain'), tokenId: tokenIdOf('owner') }, 0),
    undefined,
    'another’s token',
  );
  t.equal(
    accessOf(view, { roles: ['admin'], userId: userIdOf('plain') }, 0),
    undefined,
    'what a caller was does not count',
  );
});

t.test('a project is found among one’s own and no others', async (t) => {
  const { view, access } = peopleWithJobs();
  const find = (name: string, ref: string) => findVisibleProject(view, access(name), ref);
  const absent = { found: false, why: 'absent', matches: [] };
  for (const ref of [LAB, 'prj_lab', 'lab', 'la', 'prj_', '', 'nothing'])
    t.same(find('plain', ref), absent, ref);
  for (const ref of [LAB, 'prj_lab', 'prj_la', 'la', 'prj_'])
    t.match(
      find('viewer', ref),
      { found: true, record: { id: 'prj_lab' } },
      `${ref}: hidden ones are no matches`,
    );
  t.same(find('viewer', ''), absent);
  t.same(find('viewer', OTHER), absent);
  t.match(find('operator', OTHER), { found: true });
  t.match(find('operator', 'prj_'), { found: false, why: 'ambiguous' });
});

t.test('who names no project means the default one, or the only one of the caller', async (t) => {
  const { view, world, access } = peopleWithJobs();
  const means = (name: string) => {
    const lookup = findDefaultProject(view, access(name));
    return lookup.found ? lookup.record.name : lookup.why;
  };
  t.equal(means('operator'), 'default');
  t.equal(means('viewer'), LAB);
  t.equal(means('plain'), 'absent');
  const byRoot = 'user:admin' as Principal;
  world.run({ type: 'add-member', project: OTHER, user: 'viewer', role: 'viewer' }, byRoot);
  t.equal(means('viewer'), 'absent', 'of two, neither');
  world.run({ type: 'add-member', project: 'default', user: 'viewer', role: 'viewer' });
  t.equal(means('viewer'), 'default');
});

t.test('nobody leads the work of others into a project by adding them to it', async (t) => {
  const { view, world, access } = peopleWithJobs();
  const means = (name: string) => {
    const lookup = findDefaultProject(view, access(name));
    return lookup.found ? lookup.record.name : lookup.why;
  };
  const addTo = (project: string, role: 'owner' | 'viewer', by: string) =>
    world.run({ type: 'add-member', project, user: 'plain', role }, `user:${by}` as Principal);
  addTo(OTHER, 'owner', 'outsider');
  t.equal(means('plain'), 'absent', 'not even as its owner');
  t.equal(means('outsider'), OTHER);
  addTo(OTHER, 'viewer', 'administrator');
  t.equal(means('plain'), 'absent', 'who added first counts');
  addTo(LAB, 'viewer', 'administrator');
  t.equal(means('plain'), LAB, 'nor does it hide which one is meant');
  world.run({ type: 'change-user-role', user: 'operator', role: 'admin' });
  world.run({ type: 'change-user-role', user: 'administrator', role: 'user' });
  t.equal(means('plain'), 'absent', 'an administrator of before is none');
  const id = projectId('own');
  const made = { name: 'own', description: '', tags: [], ownerId: userIdOf('plain') };
  world.run({ type: 'create-project', id, ...made }, 'user:plain' as Principal);
  t.equal(means('plain'), 'own');
});

t.test('roles in projects', async (t) => {
  const { view, access } = peopleWithJobs();
  const lab = projectId(LAB);
  t.equal(projectRoleOf(view, access('plain'), lab), undefined);
  t.equal(projectRoleOf(view, access('operator'), lab), 'viewer');
  t.equal(projectRoleOf(view, access('administrator'), lab), 'owner');
  t.equal(mayInProject(view, access('member'), lab, 'member'), true);
  t.equal(mayInProject(view, access('member'), lab, 'owner'), false);
  t.equal(seesAll(access('owner')), false);
});

t.test('lists hold what is visible', async (t) => {
  const { view, access } = peopleWithJobs();
  const names = (name: string) => [...visibleProjects(view, access(name))].map((project) => project.name);
  const jobs = (name: string) => [...visibleJobs(view, access(name))].map(({ id }) => id);
  t.same(names('plain'), []);
  t.same(names('viewer'), [LAB]);
  t.same(names('operator'), ['default', LAB, OTHER]);
  t.same(jobs('plain'), []);
  t.same(jobs('outsider'), ['job_2']);
  t.same(jobs('operator'), ['job_1', 'job_2', 'job_3']);
  t.equal(maySeeJob(view, access('viewer'), jobId('1')), true);
  t.equal(maySeeJob(view, access('viewer'), jobId('2')), false);
  t.equal(maySeeJob(view, access('viewer'), jobId('none')), false);
});

t.test(
  'events: of one’s projects, of hosts and machine types; of people only for administrators',
  async (t) => {
    const { view, access } = peopleWithJobs();
    const sees = (name: string, type: string, project?: string): boolean =>
      maySeeEvent(view, access(name), {
        type,
        ...(project === undefined ? {} : { projectId: projectId(project) }),
      });
    t.equal(sees('viewer', 'job-queued', LAB), true);
    t.equal(sees('viewer', 'job-queued', OTHER), false);
    t.equal(sees('operator', 'job-queued', OTHER), true);
    for (const type of ['host-registered', 'machine-type-created']) t.equal(sees('plain', type), true, type);
    for (const type of ['secret-set', 'some-event-of-tomorrow']) {
      t.equal(sees('plain', type), false, type);
      t.equal(sees('operator', type), true, type);
    }
    for (const type of IDENTITY_EVENT_TYPES) {
      t.equal(sees('operator', type), false, type);
      t.equal(sees('administrator', type), true, type);
    }
    t.equal(sees('viewer', 'member-added', LAB), true);
  },
);
