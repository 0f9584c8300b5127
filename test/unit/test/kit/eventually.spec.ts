/**
 * Aim: waiting ends as soon as the condition holds, and no later than its deadline. Method: conditions that come
 * true on the nth look, that throw first, and that never do.
 */
import t from 'tap';
import { eventually } from '../../../kit/eventually.ts';

t.test('returns what the check returned, once it is truthy', async (t) => {
  let looks = 0;
  t.equal(await eventually(() => (looks++ === 2 ? 'there' : undefined), { everyMs: 1 }), 'there');
  t.equal(looks, 3);
});

t.test('a check that throws is asked again', async (t) => {
  let looks = 0;
  const check = async (): Promise<boolean> => {
    looks += 1;
    if (looks < 3) throw new Error('not yet');
    return true;
  };
  t.equal(await eventually(check, { everyMs: 1 }), true);
});

t.test('gives up at its deadline and names what it waited for', async (t) => {
  await t.rejects(
    eventually(() => false, { deadlineMs: 5, everyMs: 1, what: 'the moon' }),
    /the moon did not come true within 5 ms/,
  );
  const failing = (): never => {
    throw new Error('refused');
  };
  await t.rejects(eventually(failing, { deadlineMs: 5, everyMs: 1 }), /last error: Error: refused/);
});
