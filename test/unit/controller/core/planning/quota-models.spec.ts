/** Aim: cards count under the name that the quota tree gives them. Method: trees with and without models. */
import t from 'tap';
import { QuotaModels } from '../../../../../controller/core/planning/quota-models.ts';
import { buildQuotaTree } from '../../../../../controller/core/quota/quota-tree.ts';
import { aJobSpec } from '../../../../kit/builders.ts';
import { aNode } from '../../../../kit/pass-world.ts';

const PRESENT = ['NVIDIA H100 80GB HBM3', 'NVIDIA A100-SXM4-80GB', 'NVIDIA A100-SXM4-80GB'];
const resources = (gpuModels: readonly string[], gpuMilli = 1000) =>
  aJobSpec({ resources: { gpuMilli, gpuModels } }).resources;

t.test('a tree without models leaves the choice to the hosts', async (t) => {
  const models = new QuotaModels(buildQuotaTree([aNode('a', 1000)]), PRESENT);
  t.ok(models.isBlind);
  t.equal(models.nameOf('NVIDIA H100 80GB HBM3'), '');
  t.same(models.choicesFor(resources(['H100'])), ['']);
});

t.test('a tree with models has each that would do tried by itself', async (t) => {
  const tree = buildQuotaTree([aNode('a', 1000, { resource: 'gpu:H100' })]);
  const models = new QuotaModels(tree, PRESENT);
  t.notOk(models.isBlind);
  t.equal(models.nameOf('NVIDIA H100 80GB HBM3'), 'H100');
  t.equal(models.nameOf('NVIDIA A100-SXM4-80GB'), '');
  t.same(models.choicesFor(resources([])), ['NVIDIA A100-SXM4-80GB', 'NVIDIA H100 80GB HBM3']);
  t.same(models.choicesFor(resources(['H100'])), ['NVIDIA H100 80GB HBM3']);
  t.same(models.choicesFor(resources(['V100'])), [''], 'of none that is here');
  t.same(models.choicesFor(resources([], 0)), [''], 'without GPUs no model counts');
});
