/** Aim: the quota tree stays a tree whose guarantees add up. Method: commands in a world. */
import t from 'tap';
import { QUOTA_DEPTH_MAX } from '../../../../../controller/core/limits.ts';
import { decideDeleteQuota, decideSetQuota } from '../../../../../controller/core/policy/decide-quota.ts';
import { buildQuotaTree } from '../../../../../controller/core/quota/quota-tree.ts';
import type { QuotaShare } from '../../../../../proto/domain/scheduling.ts';
import { projectId } from '../../../../kit/builders.ts';
import { World } from '../../../../kit/stores-world.ts';

const set = (name: string, part: object = {}) =>
  ({ type: 'set-quota', name, kind: 'group', shares: [], removeShares: [], ...part }) as const;
const gpu = (guaranteed: number, limit?: number): QuotaShare =>
  limit === undefined ? { resource: 'gpu', guaranteed } : { resource: 'gpu', guaranteed, limit };

t.test('nodes are made under the root and moved', async (t) => {
  const world = new World();
  world.run(set('lab', { shares: [gpu(8000, 16_000)] }));
  world.run(set('vision', { parent: 'lab', shares: [gpu(4000)], weight: 200 }));
  world.run(set('default', { kind: 'project', parent: 'vision' }));
  t.match(world.state.scheduling.quota('vision'), { parent: 'lab', weight: 200, shares: [gpu(4000)] });
  t.match(world.state.scheduling.quota(projectId('default')), { kind: 'project', parent: 'vision' });
  world.run(set('vision', { removeShares: ['gpu'] }));
  t.match(world.state.scheduling.quota('vision'), { parent: 'lab', weight: 200, shares: [] });
  t.equal(world.state.scheduling.quotas().length, 4, 'with the root');
});

t.test('guarantees below a node are part of its own', async (t) => {
  const world = new World();
  world.run(set('lab', { shares: [gpu(4000)] }));
  world.run(set('a', { parent: 'lab', shares: [gpu(3000)] }));
  const code = 'QUOTA_OVERCOMMITTED';
  t.match(world.refusal(set('b', { parent: 'lab', shares: [gpu(1001)] })), { code });
  t.match(world.refusal(set('lab', { shares: [gpu(2999)] })), { code });
  t.ok(world.run(set('b', { parent: 'lab', shares: [gpu(1000)] })));
  t.ok(
    world.run(set('c', { parent: 'lab', shares: [{ resource: 'cpu', guaranteed: 5 }] })),
    'lab names no CPUs',
  );
});

t.test('a place that makes no tree is refused', async (t) => {
  const world = new World();
  world.run(set('a'));
  world.run(set('b', { parent: 'a' }));
  world.run(set('default', { kind: 'project', parent: 'b' }));
  for (const [name, parent] of [
    ['a', 'b'],
    ['a', 'a'],
    ['a', 'nope'],
    ['a', projectId('default')],
    ['root', 'a'],
  ]) {
    t.match(world.refusal(set(name!, { parent })), { code: 'QUOTA_PARENT' }, `${name} under ${parent}`);
  }
  t.match(world.refusal(set('nope', { kind: 'project' })), { code: 'PROJECT_NOT_FOUND' });
  let parent = 'b';
  for (let level = 3; level <= 8; level += 1) {
    world.run(set(`l${level}`, { parent }));
    parent = `l${level}`;
  }
  t.match(world.refusal(set('deep', { parent })), { code: 'QUOTA_PARENT', message: /too deep/ });
  t.match(world.refusal(set('a', { parent: 'l8' })), { code: 'QUOTA_PARENT' });
});

t.test('bad shares are refused', async (t) => {
  const world = new World();
  const shares: readonly object[] = [
    { resource: 'disk', guaranteed: 1 },
    { resource: 'gpu:', guaranteed: 1 },
    { resource: 'cpu:x', guaranteed: 1 },
    { resource: '__proto__', guaranteed: 1 },
    { resource: 'gpu', guaranteed: -1 },
    { resource: 'gpu', guaranteed: 1.5 },
    { resource: 'gpu', guaranteed: Number.MAX_SAFE_INTEGER },
    { resource: 'memory', guaranteed: 2, limit: 1 },
  ];
  for (const share of shares) {
    t.match(world.refusal(set('q', { shares: [share] })), { kind: 'invalid', code: 'QUOTA_INVALID' });
  }
  for (const weight of [0, -1, 0.5, 10_001]) {
    t.match(world.refusal(set('q', { weight })), { fields: [{ path: 'weight' }] });
  }
  t.match(world.refusal(set('no name')), { fields: [{ path: 'name' }] });
});

t.test('a node goes when nothing hangs on it; that of a project with the project', async (t) => {
  const world = new World();
  world.run(set('a'));
  world.run({ type: 'create-project', id: projectId('p'), name: 'p', description: '', tags: [] });
  world.run(set('p', { kind: 'project', parent: 'a' }));
  t.match(world.refusal({ type: 'delete-quota', name: 'a' }), { code: 'QUOTA_HAS_CHILDREN' });
  world.run({ type: 'delete-project', project: 'p' });
  world.run({ type: 'delete-quota', name: 'a' });
  t.match(decideDeleteQuota(world.state, { type: 'delete-quota', name: 'a' }), {
    error: { code: 'QUOTA_NOT_FOUND' },
  });
  t.match(world.refusal({ type: 'delete-quota', name: 'root' }), { code: 'QUOTA_NOT_FOUND' });
});

t.test('a group may not take the name of a project node', async (t) => {
  const world = new World();
  world.run(set('default', { kind: 'project' }));
  t.ok(world.refusal(set(projectId('default'))), 'ids are no names');
});

t.test('whatever may be set is a tree that plans can use', async (t) => {
  const world = new World();
  world.run(set('plain'));
  world.run(set('sized', { parent: 'plain', shares: [gpu(4000)] }));
  world.run(set('default', { kind: 'project', parent: 'sized', shares: [gpu(4000)] }));
  world.run(set('wide', { shares: [{ resource: 'cpu', guaranteed: 1 }] }));
  world.run(set('sized', { parent: 'wide' }));
  let parent = 'wide';
  for (let level = 2; level <= QUOTA_DEPTH_MAX; level += 1) {
    world.run(set(`deep${level}`, { parent }));
    parent = `deep${level}`;
  }
  t.doesNotThrow(() => buildQuotaTree(world.state.scheduling.quotas()));
  t.match(world.refusal(set('wide', { shares: [gpu(3999)] })), { code: 'QUOTA_OVERCOMMITTED' });
});

t.test('a tree of many nodes is looked through once, not once for each', async (t) => {
  const world = new World();
  const all = 3_000;
  const node = { kind: 'group', shares: [], weight: 1 } as const;
  for (let at = 0; at < all; at += 1) {
    world.apply({ type: 'quota-set', ...node, name: `g${at}`, parent: at === 0 ? 'root' : 'g0' });
  }
  const { scheduling } = world.state;
  let looks = 0;
  const counted = Object.create(scheduling, {
    quotas: {
      value: () => {
        looks += 1;
        return scheduling.quotas();
      },
    },
  }) as typeof scheduling;
  const reader = Object.create(world.state, { scheduling: { value: counted } }) as typeof world.state;
  t.match(decideSetQuota(reader, set('g0', { weight: 2 })), { ok: true });
  t.ok(looks < 10, `${looks} looks`);
});
