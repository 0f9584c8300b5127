/** Aim: the line of a part is the sum of its pieces and hides no failure. Method: tables. */
import t from 'tap';
import { addLines, tapLine } from '../../../proof/last-lines.ts';

t.test('lines of one form are added number by number', async (t) => {
  t.equal(
    addLines(['50 seeds, 250000 steps, 0 violations', '50 seeds, 262500 steps, 1 violations']),
    '100 seeds, 512500 steps, 1 violations',
  );
  t.equal(addLines(['23 of 23 planted bugs found']), '23 of 23 planted bugs found');
  t.equal(addLines([]), undefined);
  t.equal(addLines(['1 kills, 2 lost', '1 inputs, 2 escapes']), undefined, 'other words');
});

t.test('asserts of a TAP stream are counted, its subtests themselves are not', async (t) => {
  const tap =
    'TAP version 14\n    ok 1 - a\n    not ok 2 - b\n    ok 3 - c # SKIP no disk\nnot ok 1 - whole\n';
  t.equal(tapLine(tap), '1 passed, 1 failed, 1 skipped');
});
