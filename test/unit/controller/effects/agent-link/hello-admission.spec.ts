/** Aim: so many hellos a second and no more, with waits that spread the rest. Method: a simulated clock. */
import t from 'tap';
import {
  createHelloAdmission,
  HELLO_RETRY_MAX_MS,
} from '../../../../../controller/effects/agent-link/hello-admission.ts';
import { createSimClock } from '../../../../kit/sim-clock.ts';

t.test('a burst, then the rate', async (t) => {
  const clock = createSimClock();
  const admission = createHelloAdmission(clock, { perSecond: 10, atOnce: 3 });
  t.same([admission.ask(), admission.ask(), admission.ask()], [0, 0, 0]);
  t.same([admission.ask(), admission.ask()], [100, 200], 'each is told a later time');
  clock.advance(100);
  t.equal(admission.ask(), 0);
  t.equal(admission.ask(), 200, 'behind those who wait already');
  clock.advance(60_000);
  t.same([admission.ask(), admission.ask(), admission.ask()], [0, 0, 0], 'no more than a burst is saved up');
  t.equal(admission.ask(), 100);
});

t.test('nobody is sent away for long', async (t) => {
  const clock = createSimClock();
  const admission = createHelloAdmission(clock, { perSecond: 10, atOnce: 1 });
  for (let asked = 0; asked < 10_000; asked += 1) admission.ask();
  t.equal(admission.ask(), HELLO_RETRY_MAX_MS);
});
