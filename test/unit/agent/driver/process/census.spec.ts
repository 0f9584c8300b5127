/**
 * Aim: many who ask share few looks, and nobody is given a look that began before he asked. Method: a made-up process
 * table whose reads are counted and held back.
 */
import t from 'tap';
import { createCensus } from '../../../../../agent/driver/process/census.ts';
import type { ProcStat } from '../../../../../agent/driver/process/proc-stat.ts';

function stat(pid: number): ProcStat {
  return { pid, state: 'S', parentPid: 1, groupId: pid, sessionId: pid, startTicks: '1' };
}

function table(pids: number[], last = 0) {
  const reads = { pids: 0, marks: [] as number[] };
  const source = {
    async pids() {
      reads.pids += 1;
      return [...pids];
    },
    lastPid: async () => last,
    stat: async (pid: number) => stat(pid),
    async mark(pid: number) {
      reads.marks.push(pid);
      return pid % 2 === 0 ? 'NABLA_TASK=h/t' : '';
    },
  };
  return { reads, source };
}

t.test('who asks during a look shares the next one', async (tt) => {
  const { reads, source } = table([1, 2]);
  const census = createCensus(source);
  const first = census.count();
  await new Promise((resolve) => setImmediate(resolve));
  const others = [census.count(), census.count(), census.count()];
  await Promise.all([first, ...others]);
  tt.ok(reads.pids <= 2, `${reads.pids} looks for four`);
});

t.test('a process that appears before the question is in the answer', async (tt) => {
  const pids = [1];
  const { source } = table(pids);
  const census = createCensus(source);
  const early = census.count();
  await new Promise((resolve) => setImmediate(resolve));
  pids.push(2);
  const late = await census.count();
  await early;
  tt.same(
    late.map(({ stat: { pid } }) => pid),
    [1, 2],
  );
});

t.test('strangers are not opened again for ever, marked ones are', async (tt) => {
  const { reads, source } = table([3, 4]);
  const census = createCensus(source);
  for (let look = 0; look < 50; look++) await census.count();
  const opened = (pid: number): number => reads.marks.filter((other) => other === pid).length;
  tt.equal(opened(4), 50);
  tt.ok(opened(3) < 30);
});

t.test('only newer numbers, also after they wrapped', async (tt) => {
  const pids = async (list: number[], last: number, newer: number): Promise<readonly number[]> =>
    (await createCensus(table(list, last).source).count(newer)).map(({ stat: { pid } }) => pid);
  tt.same(await pids([5, 10, 15], 15, 9), [10, 15]);
  tt.same(await pids([2, 5, 10, 15], 3, 12), [2, 15], 'numbers began again');
  tt.same(await pids([2, 5], 5, 0), [2, 5], 'all when nothing is said');
});

t.test('a look for many serves the one that asks for most', async (tt) => {
  const census = createCensus(table([5, 10, 15], 15).source);
  const [all] = await Promise.all([census.count(), census.count(12)]);
  tt.equal(all?.length, 3);
});
