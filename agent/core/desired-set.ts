/**
 * The controller's orders as this host knows them: full sets are checked by count and hash before they
 * count, deltas apply only on the revision they were made for, and an order never goes back a generation.
 */
import { toTaskName } from '../../proto/domain/ids.ts';
import type { DesiredMessage } from '../../proto/domain/session.ts';
import { desiredHashLines } from '../../proto/domain/session.ts';
import type { DesiredTask } from '../../proto/domain/task.ts';

export interface DesiredSet {
  /** 0 before the first full set of this session's controller. */
  readonly revision: number;
  /** A full set was applied since the agent started: absence now means "not wanted". */
  readonly synced: boolean;
  /** By task name. */
  readonly tasks: ReadonlyMap<string, DesiredTask>;
}

export const NO_ORDERS: DesiredSet = { revision: 0, synced: false, tasks: new Map() };

export type DesiredMerge =
  /** `changed` are the names whose order is new, risen or gone, sorted. */
  | { readonly ok: true; readonly set: DesiredSet; readonly changed: readonly string[] }
  /** Anything but ok: ask for everything again, change nothing. */
  | {
      readonly ok: false;
      readonly why: 'base-mismatch' | 'count-mismatch' | 'hash-mismatch' | 'duplicate-task';
    };

/**
 * The set after `message`. `sha256Hex` hashes text to lower-case hex. O(tasks). Never throws.
 */
export function mergeDesired(
  set: DesiredSet,
  message: DesiredMessage,
  sha256Hex: (text: string) => string,
): DesiredMerge {
  return message.complete ? replaceAll(set, message, sha256Hex) : applyDelta(set, message);
}

function replaceAll(
  set: DesiredSet,
  message: DesiredMessage,
  sha256Hex: (text: string) => string,
): DesiredMerge {
  if (message.count !== message.tasks.length) return { ok: false, why: 'count-mismatch' };
  if (sha256Hex(desiredHashLines(message.tasks)) !== message.hash) return { ok: false, why: 'hash-mismatch' };
  const tasks = new Map<string, DesiredTask>();
  const changed = new Set<string>();
  for (const task of message.tasks) {
    const name = toTaskName(task.key);
    if (tasks.has(name)) return { ok: false, why: 'duplicate-task' };
    const known = set.tasks.get(name);
    tasks.set(name, newer(known, task));
    // A full set may bring secrets that a restart forgot, so every running order counts as changed.
    if (known === undefined || known.generation < task.generation || task.phase === 'run') changed.add(name);
  }
  for (const name of set.tasks.keys()) if (!tasks.has(name)) changed.add(name);
  return {
    ok: true,
    set: { revision: message.revision, synced: true, tasks },
    changed: [...changed].sort(),
  };
}

function applyDelta(set: DesiredSet, message: DesiredMessage): DesiredMerge {
  if (!set.synced || message.baseRevision !== set.revision) return { ok: false, why: 'base-mismatch' };
  const tasks = new Map(set.tasks);
  const changed = new Set<string>();
  for (const task of message.tasks) {
    const name = toTaskName(task.key);
    const known = tasks.get(name);
    if (known !== undefined && task.generation < known.generation) continue;
    tasks.set(name, task);
    changed.add(name);
  }
  return {
    ok: true,
    set: { revision: message.revision, synced: true, tasks },
    changed: [...changed].sort(),
  };
}

function newer(known: DesiredTask | undefined, task: DesiredTask): DesiredTask {
  return known !== undefined && known.generation > task.generation ? known : task;
}

/** The set without orders that were carried out to their end, so that it does not grow for ever. */
export function withoutOrders(set: DesiredSet, names: readonly string[]): DesiredSet {
  if (!names.some((name) => set.tasks.has(name))) return set;
  const tasks = new Map(set.tasks);
  for (const name of names) tasks.delete(name);
  return { ...set, tasks };
}
