/**
 * What an agent must be sent: the difference between what it was sent last and what its host should hold now.
 * Level-triggered, so nothing is queued: however many commits passed, one difference tells them all.
 */
import { parseTaskName, type TaskKey, toTaskName } from '../../proto/domain/ids.ts';
import type { DesiredPhase } from '../../proto/domain/task.ts';
import type { WantedTask } from './view.ts';

/** What the agent was sent of one task. A task's spec never changes within an attempt. */
export interface SentTask {
  readonly generation: number;
  readonly phase: DesiredPhase;
}

/** By task name. */
export type SentSet = ReadonlyMap<string, SentTask>;

export interface DroppedTask {
  readonly key: TaskKey;
  readonly generation: number;
}

export interface SyncStep {
  readonly tasks: readonly WantedTask[];
  /**
   * Tasks that left the wanted set before the agent was ever told to forget them: their end, their stop and their log
   * came in one report. They go out as `gone`.
   */
  readonly dropped: readonly DroppedTask[];
  /** What the agent has been sent once this step has gone out. */
  readonly sent: SentSet;
  /** Something did not fit into this message: plan again after it. */
  readonly more: boolean;
}

export interface SyncBudget {
  /** Bytes that the task takes in a message. */
  readonly bytesOf: (task: WantedTask) => number;
  /** A message takes at least one task, then as many as fit. */
  readonly bytesMax: number;
}

/** The tasks that changed since `sent`, as many as one message holds, in the order given. O(tasks). */
export function planDelta(sent: SentSet, wanted: readonly WantedTask[], budget: SyncBudget): SyncStep {
  const tasks: WantedTask[] = [];
  const next = new Map<string, SentTask>();
  let bytes = 0;
  let more = false;
  for (const task of wanted) {
    const name = toTaskName(task.key);
    const before = sent.get(name);
    if (before?.generation === task.generation && before.phase === task.phase) {
      next.set(name, before);
      continue;
    }
    bytes += budget.bytesOf(task);
    if (tasks.length > 0 && bytes > budget.bytesMax) {
      more = true;
      // The agent still holds the older order; forgetting that would leave the change unsent for ever.
      if (before !== undefined) next.set(name, before);
      continue;
    }
    tasks.push(task);
    next.set(name, { generation: task.generation, phase: task.phase });
  }
  return { tasks, dropped: findDropped(sent, wanted), sent: next, more };
}

function findDropped(sent: SentSet, wanted: readonly WantedTask[]): readonly DroppedTask[] {
  const names = new Set(wanted.map(({ key }) => toTaskName(key)));
  const dropped: DroppedTask[] = [];
  for (const [name, { generation, phase }] of sent) {
    if (phase === 'gone' || names.has(name)) continue;
    const key = parseTaskName(name);
    if (key !== undefined) dropped.push({ key, generation: generation + 1 });
  }
  return dropped;
}

/**
 * The whole set. An agent stops what a complete set does not name, so every task that it holds (`known`, by name) is
 * in it whatever the size; starts that it has never heard of may follow in deltas.
 */
export function planComplete(
  known: ReadonlySet<string>,
  wanted: readonly WantedTask[],
  budget: SyncBudget,
): SyncStep {
  const mustBeNamed = (task: WantedTask): boolean => task.phase !== 'run' || known.has(toTaskName(task.key));
  const named = wanted.filter(mustBeNamed);
  let bytes = named.reduce((sum, task) => sum + budget.bytesOf(task), 0);
  const tasks: WantedTask[] = [];
  const sent = new Map<string, SentTask>();
  let more = false;
  for (const task of wanted) {
    if (!mustBeNamed(task)) {
      bytes += budget.bytesOf(task);
      if (named.length + tasks.length > 0 && bytes > budget.bytesMax) {
        more = true;
        continue;
      }
    }
    tasks.push(task);
    sent.set(toTaskName(task.key), { generation: task.generation, phase: task.phase });
  }
  // What a complete set does not name, the agent forgets by itself.
  return { tasks, dropped: [], sent, more };
}
