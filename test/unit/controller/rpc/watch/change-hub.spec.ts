/**
 * Aim: no change between two looks is missed, none costs a queue, and the number of waiters is bounded. Method: a hub
 * over hand-made commits and a simulated clock.
 */
import t from 'tap';
import type { Commit } from '../../../../../controller/core/engine.ts';
import { createChangeHub, SUBSCRIPTIONS_MAX } from '../../../../../controller/rpc/watch/change-hub.ts';
import { jobId } from '../../../../kit/builders.ts';
import { createSimClock } from '../../../../kit/sim-clock.ts';

function createCommits() {
  const listeners = new Set<(commit: Commit) => void>();
  return {
    onCommit(listener: (commit: Commit) => void) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    commit(...jobs: string[]) {
      const empty = { epoch: 1, lastSeq: 1, events: [], hosts: new Set<never>(), projects: new Set<never>() };
      for (const listener of listeners) listener({ ...empty, jobs: new Set(jobs.map(jobId)) });
    },
    get listening() {
      return listeners.size;
    },
  };
}

const { signal } = new AbortController();

t.test('a change while nobody waits is remembered, many count as one', async (t) => {
  const commits = createCommits();
  const hub = createChangeHub(commits, createSimClock());
  const watch = hub.watchJob(jobId('a'));
  commits.commit('a');
  commits.commit('a');
  await watch.changed({ signal });
  let woke = false;
  const waiting = watch.changed({ signal }).then(() => {
    woke = true;
  });
  commits.commit('b');
  await Promise.resolve();
  t.equal(woke, false, 'another job is no change of this one');
  commits.commit('a');
  await waiting;
  t.equal(woke, true);
});

t.test('waiting ends with time and with the signal', async (t) => {
  const commits = createCommits();
  const clock = createSimClock();
  const hub = createChangeHub(commits, clock);
  const watch = hub.watchCommits();
  const timed = watch.changed({ signal, timeoutMs: 100 });
  clock.advance(100);
  await timed;
  const abort = new AbortController();
  const aborted = watch.changed({ signal: abort.signal, timeoutMs: 1000 });
  abort.abort();
  await aborted;
  await watch.changed({ signal: abort.signal });
  t.equal(clock.pending, 0, 'no timer is left');
});

t.test('at the bound one more is refused, and closing makes room', async (t) => {
  const commits = createCommits();
  const hub = createChangeHub(commits, createSimClock());
  const open = Array.from({ length: SUBSCRIPTIONS_MAX }, () => hub.watchJob(jobId('a')));
  t.throws(() => hub.watchCommits(), { kind: 'quota', code: 'TOO_MANY_WATCHES' });
  open[0]?.close();
  open[0]?.close();
  hub.watchCommits();
  t.throws(() => hub.watchCommits(), { code: 'TOO_MANY_WATCHES' });
  hub.close();
  t.equal(commits.listening, 0);
});
