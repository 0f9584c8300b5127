/** Aim: projects have unique slugs, and one with work in it is kept. Method: stories in a world. */
import t from 'tap';
import { projectId, secretId } from '../../../../kit/builders.ts';
import { World } from '../../../../kit/stores-world.ts';

const create = (name: string, id = name) =>
  ({ type: 'create-project', id: projectId(id), name, description: '', tags: ['b', 'a'] }) as const;
const update = (project: string, part: object) =>
  ({ type: 'update-project', project, addTags: [], removeTags: [], ...part }) as const;

t.test('a name becomes a slug and is taken once', async (t) => {
  const world = new World();
  world.run(create('My Project', '1'));
  t.match(world.state.findProject('my-project'), { found: true, record: { id: 'prj_1', tags: ['a', 'b'] } });
  t.match(world.refusal(create('my project', '2')), { kind: 'exists', code: 'PROJECT_EXISTS' });
  t.match(world.refusal(create('!!!', '3')), {
    kind: 'invalid',
    code: 'BAD_PROJECT_NAME',
    fields: [{ path: 'name' }],
  });
  t.match(world.refusal(create('default', '4')), { code: 'PROJECT_EXISTS' });
});

t.test('updates change what they name', async (t) => {
  const world = new World();
  world.run(create('one', '1'));
  world.run(update('one', { description: 'd', addTags: ['c'], removeTags: ['a'] }));
  t.match(world.state.findProject('one'), { record: { description: 'd', tags: ['b', 'c'], name: 'one' } });
  t.same(world.run(update('one', { description: 'd' })).events, [], 'nothing new, nothing committed');
  world.run(update('one', { name: 'Uno' }));
  t.match(world.state.findProject('one'), { found: false });
  t.match(world.state.findProject('uno'), { found: true });
  t.match(world.refusal(update('uno', { name: 'default' })), { code: 'PROJECT_EXISTS' });
  t.match(world.refusal(update('default', { name: 'x' })), { code: 'PROJECT_IS_DEFAULT' });
});

t.test('a project goes with its secrets, but not while it has jobs', async (t) => {
  const world = new World();
  world.addHost();
  world.run(create('one'));
  const secret = { id: secretId('1'), name: 'A', sealed: new Uint8Array([1]) };
  world.run({ type: 'set-secret', project: 'one', secret });
  world.run({ type: 'create-job', id: 'job_1' as never, project: 'one', spec: world.spec(), secrets: [] });
  const remove = { type: 'delete-project', project: 'one' } as const;
  t.match(world.refusal(remove), { kind: 'precondition', code: 'PROJECT_NOT_EMPTY' });
  world.run({ type: 'stop-job', project: 'one', job: 'job_1' });
  world.run({ type: 'delete-job', project: 'one', job: 'job_1' });
  world.run(remove);
  t.equal(world.state.secret(secret.id), undefined);
  t.match(world.refusal({ type: 'delete-project', project: 'default' }), { code: 'PROJECT_IS_DEFAULT' });
  t.match(world.refusal(remove), { code: 'PROJECT_NOT_FOUND' });
});
