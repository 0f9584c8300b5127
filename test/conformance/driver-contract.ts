/**
 * The contract of every container driver, as one exported suite: what the agent may rely on whichever driver runs a
 * task. Method: real tasks (or a scripted twin) are started, stopped, adopted by a second driver and read back, and
 * only promises of agent/core/driver-port.ts are checked. Waiting is for conditions, never for time alone.
 */
import type { Test } from 'tap';
import { OUTPUT_START } from '../../agent/core/driver-port.ts';
import { toTaskName } from '../../proto/domain/ids.ts';
import { eventually } from '../kit/eventually.ts';
import { contractExec } from './driver-contract-exec.ts';
import { contractOutput } from './driver-contract-output.ts';
import { contractPrograms } from './driver-contract-programs.ts';
import { codeOf, type DriverSuite, gather, openBench, untilPrinted } from './driver-setup.ts';

/** Runs the whole suite as subtests of `t`. */
export async function driverContract(t: Test, suite: DriverSuite): Promise<void> {
  await t.test(`${suite.name}: ends of tasks`, (tt) => contractEnds(tt, suite));
  await t.test(`${suite.name}: stopping`, (tt) => contractStop(tt, suite));
  await t.test(`${suite.name}: knowing and forgetting`, (tt) => contractKnowledge(tt, suite));
  await t.test(`${suite.name}: a second driver`, (tt) => contractAdoption(tt, suite));
  await t.test(`${suite.name}: output`, (tt) => contractOutput(tt, suite));
  if (!suite.real) return;
  await t.test(`${suite.name}: programs`, (tt) => contractPrograms(tt, suite));
  await t.test(`${suite.name}: exec`, (tt) => contractExec(tt, suite));
}

async function contractEnds(t: Test, suite: DriverSuite): Promise<void> {
  const bench = await openBench(t, suite);
  const { driver, never } = bench;
  for (const code of [0, 1, 7, 125]) {
    const { exit } = await bench.run(await bench.plan({ kind: 'exit', code }));
    t.equal(exit.code, code, `exit code ${code} is told`);
    t.equal(exit.signal, 0, 'an exit is not a signal');
    t.equal(exit.outOfMemory, false, 'nor a lack of memory');
  }
  for (const signal of [9, 11]) {
    const { exit } = await bench.run(await bench.plan({ kind: 'die', signal }));
    t.equal(exit.signal, signal, `signal ${signal} is told`);
    t.equal(exit.code, undefined, 'a signal has no exit code');
  }
  const plan = await bench.start(await bench.plan({ kind: 'run' }));
  const waits = [driver.wait(plan.key, never), driver.wait(plan.key, never)];
  await driver.stop(plan.key, 1000);
  const [first, second] = await Promise.all(waits);
  t.same(first, second, 'everybody who waits hears the same');
  t.same(await driver.wait(plan.key, never), first, 'also afterwards');

  const aborted = new AbortController();
  const endless = await bench.start(await bench.plan({ kind: 'run' }));
  const waiting = driver.wait(endless.key, aborted.signal);
  aborted.abort();
  await t.rejects(waiting, 'waiting can be given up');
  t.equal((await driver.inspect(endless.key)).state, 'running', 'which does not touch the task');
}

async function contractStop(t: Test, suite: DriverSuite): Promise<void> {
  const bench = await openBench(t, suite);
  const { driver } = bench;
  const plain = await bench.start(await bench.plan({ kind: 'run' }));
  const stopped = await driver.stop(plain.key, 10_000);
  t.equal(stopped?.signal, 15, 'SIGTERM comes first');
  t.same(await driver.stop(plain.key, 10_000), stopped, 'stopping twice is stopping once');

  const tidy = await bench.start(await bench.plan({ kind: 'tidy', code: 9 }));
  await untilPrinted(bench, tidy, 'ready');
  t.equal((await driver.stop(tidy.key, 10_000))?.code, 9, 'a task may end in its own way within the grace');

  const stubborn = await bench.start(await bench.plan({ kind: 'stubborn' }));
  await untilPrinted(bench, stubborn, 'ready');
  const before = performance.now();
  const killed = await driver.stop(stubborn.key, 300);
  t.equal(killed?.signal, 9, 'SIGKILL ends what ignores SIGTERM');
  t.ok(performance.now() - before >= 290, 'but not before the grace is over');

  const together = await bench.start(await bench.plan({ kind: 'run' }));
  const ends = await Promise.all([driver.stop(together.key, 5000), driver.stop(together.key, 5000)]);
  t.same(ends[0], ends[1], 'two stops at once agree');

  const never = await bench.plan({ kind: 'run' });
  t.equal(await driver.stop(never.key, 100), undefined, 'what never ran needs no stopping');
}

async function contractKnowledge(t: Test, suite: DriverSuite): Promise<void> {
  const bench = await openBench(t, suite);
  const { driver, never } = bench;
  const plan = await bench.plan({ kind: 'run' });
  t.equal((await driver.inspect(plan.key)).state, 'absent', 'an unknown task is absent');
  t.equal(await codeOf(driver.wait(plan.key, never)), 'TASK_NOT_FOUND', 'and cannot be waited for');

  await driver.prepare(plan, () => {}, never);
  const [first, second] = await Promise.all([driver.start(plan, never), driver.start(plan, never)]);
  t.same(first, second, 'two starts of one key at once start it once');
  t.same(await driver.start(plan, never), first, 'a start of a running task adopts it');
  const seen = await driver.inspect(plan.key);
  t.equal(seen.state, 'running');
  t.same((await driver.list()).get(toTaskName(plan.key)), seen, 'list and inspect agree');
  t.equal(await codeOf(driver.remove(plan.key)), 'TASK_RUNNING', 'a running task is not forgotten');

  await driver.stop(plan.key, 1000);
  t.equal((await driver.inspect(plan.key)).state, 'exited');
  t.same(await driver.start(plan, never), first, 'an ended task is not started again');
  t.equal((await driver.inspect(plan.key)).state, 'exited', 'a start never runs a task twice');
  await driver.remove(plan.key);
  t.equal((await driver.inspect(plan.key)).state, 'absent', 'a removed task is absent');
  t.equal((await driver.list()).size, 0, 'and not listed');
  await driver.remove(plan.key);

  const late = new AbortController();
  late.abort();
  const unwanted = await bench.plan({ kind: 'run' });
  await t.rejects(driver.start(unwanted, late.signal), 'a start that was called off does not start');
  t.equal((await driver.inspect(unwanted.key)).state, 'absent', 'and leaves nothing');
}

async function contractAdoption(t: Test, suite: DriverSuite): Promise<void> {
  const bench = await openBench(t, suite);
  const running = await bench.start(await bench.plan({ kind: 'tidy', code: 4 }));
  await untilPrinted(bench, running, 'ready');
  const ended = await bench.plan({ kind: 'print', stdout: 'kept\\n', stderr: '', code: 3 });
  const before = await bench.run(ended);
  const second = await bench.reopen();

  const listed = await second.list();
  t.equal(listed.get(toTaskName(running.key))?.state, 'running', 'a second driver finds what runs');
  t.equal(listed.get(toTaskName(ended.key))?.state, 'exited', 'and what has ended');
  t.equal((await second.wait(ended.key, bench.never)).code, before.exit.code, 'with the same end');
  t.equal(
    String((await gather(second.output(ended.key, OUTPUT_START, bench.never))).stdout),
    'kept\n',
    'and its output',
  );
  t.same(
    await second.start(running, bench.never),
    await bench.driver.start(running, bench.never),
    'starting an adopted task adopts it',
  );
  const waiting = second.wait(running.key, bench.never);
  t.equal((await second.stop(running.key, 10_000))?.code, 4, 'an adopted task is stopped like any other');
  t.equal((await waiting).code, 4, 'and waited for');
  t.equal((await bench.driver.wait(running.key, bench.never)).code, 4, 'the first driver sees the same end');

  const meanwhile = await bench.start(await bench.plan({ kind: 'count', lines: 100 }));
  await bench.driver.close();
  const third = await bench.reopen();
  const exit = await third.wait(meanwhile.key, bench.never);
  t.equal(exit.code, 0, 'an end while no agent was there is told');
  await third.remove(meanwhile.key);
  await eventually(async () => (await third.inspect(meanwhile.key)).state === 'absent');
}
