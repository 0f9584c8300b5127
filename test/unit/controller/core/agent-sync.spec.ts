/**
 * Aim: whatever happened between two messages, applying what is planned leaves the agent with exactly the wanted set.
 * Method: tables for the single rules, then random histories folded by a model of the agent.
 */
import t from 'tap';
import {
  planComplete,
  planDelta,
  type SentSet,
  type SyncBudget,
  type SyncStep,
} from '../../../../controller/core/agent-sync.ts';
import type { WantedTask } from '../../../../controller/core/view.ts';
import { toTaskName } from '../../../../proto/domain/ids.ts';
import type { DesiredPhase } from '../../../../proto/domain/task.ts';
import { aTaskKey, aTaskSpec, jobId } from '../../../kit/builders.ts';
import { createTestRng, pick } from '../../../kit/rng.ts';

const ROOMY: SyncBudget = { bytesOf: () => 1, bytesMax: 1_000_000 };
const TIGHT: SyncBudget = { bytesOf: () => 1, bytesMax: 2 };
const NONE: SentSet = new Map();

function wanted(name: string, phase: DesiredPhase = 'run', generation = 1): WantedTask {
  return { key: aTaskKey({ jobId: jobId(name) }), generation, phase, spec: aTaskSpec(), graceMs: 0 };
}

const byName = ([left]: readonly [string, string], [right]: readonly [string, string]): number =>
  left < right ? -1 : 1;
const namesOf = (step: SyncStep): string[] => step.tasks.map(({ key }) => key.jobId.slice(4));

t.test('a delta names what is new or changed and nothing else', async (t) => {
  const first = planDelta(NONE, [wanted('a'), wanted('b')], ROOMY);
  t.same(namesOf(first), ['a', 'b']);
  t.equal(first.more, false);
  const same = planDelta(first.sent, [wanted('a'), wanted('b')], ROOMY);
  t.same([namesOf(same), same.dropped], [[], []]);
  const stopped = planDelta(first.sent, [wanted('a', 'stop', 2), wanted('b')], ROOMY);
  t.same(namesOf(stopped), ['a']);
});

t.test('a task that leaves before it was told to go is told to go, once', async (t) => {
  const { sent } = planDelta(NONE, [wanted('a'), wanted('b', 'gone', 3)], ROOMY);
  const left = planDelta(sent, [], ROOMY);
  t.match(left.dropped, [{ key: { jobId: jobId('a') }, generation: 2 }]);
  t.equal(left.dropped.length, 1, 'b was told already');
  t.same(planDelta(left.sent, [], ROOMY).dropped, []);
});

t.test('a message takes as many as fit and says that there are more', async (t) => {
  const all = ['a', 'b', 'c', 'd', 'e'].map((name) => wanted(name));
  const first = planDelta(NONE, all, TIGHT);
  t.same([namesOf(first), first.more], [['a', 'b'], true]);
  const second = planDelta(first.sent, all, TIGHT);
  t.same([namesOf(second), second.more], [['c', 'd'], true]);
  const third = planDelta(second.sent, all, TIGHT);
  t.same([namesOf(third), third.more], [['e'], false]);
  const large = planDelta(NONE, all, { bytesOf: () => 100, bytesMax: 2 });
  t.same(namesOf(large), ['a'], 'one that is too large by itself still goes');
});

t.test('a change that did not fit is not forgotten', async (t) => {
  const before = planDelta(
    NONE,
    ['a', 'b', 'c'].map((name) => wanted(name)),
    ROOMY,
  ).sent;
  const stops = ['a', 'b', 'c'].map((name) => wanted(name, 'stop', 2));
  const first = planDelta(before, stops, TIGHT);
  t.same(namesOf(first), ['a', 'b']);
  t.same(namesOf(planDelta(first.sent, stops, TIGHT)), ['c']);
});

t.test('a complete set names all that the agent holds, whatever the size', async (t) => {
  const all = ['a', 'b', 'c', 'd'].map((name) => wanted(name));
  const known = new Set(['b', 'c', 'd'].map((name) => toTaskName(wanted(name).key)));
  const step = planComplete(known, [...all, wanted('s', 'stop', 2)], TIGHT);
  t.same(namesOf(step), ['b', 'c', 'd', 's'], 'the unknown start waits');
  t.equal(step.more, true);
  t.same(namesOf(planDelta(step.sent, [...all, wanted('s', 'stop', 2)], TIGHT)), ['a']);
  t.same(namesOf(planComplete(NONE as never, all, ROOMY)), ['a', 'b', 'c', 'd']);
});

t.test('random histories leave the agent with the wanted set', async (t) => {
  const rng = createTestRng('agent-sync');
  for (let run = 0; run < 300; run += 1) {
    const world = new Map<string, WantedTask>();
    const held = new Map<string, string>();
    let sent: SentSet | undefined;
    for (let step = 0; step < 12; step += 1) {
      mutate(world, rng);
      if (rng.integer(4) === 0) sent = undefined;
      for (let more = true; more; ) {
        const list = [...world.values()];
        const plan: SyncStep =
          sent === undefined ? planComplete(new Set(held.keys()), list, TIGHT) : planDelta(sent, list, TIGHT);
        if (sent === undefined) held.clear();
        for (const task of plan.tasks) held.set(toTaskName(task.key), `${task.phase} ${task.generation}`);
        for (const { key } of plan.dropped) held.delete(toTaskName(key));
        sent = plan.sent;
        more = plan.more;
      }
      const want = [...world.values()].map(
        ({ key, phase, generation }) => [toTaskName(key), `${phase} ${generation}`] as const,
      );
      const live = [...held].filter(([name, order]) => !order.startsWith('gone') || world.has(toJob(name)));
      if (JSON.stringify(live.sort(byName)) !== JSON.stringify(want.sort(byName))) {
        t.fail('the agent holds something else', { live, want });
        return;
      }
    }
  }
  t.pass('all histories converge');
});

const toJob = (name: string): string => (name.split('.')[0] ?? '').slice(4);

function mutate(world: Map<string, WantedTask>, rng: ReturnType<typeof createTestRng>): void {
  const name = pick(rng, ['a', 'b', 'c', 'd', 'e', 'f']);
  const now = world.get(name);
  if (now === undefined) world.set(name, wanted(name, 'run', 1));
  else if (now.phase === 'gone' || rng.integer(3) === 0) world.delete(name);
  else world.set(name, wanted(name, pick(rng, ['stop', 'gone'] as const), now.generation + 1));
}
