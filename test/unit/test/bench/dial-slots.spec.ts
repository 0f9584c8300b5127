/** Aim: never more at once than there are slots, none lost, the newest first. Method: rows by hand. */
import t from 'tap';
import { createDialSlots } from '../../../bench/fleet/dial-slots.ts';

const NEVER = new AbortController().signal;

void t.test('who comes beyond the slots waits for one, the newest first', async (t) => {
  const slots = createDialSlots(1);
  const first = await slots.take(NEVER);
  const order: string[] = [];
  const second = slots.take(NEVER).then(() => order.push('second'));
  const third = slots.take(NEVER).then((slot) => {
    order.push('third');
    return slot;
  });
  await Promise.resolve();
  t.same(order, []);
  first.free();
  first.free();
  (await third).free();
  await second;
  t.same(order, ['third', 'second']);
});

void t.test('who gives up takes no slot along', async (t) => {
  const slots = createDialSlots(1);
  const held = await slots.take(NEVER);
  const impatient = new AbortController();
  const gone = slots.take(impatient.signal);
  impatient.abort(new Error('waited for long'));
  await t.rejects(gone, { message: 'waited for long' });
  held.free();
  (await slots.take(NEVER)).free();
});
