/**
 * Aim: the compiled tree says what the nodes say, whatever their order. Method: one small tree, and its shuffles.
 */
import t from 'tap';
import { buildQuotaTree, findMeetingNode } from '../../../../../controller/core/quota/quota-tree.ts';
import { aNode } from '../../../../kit/pass-world.ts';

const NODES = [
  aNode('b', 3000, { parent: 'g', limit: 9000 }),
  aNode('g', 4000, { kind: 'group' }),
  aNode('a', 1000, { parent: 'g', resource: 'gpu' }),
];

t.test('parents come first, and projects without a node are children of the root', async (t) => {
  const tree = buildQuotaTree(NODES, ['z', 'a']);
  t.same(tree.names, ['root', 'g', 'z', 'a', 'b']);
  t.same([...tree.parents], [-1, 0, 0, 1, 1]);
  t.same([...tree.depths], [0, 1, 1, 2, 2]);
  t.same(tree.resources, ['gpu']);
  t.same(tree.isGuaranteed, [true]);
  t.equal(tree.limits[4], 9000);
  t.equal(tree.limits[3], Number.POSITIVE_INFINITY);
  t.same([...tree.nodeOfProject.keys()], ['z', 'a', 'b']);
});

t.test('the order of the nodes does not matter', async (t) => {
  t.same(buildQuotaTree([...NODES].reverse(), ['z']), buildQuotaTree(NODES, ['z']));
});

t.test('two nodes meet where their ways to the root do', async (t) => {
  const tree = buildQuotaTree(NODES, ['z']);
  const meet = (one: string, other: string): string | undefined =>
    tree.names[findMeetingNode(tree, tree.names.indexOf(one), tree.names.indexOf(other))];
  t.equal(meet('a', 'b'), 'g');
  t.equal(meet('a', 'z'), 'root');
  t.equal(meet('a', 'a'), 'a');
  t.equal(meet('g', 'a'), 'g');
});

t.test('a tree that contradicts itself is refused', async (t) => {
  t.throws(() => buildQuotaTree([aNode('a', 5, { parent: 'gone' })]), { code: 'QUOTA_TREE_INVALID' });
});
