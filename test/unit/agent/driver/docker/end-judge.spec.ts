/**
 * Aim: an end that an engine made as it was stopped, or that somebody made through it, is told as the engine's; what a
 * task did itself stays its own. Method: a case table over an engine of two answers: does it take new connections, and
 * was the container signalled through it.
 */
import { Readable } from 'node:stream';
import type Docker from 'dockerode';
import t from 'tap';
import type { DriverTask } from '../../../../../agent/core/driver-port.ts';
import { createEndJudge, REMEMBERED_MAX } from '../../../../../agent/driver/docker/end-judge.ts';
import type { Engine } from '../../../../../agent/driver/docker/engine.ts';

const UP_AT_MS = 100;
const NOW_MS = 1000;

class TwoAnswers implements Engine {
  open = true;
  killedThrough = false;
  asked = 0;
  readonly docker = {
    getNetwork: () => ({ inspect: async () => ({ Created: new Date(UP_AT_MS).toISOString() }) }),
    modem: {
      dial: (_request: unknown, done: (error: unknown, answer: Readable) => void) =>
        done(null, Readable.from(this.killedThrough ? ['{}'] : [])),
    },
  } as unknown as Docker;

  async call<T>(work: (abortSignal: AbortSignal) => Promise<T>): Promise<T> {
    return await work(new AbortController().signal);
  }

  async answersAnew(): Promise<boolean> {
    this.asked += 1;
    return this.open;
  }
}

function ended(how: { code?: number; signal?: number; outOfMemory?: boolean }): DriverTask {
  const exit = { signal: 0, outOfMemory: false, finishedAtMs: 900, ...how };
  return { state: 'exited', started: { containerId: 'c', startedAtMs: 500, ports: [] }, exit };
}

function setUp({ liveRestore = false } = {}) {
  const engine = new TwoAnswers();
  const clock = { atMs: NOW_MS, nowMs: () => clock.atMs };
  const judge = createEndJudge({ engine, clock, liveRestore });
  const cutOffBy = async (task: DriverTask): Promise<string> => {
    const told = await judge.judge(task);
    return told.state === 'exited' ? (told.exit.cutOffBy ?? 'itself') : told.state;
  };
  return { engine, clock, judge, cutOffBy };
}

t.test('under an engine that stays, a signal is the task’s own', async (t) => {
  const { cutOffBy } = setUp();
  for (const signal of [9, 15]) t.equal(await cutOffBy(ended({ signal })), 'itself');
});

t.test('what somebody killed by hand through the engine is not the task’s failure', async (t) => {
  const { engine, judge, cutOffBy } = setUp();
  engine.killedThrough = true;
  t.equal(await cutOffBy(ended({ signal: 9 })), 'engine');
  judge.noteSignalled('c');
  t.equal(await cutOffBy(ended({ signal: 9 })), 'itself', 'unless its user asked us for the signal');
});

t.test(
  'an engine that ends says nothing of ends by signal until it is back, and then they are its own',
  async (t) => {
    const { engine, clock, judge, cutOffBy } = setUp();
    engine.open = false;
    for (const signal of [9, 15]) t.equal(await cutOffBy(ended({ signal })), 'unknown');
    engine.open = true;
    clock.atMs = 5000;
    judge.noteAnswer();
    for (const signal of [9, 15]) t.equal(await cutOffBy(ended({ signal })), 'engine');
    const later = { ...ended({ signal: 9 }), started: { containerId: 'd', startedAtMs: 6000, ports: [] } };
    t.equal(await cutOffBy(later as DriverTask), 'itself', 'of what began after that, no end is');
  },
);

t.test('a status of its own, given while the engine ended its containers, obeys the engine', async (t) => {
  const { engine, judge, cutOffBy } = setUp();
  engine.open = false;
  await judge.noteEnd('c');
  t.equal(await cutOffBy(ended({ code: 0 })), 'unknown');
  engine.open = true;
  for (const code of [0, 3]) t.equal(await cutOffBy(ended({ code })), 'engine');
  t.equal(await cutOffBy(ended({ signal: 9, outOfMemory: true })), 'itself', 'memory that ran out does not');
});

t.test('an engine with live-restore ends nothing: a status is the task’s own', async (t) => {
  const { engine, judge, cutOffBy } = setUp({ liveRestore: true });
  engine.open = false;
  await judge.noteEnd('c');
  t.equal(await cutOffBy(ended({ code: 0 })), 'itself');
});

t.test('a status is told at once, and nobody is asked', async (t) => {
  const { engine, judge, cutOffBy } = setUp();
  await judge.noteEnd('c');
  t.equal(engine.asked, 1, 'once, as it ended');
  t.equal(await cutOffBy(ended({ code: 3 })), 'itself');
  t.equal(engine.asked, 1);
});

t.test('what is remembered has a bound', async (t) => {
  const { engine, judge, cutOffBy } = setUp();
  engine.open = false;
  await judge.noteEnd('c');
  for (let at = 0; at < REMEMBERED_MAX; at += 1) await judge.noteEnd(`other ${at}`);
  t.equal(await cutOffBy(ended({ code: 0 })), 'itself');
});
