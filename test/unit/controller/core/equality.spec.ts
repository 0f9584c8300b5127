/** Aim: plain data is compared by what it says. Method: fast-check against JSON, and the corners by hand. */
import fc from 'fast-check';
import t from 'tap';
import { isSamePlain } from '../../../../controller/core/equality.ts';

t.test('a copy is the same, whatever its key order', async (t) => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => isSamePlain(value, JSON.parse(JSON.stringify(value)))),
    { seed: 3 },
  );
  t.ok(isSamePlain({ a: 1, b: [2] }, { b: [2], a: 1 }));
});

t.test('corners', async (t) => {
  t.ok(isSamePlain({ a: undefined }, {}), 'an undefined field is an absent one');
  t.notOk(isSamePlain([1, 2], [2, 1]), 'order of lists counts');
  t.notOk(isSamePlain([], {}));
  t.notOk(isSamePlain(null, {}));
  t.notOk(isSamePlain({ a: 1 }, { a: 1, b: 2 }));
  t.notOk(isSamePlain([1], [1, 2]));
});
