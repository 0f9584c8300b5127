/** Aim: always in order, whether few come and go or many. Method: random comings and goings beside a plain sort. */
import fc from 'fast-check';
import t from 'tap';
import { SortedList } from '../../../../../controller/core/scheduling/sorted-list.ts';

t.test('as a plain sort', async (t) => {
  const change = fc.record({ value: fc.integer({ min: 0, max: 20 }), times: fc.constantFrom(1, 2, 90) });
  fc.assert(
    fc.property(fc.array(fc.tuple(change, fc.boolean()), { maxLength: 12 }), (changes) => {
      let count = 0;
      const compare = (a: Item, b: Item): number => a.value - b.value || a.id - b.id;
      const list = new SortedList<Item>(compare);
      let twin: Item[] = [];
      for (const [{ value, times }, isLook] of changes) {
        for (let time = 0; time < times; time += 1) {
          count += 1;
          const item = { value, id: count };
          list.add(item);
          twin.push(item);
        }
        for (const item of twin.filter(({ id }) => id % 3 === value % 3)) list.remove(item);
        twin = twin.filter(({ id }) => id % 3 !== value % 3);
        if (isLook && JSON.stringify(list.items) !== JSON.stringify(twin.sort(compare))) return false;
      }
      return JSON.stringify(list.items) === JSON.stringify(twin.sort(compare));
    }),
    { numRuns: 300, seed: 2 },
  );
  t.pass();
});

interface Item {
  readonly value: number;
  readonly id: number;
}
