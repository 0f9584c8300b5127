/**
 * Aim: decayed use is the integral it claims to be, and the factor orders projects as a fair tree would. Method:
 * identities, and pairs of projects of which one must stand before the other.
 */
import t from 'tap';
import { addUse, decayUse, FairShare, NO_USE } from '../../../../../controller/core/quota/fair-share.ts';
import { buildQuotaTree, type QuotaNodeSpec } from '../../../../../controller/core/quota/quota-tree.ts';
import { aNode, HOUR_MS } from '../../../../kit/pass-world.ts';

t.test('after a half-life use counts half, and the past is not changed', async (t) => {
  const use = { gpuMilliMs: 1000, atMs: 0 };
  t.equal(decayUse(use, HOUR_MS, HOUR_MS).gpuMilliMs, 500);
  t.same(decayUse({ ...use, atMs: 5 }, 3, HOUR_MS), { gpuMilliMs: 1000, atMs: 5 });
});

t.test('it does not matter how often use is added up', async (t) => {
  const once = addUse(NO_USE, 8000, 6 * HOUR_MS, HOUR_MS);
  let often = NO_USE;
  for (let at = 1; at <= 60; at += 1) often = addUse(often, 8000, (at * HOUR_MS) / 10, HOUR_MS);
  t.ok(Math.abs(once.gpuMilliMs - often.gpuMilliMs) < 1, `${once.gpuMilliMs} and ${often.gpuMilliMs}`);
  t.equal(addUse(once, 8000, 0, HOUR_MS).atMs, once.atMs, 'a clock that went back adds nothing');
});

function shareOf(
  nodes: readonly QuotaNodeSpec[],
  hours: Readonly<Record<string, number>>,
): (name: string) => number {
  const tree = buildQuotaTree(nodes);
  const node = (name: string): number => tree.names.indexOf(name);
  const share = new FairShare({
    tree,
    useOf: new Map(
      Object.entries(hours).map(([name, used]) => [
        node(name),
        { gpuMilliMs: used * 1000 * HOUR_MS, atMs: 0 },
      ]),
    ),
    nowMs: 0,
    halfLifeMs: 100 * HOUR_MS,
    capacityGpuMilli: 8000,
    active: Object.keys(hours).map(node),
  });
  return (name) => share.factor(node(name));
}

t.test('nothing used is 1, a fair part about a half, and more weight bears more use', async (t) => {
  const factor = shareOf([aNode('a', 0), aNode('b', 0), aNode('c', 0, { weight: 300 })], {
    a: 0,
    b: 100,
    c: 100,
  });
  t.equal(factor('a'), 1);
  t.ok(factor('b') < factor('c') && factor('c') < 1);
});

t.test('a group that used less stands first with all its projects', async (t) => {
  const group = { kind: 'group' as const };
  const nodes = [
    aNode('g', 0, group),
    aNode('h', 0, group),
    aNode('g1', 0, { parent: 'g' }),
    aNode('g2', 0, { parent: 'g' }),
    aNode('h1', 0, { parent: 'h' }),
  ];
  const factor = shareOf(nodes, { g1: 0, g2: 600, h1: 300 });
  t.ok(factor('h1') > factor('g1'), 'what g2 used is held against g1, as it came out of their group');
  t.ok(factor('g1') > factor('g2'));
});

t.test('the factor falls as more is held', async (t) => {
  const tree = buildQuotaTree([aNode('a', 0)]);
  const share = new FairShare({
    tree,
    useOf: new Map(),
    nowMs: 0,
    halfLifeMs: HOUR_MS,
    capacityGpuMilli: 8000,
    active: [1],
  });
  const before = share.factor(1);
  share.hold(1, 4000);
  t.ok(share.factor(1) < before);
  share.hold(1, -4000);
  t.equal(share.factor(1), before);
});
