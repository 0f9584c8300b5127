/**
 * Aim: use adds up along the tree, bounds are found, and who borrows from whom is told. Method: stories, and a random
 * walk beside a ledger that adds everything up anew.
 */
import fc from 'fast-check';
import t from 'tap';
import { QuotaLedger, toClaim } from '../../../../../controller/core/quota/quota-ledger.ts';
import { buildQuotaTree } from '../../../../../controller/core/quota/quota-tree.ts';
import { aDemand, aNode } from '../../../../kit/pass-world.ts';

const TREE = buildQuotaTree([
  aNode('g', 8000, { kind: 'group', limit: 12_000 }),
  aNode('a', 4000, { parent: 'g' }),
  aNode('b', 4000, { parent: 'g', limit: 5000 }),
  aNode('c', 8000),
]);
const node = (name: string): number => TREE.names.indexOf(name);
const gpus = (milli: number) => toClaim(TREE, aDemand(milli));

t.test('a claim holds only what the tree names', async (t) => {
  const tree = buildQuotaTree([aNode('a', 1, { resource: 'gpu:A100' }), aNode('b', 1, { resource: 'cpu' })]);
  const demand = { gpuMilli: 2000, gpuModel: 'A100', cpuMilli: 7, memoryBytes: 9 };
  t.same(toClaim(tree, demand), [
    { resource: 0, amount: 7 },
    { resource: 1, amount: 2000 },
  ]);
  t.same(toClaim(tree, { ...demand, gpuModel: 'H100', cpuMilli: 0 }), []);
});

t.test('the lowest bound is named', async (t) => {
  const ledger = new QuotaLedger(TREE);
  ledger.take(node('b'), gpus(5000));
  t.match(ledger.findBlock(node('b'), gpus(500)), { node: node('b'), missing: 500 });
  t.equal(ledger.findBlock(node('a'), gpus(7000)), undefined);
  t.match(ledger.findBlock(node('a'), gpus(8000)), { node: node('g'), missing: 1000 });
  const other = ledger.fork();
  other.give(node('b'), gpus(5000));
  t.equal(other.used(0, 0), 0);
  t.equal(ledger.used(0, 0), 5000);
});

t.test('use above a limit that was lowered is reported, and nothing is taken back by force', async (t) => {
  const ledger = new QuotaLedger(TREE);
  ledger.take(node('b'), gpus(9000));
  t.match(ledger.listOverLimit(), [{ node: node('b'), missing: 4000 }]);
});

t.test('who is within the guarantee, and who borrows from whom', async (t) => {
  const ledger = new QuotaLedger(TREE);
  t.ok(ledger.isEntitled(node('a'), gpus(4000)));
  t.notOk(ledger.isEntitled(node('a'), gpus(4500)));
  ledger.take(node('a'), gpus(6000));
  t.ok(ledger.isBorrowing(node('a'), node('b'), gpus(1000)), 'inside the group');
  t.notOk(ledger.isBorrowing(node('a'), node('c'), gpus(1000)), 'but the group is within its own');
  ledger.take(node('b'), gpus(4000));
  t.ok(ledger.isBorrowing(node('a'), node('c'), gpus(1000)), 'now the group borrows, by a');
  t.notOk(ledger.isBorrowing(node('b'), node('c'), gpus(1000)), 'and not by b');
  t.notOk(ledger.isBorrowing(node('a'), node('a'), gpus(1000)));
});

t.test('without guarantees nobody is entitled and all borrow', async (t) => {
  const bare = buildQuotaTree([], ['x', 'y']);
  const ledger = new QuotaLedger(bare);
  t.notOk(ledger.isEntitled(1, toClaim(bare, aDemand(1))));
  t.ok(ledger.isBorrowing(1, 2, []));
});

t.test('giving back more than was taken is a bug', async (t) => {
  t.throws(() => new QuotaLedger(TREE).give(node('a'), gpus(1)), { code: 'QUOTA_GIVEN_TWICE' });
});

t.test('whatever is taken and given, each node holds the sum of what is below it', async (t) => {
  const step = fc.record({ name: fc.constantFrom('a', 'b', 'c'), milli: fc.integer({ min: 1, max: 9000 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), fc.nat(20), (steps, givenBack) => {
      const ledger = new QuotaLedger(TREE);
      for (const { name, milli } of steps) ledger.take(node(name), gpus(milli));
      const kept = steps.slice(givenBack);
      for (const { name, milli } of steps.slice(0, givenBack)) ledger.give(node(name), gpus(milli));
      const sum = (names: readonly string[]): number =>
        kept.reduce((total, { name, milli }) => total + (names.includes(name) ? milli : 0), 0);
      t.equal(ledger.used(node('g'), 0), sum(['a', 'b']));
      t.equal(ledger.used(0, 0), sum(['a', 'b', 'c']));
    }),
    { numRuns: 50 },
  );
});
