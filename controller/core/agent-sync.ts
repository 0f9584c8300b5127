/**
 * What an agent must be sent: the difference between what it was sent last and what its host should hold now.
 * Level-triggered, so nothing is queued: however many commits passed, one difference tells them all.
 */
import { toTaskName } from '../../proto/domain/ids.ts';
import type { DesiredPhase } from '../../proto/domain/task.ts';
import type { WantedTask } from './view.ts';

/** What the agent was sent of one task. A task's spec never changes within an attempt. */
export interface SentTask {
  readonly generation: number;
  readonly phase: DesiredPhase;
}

/** By task name. */
export type SentSet = ReadonlyMap<string, SentTask>;

export interface SyncTask {
  readonly task: WantedTask;
  /** False only where the agent holds the spec already and the message would grow too large with it. */
  readonly withSpec: boolean;
}

export interface SyncStep {
  readonly tasks: readonly SyncTask[];
  /** What the agent has been sent once this step has gone out. */
  readonly sent: SentSet;
  /** Something did not fit into this message: plan again after it. */
  readonly more: boolean;
}

export interface SyncBudget {
  /** Bytes the task takes in a message with and without its spec. */
  readonly bytesOf: (task: WantedTask, withSpec: boolean) => number;
  /** A message takes at least one task, then as many as fit. */
  readonly bytesMax: number;
}

/** The tasks that changed since `sent`, as many as one message holds, in the order given. O(tasks). */
export function planDelta(sent: SentSet, wanted: readonly WantedTask[], budget: SyncBudget): SyncStep {
  const tasks: SyncTask[] = [];
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
    bytes += budget.bytesOf(task, task.phase === 'run');
    if (tasks.length > 0 && bytes > budget.bytesMax) {
      more = true;
      // The agent still holds the older order; forgetting that would leave the change unsent for ever.
      if (before !== undefined) next.set(name, before);
      continue;
    }
    tasks.push({ task, withSpec: task.phase === 'run' });
    next.set(name, { generation: task.generation, phase: task.phase });
  }
  return { tasks, sent: next, more };
}

/**
 * The whole set. An agent stops what a complete set does not name, so every task that it holds (`known`, by
 * name) is in it, without its spec if need be; what it has never heard of may follow in a delta.
 */
export function planComplete(
  known: ReadonlySet<string>,
  wanted: readonly WantedTask[],
  budget: SyncBudget,
): SyncStep {
  const holds = (task: WantedTask): boolean => known.has(toTaskName(task.key));
  let left = budget.bytesMax;
  for (const task of wanted) {
    if (holds(task) || task.phase !== 'run') left -= budget.bytesOf(task, false);
  }
  const tasks: SyncTask[] = [];
  const sent = new Map<string, SentTask>();
  let more = false;
  for (const task of wanted) {
    const named = holds(task) || task.phase !== 'run';
    const withSpecBytes = budget.bytesOf(task, true) - (named ? budget.bytesOf(task, false) : 0);
    const withSpec = task.phase === 'run' && (withSpecBytes <= left || tasks.length === 0);
    if (!named && !withSpec) {
      more = true;
      continue;
    }
    if (withSpec) left -= withSpecBytes;
    tasks.push({ task, withSpec });
    sent.set(toTaskName(task.key), { generation: task.generation, phase: task.phase });
  }
  return { tasks, sent, more };
}
