/**
 * Aim: what is folded is what is kept, at each level, bounded, and the same after storing. Method: few spans with counters
 * worked out by hand; bounds at the bound and one above.
 */
import t from 'tap';
import {
  emptyServiceHistory,
  foldService,
  fromStored,
  sizeClassOf,
  toStored,
} from '../../../../../controller/core/service/service-history.ts';
import { DEFAULT_SERVICE_PARAMETERS } from '../../../../../controller/core/service/service-parameters.ts';

const parameters = { ...DEFAULT_SERVICE_PARAMETERS, firstBinMs: 10, binCount: 4 };
const span = { gpuMilli: 8_000, group: 'a', fromMs: 0, toMs: 25, ended: true };

t.test('service is spread over the bins, an end counts where it happened', async (t) => {
  const history = emptyServiceHistory(parameters);
  foldService(history, span, parameters);
  const expected = { completions: [0, 0, 1, 0], exposureMs: [10, 10, 5, 0] };
  t.match(history.all, expected);
  t.match(history.sizes.get(3), expected);
  t.match(history.groups.get('a'), expected);
});

t.test('a stretch in two parts is the same as in one', async (t) => {
  const history = emptyServiceHistory(parameters);
  foldService(history, { ...span, toMs: 17, ended: false }, parameters);
  foldService(history, { ...span, fromMs: 17 }, parameters);
  t.match(history.all, { completions: [0, 0, 1, 0], exposureMs: [10, 10, 5, 0] });
});

t.test('an evicted job leaves exposure and no end', async (t) => {
  const history = emptyServiceHistory(parameters);
  foldService(history, { ...span, ended: false }, parameters);
  t.same(history.all.completions, [0, 0, 0, 0]);
});

t.test('the group that was longest not heard of is forgotten first', async (t) => {
  const bounded = { ...parameters, groupsMax: 2 };
  const history = emptyServiceHistory(bounded);
  for (const group of ['a', 'b', 'a']) foldService(history, { ...span, group }, bounded);
  t.same([...history.groups.keys()], ['b', 'a']);
  foldService(history, { ...span, group: 'c' }, bounded);
  t.same([...history.groups.keys()], ['a', 'c']);
});

t.test('counters are halved above the bound, not at it', async (t) => {
  const bounded = { ...parameters, completionsMax: 2 };
  const history = emptyServiceHistory(bounded);
  for (let count = 0; count < 2; count += 1) foldService(history, span, bounded);
  t.equal(history.all.completions[2], 2);
  foldService(history, span, bounded);
  t.equal(history.all.completions[2], 1.5);
  t.equal(history.all.exposureMs[0], 15);
});

t.test('it comes back from storage as it was, and anew under another number of bins', async (t) => {
  const history = emptyServiceHistory(parameters);
  foldService(history, span, parameters);
  foldService(history, { ...span, gpuMilli: 500, group: 'b' }, parameters);
  const stored = JSON.parse(JSON.stringify(toStored(history))) as ReturnType<typeof toStored>;
  t.same(toStored(fromStored(stored, parameters)), toStored(history));
  t.same(fromStored(stored, { binCount: 5 }), emptyServiceHistory({ binCount: 5 }));
});

t.test('size classes double', async (t) => {
  t.same([250, 1_000, 2_000, 3_000, 8_000, 9_000].map(sizeClassOf), [-1, 0, 1, 2, 3, 4]);
});
