/**
 * Aim: an end that an engine made as it was stopped, or that somebody made through it, is told as the engine's; what a
 * task did itself stays its own, however slow its engine is. Method: a case table over an engine of three answers: does
 * it take new connections, when did it come up, and was the container signalled through it.
 */
import { Readable } from 'node:stream';
import type Docker from 'dockerode';
import t from 'tap';
import type { DriverTask } from '../../../../../agent/core/driver-port.ts';
import {
  createEndJudge,
  ENGINE_END_MAX_MS,
  REMEMBERED_MAX,
} from '../../../../../agent/driver/docker/end-judge.ts';
import type { Door, Engine } from '../../../../../agent/driver/docker/engine.ts';

const UP_AT_MS = 100;
const NOW_MS = 1000;

class ThreeAnswers implements Engine {
  door: Door = 'open';
  upAtMs = UP_AT_MS;
  killedThrough = false;
  asked = 0;
  callsFail = false;
  readonly docker = {
    getNetwork: () => ({ inspect: async () => ({ Created: new Date(this.upAtMs).toISOString() }) }),
    modem: {
      dial: (_request: unknown, done: (error: unknown, answer: Readable) => void) =>
        done(null, Readable.from(this.killedThrough ? ['{}'] : [])),
    },
  } as unknown as Docker;

  async call<T>(work: (abortSignal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.callsFail) throw new Error('no connection is left');
    return await work(new AbortController().signal);
  }

  async knock(): Promise<Door> {
    this.asked += 1;
    return this.door;
  }
}

function ended(how: { code?: number; signal?: number; outOfMemory?: boolean }): DriverTask {
  const exit = { signal: 0, outOfMemory: false, finishedAtMs: 900, ...how };
  return { state: 'exited', started: { containerId: 'c', startedAtMs: 500, ports: [] }, exit };
}

function setUp({ liveRestore = false } = {}) {
  const engine = new ThreeAnswers();
  const clock = { atMs: NOW_MS, nowMs: () => clock.atMs, monotonicMs: () => clock.atMs };
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
    engine.door = 'shut';
    for (const signal of [9, 15]) t.equal(await cutOffBy(ended({ signal })), 'unknown');
    await judge.noteAnswer();
    t.equal(await cutOffBy(ended({ signal: 9 })), 'unknown', 'an answer on an old connection is no return');
    engine.door = 'open';
    clock.atMs = 5000;
    await judge.noteAnswer();
    for (const signal of [9, 15]) t.equal(await cutOffBy(ended({ signal })), 'engine');
    const later = { ...ended({ signal: 9 }), started: { containerId: 'd', startedAtMs: 6000, ports: [] } };
    t.equal(await cutOffBy(later as DriverTask), 'itself', 'of what began after that, no end is');
  },
);

t.test('an engine that is slow to answer has ended nothing', async (t) => {
  const { engine, clock, judge, cutOffBy } = setUp();
  engine.door = 'silent';
  await judge.noteEnd('c');
  t.equal(await cutOffBy(ended({ signal: 9 })), 'unknown', 'it may end: nothing is said yet');
  engine.door = 'open';
  clock.atMs = 5000;
  await judge.noteAnswer();
  for (const how of [{ signal: 9 }, { signal: 15 }, { code: 3 }, { code: 255 }]) {
    t.equal(await cutOffBy(ended(how)), 'itself', JSON.stringify(how));
  }
  engine.upAtMs = 950;
  t.equal(await cutOffBy(ended({ signal: 9 })), 'engine', 'unless it came up after the end');
});

t.test('exit code 0 is a clean exit, whatever the engine did', async (t) => {
  for (const door of ['shut', 'silent'] as const) {
    const { engine, judge, cutOffBy } = setUp();
    engine.door = door;
    await judge.noteEnd('c');
    t.equal(await cutOffBy(ended({ code: 0 })), 'itself', door);
    engine.door = 'open';
    engine.upAtMs = 950;
    await judge.noteAnswer();
    t.equal(await cutOffBy(ended({ code: 0 })), 'itself', `${door}, and up anew`);
  }
});

t.test(
  'another status of its own, given while the engine ended its containers, obeys the engine',
  async (t) => {
    const { engine, judge, cutOffBy } = setUp();
    engine.door = 'shut';
    await judge.noteEnd('c');
    t.equal(await cutOffBy(ended({ code: 3 })), 'unknown');
    engine.door = 'open';
    t.equal(await cutOffBy(ended({ code: 3 })), 'engine');
    t.equal(
      await cutOffBy(ended({ signal: 9, outOfMemory: true })),
      'itself',
      'memory that ran out does not',
    );
  },
);

t.test('a socket that is taken away from a living engine does not hold ends back for ever', async (t) => {
  const { engine, clock, cutOffBy } = setUp();
  engine.door = 'shut';
  t.equal(await cutOffBy(ended({ signal: 9 })), 'unknown');
  clock.atMs += ENGINE_END_MAX_MS - 1;
  t.equal(await cutOffBy(ended({ signal: 9 })), 'unknown');
  clock.atMs += 1;
  t.equal(await cutOffBy(ended({ signal: 9 })), 'itself', 'nothing proves that it was the engine');
  engine.callsFail = true;
  t.equal(await cutOffBy(ended({ signal: 9 })), 'itself', 'also when no connection is left to ask on');
  engine.callsFail = false;
  engine.killedThrough = true;
  t.equal(await cutOffBy(ended({ signal: 9 })), 'engine', 'a signal sent through it does');
});

t.test('an engine with live-restore ends nothing: a status is the task’s own', async (t) => {
  const { engine, judge, cutOffBy } = setUp({ liveRestore: true });
  engine.door = 'shut';
  await judge.noteEnd('c');
  t.equal(await cutOffBy(ended({ code: 3 })), 'itself');
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
  engine.door = 'shut';
  await judge.noteEnd('c');
  for (let at = 0; at < REMEMBERED_MAX; at += 1) await judge.noteEnd(`other ${at}`);
  t.equal(await cutOffBy(ended({ code: 3 })), 'itself');
});
