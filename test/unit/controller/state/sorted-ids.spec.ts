/** Aim: a sorted set under any order of adding and deleting. Method: fast-check against an array. */
import fc from 'fast-check';
import t from 'tap';
import { SortedIds } from '../../../../controller/state/sorted-ids.ts';

t.test('equals a sorted array of the same members', async (t) => {
  const id = fc.constantFrom('a', 'b', 'ba', 'bb', 'c', 'job_1', 'job_10', 'job_2');
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), id)), (steps) => {
      const ids = new SortedIds<string>();
      const model = new Set<string>();
      for (const [adds, one] of steps) {
        const changed = adds ? ids.add(one) : ids.delete(one);
        if (changed !== (adds ? !model.has(one) : model.has(one))) throw new Error('wrong answer');
        if (adds) model.add(one);
        else model.delete(one);
      }
      const want = [...model].sort();
      if ([...ids].join() !== want.join() || ids.size !== want.length) throw new Error([...ids].join());
      if (ids.last() !== want.at(-1)) throw new Error('wrong last');
      const starting = want.filter((text) => text.startsWith('b')).slice(0, 2);
      if (ids.startingWith('b', 2).join() !== starting.join()) throw new Error('wrong prefix');
    }),
    { seed: 5, numRuns: 300 },
  );
  t.pass();
});
