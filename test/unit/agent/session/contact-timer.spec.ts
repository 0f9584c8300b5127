/** Aim: contact is renewed only by echoes of our own heartbeats, and counts from their sending. */
import t from 'tap';
import { createContactTimer } from '../../../../agent/session/contact-timer.ts';
import { createSimClock } from '../../../kit/sim-clock.ts';

t.test('an echo renews from the moment of sending', async (t) => {
  const clock = createSimClock();
  const contact = createContactTimer(clock);
  clock.advance(1_000);
  const first = contact.beat();
  clock.advance(400);
  t.equal(contact.silentMs(), 1_400, 'a heartbeat alone renews nothing');
  contact.echo(first);
  t.equal(contact.silentMs(), 400);
  contact.echo(first);
  contact.echo(999);
  clock.advance(100);
  t.equal(contact.silentMs(), 500, 'echoes of nothing renew nothing');
});

t.test('a late echo of an older heartbeat does not turn time back', async (t) => {
  const clock = createSimClock();
  const contact = createContactTimer(clock);
  const old = contact.beat();
  clock.advance(1_000);
  const fresh = contact.beat();
  contact.echo(fresh);
  contact.echo(old);
  t.equal(contact.silentMs(), 0);
});
