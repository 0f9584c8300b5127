/**
 * Aim: questions are answered one at a time, rest as long as they work, end in time, and are few per caller. Method: a
 * simulated clock.
 */
import t from 'tap';
import {
  createQuestionDesk,
  type Pace,
  QUESTION_MS_MAX,
  QUESTIONS_PER_CALLER_MAX,
  QUESTIONS_WAITING_MAX,
} from '../../../../../controller/rpc/explain/question-desk.ts';
import { caughtAsync } from '../../../../kit/caught.ts';
import { createSimClock, settle } from '../../../../kit/sim-clock.ts';

const { signal } = new AbortController();

function gate() {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

t.test('one at a time, in order, also after one that failed', async (t) => {
  const desk = createQuestionDesk(createSimClock());
  const order: string[] = [];
  const first = gate();
  const answers = [
    desk.ask('a', signal, async () => {
      order.push('a begins');
      await first.opened;
      order.push('a ends');
      throw new Error('broken');
    }),
    desk.ask('b', signal, async () => order.push('b')),
  ];
  await settle();
  t.same(order, ['a begins']);
  first.open();
  t.match(await Promise.allSettled(answers), [{ status: 'rejected' }, { status: 'fulfilled' }]);
  t.same(order, ['a begins', 'a ends', 'b']);
});

t.test('so many of one caller and in all, and places become free again', async (t) => {
  const desk = createQuestionDesk(createSimClock());
  const first = gate();
  const ask = (caller: string) => desk.ask(caller, signal, () => first.opened);
  const own = Array.from({ length: QUESTIONS_PER_CALLER_MAX }, () => ask('a'));
  t.match(await caughtAsync(() => ask('a')), {
    kind: 'quota',
    code: 'TOO_MANY_QUESTIONS',
    retryAfterMs: 1_000,
  });
  const others = Array.from({ length: QUESTIONS_WAITING_MAX - own.length }, (_, at) => ask(`o${at}`));
  t.match(await caughtAsync(() => ask('late')), { code: 'TOO_MANY_QUESTIONS' });
  first.open();
  await Promise.all([...own, ...others]);
  await ask('a');
});

t.test('between steps it rests for as long as the step took', async (t) => {
  const clock = createSimClock();
  const desk = createQuestionDesk(clock);
  const goneOn: (boolean | string)[] = [];
  const answer = desk.ask('a', signal, async (pace) => {
    clock.advance(200);
    goneOn.push('worked');
    goneOn.push(await pace.goOn());
  });
  await settle();
  t.same(goneOn, ['worked']);
  clock.advance(199);
  await settle();
  t.same(goneOn, ['worked']);
  clock.advance(1);
  await answer;
  t.same(goneOn, ['worked', true]);
});

t.test('time is up after a while, and at once when nobody waits any more', async (t) => {
  const clock = createSimClock();
  const desk = createQuestionDesk(clock);
  const worked = async (pace: Pace): Promise<boolean> => {
    clock.advance(QUESTION_MS_MAX);
    return pace.goOn();
  };
  const late = desk.ask('a', signal, worked);
  await settle();
  clock.advance(QUESTION_MS_MAX);
  t.equal(await late, false);
  const gone = new AbortController();
  const left = desk.ask('a', gone.signal, async (pace) => {
    gone.abort();
    return pace.goOn();
  });
  await settle();
  clock.advance(1);
  t.equal(await left, false);
  await t.rejects(
    desk.ask('a', gone.signal, async () => undefined),
    { name: 'AbortError' },
    'one that was left is not begun',
  );
});
