/**
 * Aim: every way in which an operator can contradict himself is named. Method: a table of trees with one fault each.
 */
import t from 'tap';
import { QUOTA_DEPTH_MAX } from '../../../../../controller/core/limits.ts';
import { checkQuotaTree } from '../../../../../controller/core/quota/check-quota-tree.ts';
import type { QuotaNodeSpec } from '../../../../../controller/core/quota/quota-tree.ts';
import type { QuotaResource } from '../../../../../proto/domain/scheduling.ts';
import { aNode } from '../../../../kit/pass-world.ts';

const chain = (length: number): QuotaNodeSpec[] =>
  Array.from({ length }, (_, at) =>
    aNode(`g${at}`, 0, { kind: 'group', parent: at === 0 ? 'root' : `g${at - 1}` }),
  );

const FAULTS: readonly (readonly [name: string, nodes: readonly QuotaNodeSpec[], path: string])[] = [
  ['unknown parent', [aNode('a', 0, { parent: 'x' })], 'a.parent'],
  ['a project as parent', [aNode('a', 0), aNode('b', 0, { parent: 'a' })], 'b.parent'],
  ['its own parent', [aNode('g', 0, { kind: 'group', parent: 'g' })], 'g.parent'],
  [
    'a circle',
    [aNode('g', 0, { kind: 'group', parent: 'h' }), aNode('h', 0, { kind: 'group', parent: 'g' })],
    'g.parent',
  ],
  ['too deep', chain(QUOTA_DEPTH_MAX + 1), `g${QUOTA_DEPTH_MAX}.parent`],
  ['named twice', [aNode('a', 0), aNode('a', 0)], 'a'],
  ['negative', [aNode('a', -1)], 'a.shares.gpu'],
  ['a fraction', [aNode('a', 0.5)], 'a.shares.gpu'],
  ['overflowing', [aNode('a', 2 ** 60)], 'a.shares.gpu'],
  ['limit below guarantee', [aNode('a', 5, { limit: 4 })], 'a.shares.gpu'],
  ['negative limit', [aNode('a', 0, { limit: -4 })], 'a.shares.gpu'],
  ['no weight', [aNode('a', 0, { weight: 0 })], 'a.weight'],
  ['a resource that is none', [aNode('a', 0, { resource: 'tpu' as QuotaResource })], 'a.shares.tpu'],
  ['a root below something', [{ ...aNode('root', 0, { kind: 'group' }), parent: 'a' }], 'root.parent'],
  [
    'more guaranteed than the parent has',
    [aNode('g', 5, { kind: 'group' }), aNode('a', 3, { parent: 'g' }), aNode('b', 3, { parent: 'g' })],
    'g.shares.gpu',
  ],
  ['more than the root has', [aNode('root', 5, { kind: 'group' }), aNode('a', 6)], 'root.shares.gpu'],
];

for (const [name, nodes, path] of FAULTS) {
  t.test(name, async (t) => {
    t.match(checkQuotaTree(nodes), [{ path }]);
  });
}

t.test('what is right is left alone', async (t) => {
  t.same(checkQuotaTree([]), []);
  t.same(checkQuotaTree(chain(QUOTA_DEPTH_MAX)), []);
  t.same(checkQuotaTree([aNode('g', 6, { kind: 'group' }), aNode('a', 6, { parent: 'g', limit: 6 })]), []);
  t.same(
    checkQuotaTree([aNode('a', 6), aNode('b', 6)]),
    [],
    'a root that names no amount is the whole cluster',
  );
  t.same(
    checkQuotaTree([
      aNode('g', 6, { kind: 'group', resource: 'cpu' }),
      aNode('a', 6, { parent: 'g' }),
      aNode('b', 6, { parent: 'g' }),
    ]),
    [],
    'nor does a group that names none bound what its members are guaranteed, as where quotas are set',
  );
});
