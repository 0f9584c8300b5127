/**
 * Level-triggered reconciliation: what is wanted, what the journal remembers and what the driver sees become
 * a list of acts. Running it twice gives acts that the shell may safely do twice; nothing depends on having
 * seen every message in between.
 */
import { parseTaskName } from '../../proto/domain/ids.ts';
import type { Exit } from '../../proto/domain/job.ts';
import { type DesiredTask, KEPT_SPEC_HASH } from '../../proto/domain/task.ts';
import type { DesiredSet } from './desired-set.ts';
import type { DriverTask } from './driver-port.ts';
import type { TaskRecord } from './task-record.ts';
import { isLive } from './task-state.ts';

export type TaskAct =
  /** Journal the order, then begin. */
  | { readonly type: 'accept'; readonly name: string; readonly order: DesiredTask }
  /** The driver already has it (the journal was lost): journal the order, then follow it. */
  | { readonly type: 'adopt'; readonly name: string; readonly order: DesiredTask }
  /** Never ran here and never will: journal its end at once. */
  | { readonly type: 'refuse'; readonly name: string; readonly order: DesiredTask }
  /** It ended here before and was forgotten: tell the same end again, start nothing. */
  | { readonly type: 'repeat-end'; readonly name: string; readonly order: DesiredTask; readonly exit: Exit }
  /** Make sure that somebody works on it: begin, follow or settle, as the driver sees it. */
  | { readonly type: 'pursue'; readonly name: string }
  /** A newer order about a known task. */
  | { readonly type: 'reorder'; readonly name: string; readonly order: DesiredTask }
  /** Nobody wants it any more: stop it, and forget it once it ended. */
  | { readonly type: 'withdraw'; readonly name: string }
  /** Its end is durable elsewhere: forget it as soon as its outputs are stored. */
  | { readonly type: 'forget'; readonly name: string }
  /** A container of ours without record or order, and a full fenced set does not want it. */
  | { readonly type: 'kill-unknown'; readonly name: string }
  /** A container of ours that nothing explains yet: only tell it. */
  | { readonly type: 'report-unknown'; readonly name: string };

export interface ReconcileInput {
  readonly desired: DesiredSet;
  readonly records: ReadonlyMap<string, TaskRecord>;
  /** What the driver lists, by task name; at least after a start and on each full set. */
  readonly observed: ReadonlyMap<string, DriverTask>;
  /** Ends of tasks that were forgotten, by name. */
  readonly ended: ReadonlyMap<string, Exit>;
  /** Look at these names alone, as after a delta. The brake guards full sets, so it is not asked then. */
  readonly only?: readonly string[];
  /** What the brake held at the last look: it is let go by an order or by consent, not by getting fewer. */
  readonly heldBefore?: ReadonlySet<string>;
  /** Tasks whose stop a person confirmed. */
  readonly consented?: ReadonlySet<string>;
}

export interface MassStop {
  readonly names: readonly string[];
  readonly liveCount: number;
}

export interface Reconciliation {
  /** Sorted by task name. */
  readonly acts: readonly TaskAct[];
  /** Set while the brake holds: none of these was withdrawn. */
  readonly held?: MassStop;
}

/** A full set that drops more than this share of a host's live tasks, and at least so many, is held. */
export const MASS_STOP_SHARE = 0.25;
export const MASS_STOP_COUNT = 4;

/** The acts that bring the host nearer to what is wanted. Pure; O(orders + records + containers). */
export function reconcile(input: ReconcileInput): Reconciliation {
  const held = input.only === undefined ? findMassStop(input) : undefined;
  const names = new Set(
    input.only ?? [...input.desired.tasks.keys(), ...input.records.keys(), ...input.observed.keys()],
  );
  const acts: TaskAct[] = [];
  for (const name of [...names].sort()) {
    // A set that is not believed about some is not believed about any that it leaves out, ended ones included.
    const doubted = held !== undefined && !input.desired.tasks.has(name);
    const act = doubted ? actForHeld(name, input) : actFor(name, input);
    if (act !== undefined) acts.push(act);
  }
  return held === undefined ? { acts } : { acts, held };
}

function actForHeld(name: string, input: ReconcileInput): TaskAct | undefined {
  if (input.records.has(name)) return { type: 'pursue', name };
  const seen = input.observed.get(name);
  if (seen === undefined || seen.state === 'absent' || parseTaskName(name) === undefined) return undefined;
  return { type: 'report-unknown', name };
}

function actFor(name: string, input: ReconcileInput): TaskAct | undefined {
  const order = input.desired.tasks.get(name);
  const record = input.records.get(name);
  const seen = input.observed.get(name);
  if (record !== undefined) return actForRecord(name, record, order, input.desired.synced);
  if (order !== undefined) return actForOrder(name, order, seen, input.ended.get(name));
  if (seen === undefined || seen.state === 'absent' || parseTaskName(name) === undefined) return undefined;
  return { type: input.desired.synced ? 'kill-unknown' : 'report-unknown', name };
}

function actForRecord(
  name: string,
  record: TaskRecord,
  order: DesiredTask | undefined,
  synced: boolean,
): TaskAct {
  // Before the first full set the journal is all there is to go by.
  if (order === undefined) return synced ? { type: 'withdraw', name } : { type: 'pursue', name };
  if (order.phase === 'gone')
    return isLive(record.state) ? { type: 'withdraw', name } : { type: 'forget', name };
  if (order.generation > record.generation || order.phase !== record.desired) {
    return order.generation < record.generation ? { type: 'pursue', name } : { type: 'reorder', name, order };
  }
  return { type: 'pursue', name };
}

function actForOrder(
  name: string,
  order: DesiredTask,
  seen: DriverTask | undefined,
  ended: Exit | undefined,
): TaskAct | undefined {
  const present = seen !== undefined && seen.state !== 'absent';
  if (order.phase === 'gone') return present ? { type: 'kill-unknown', name } : undefined;
  // An order to keep what runs, given after a restore, starts nothing.
  if (order.phase === 'run' && order.specHash === KEPT_SPEC_HASH) return undefined;
  if (present) return { type: 'adopt', name, order };
  // A start happens at most once per key, also when the controller's memory went back in time.
  if (ended !== undefined) return { type: 'repeat-end', name, order, exit: ended };
  if (order.phase === 'stop') return { type: 'refuse', name, order };
  return { type: 'accept', name, order };
}

/**
 * The brake: a full set that lets too many live tasks vanish without a word (no stop, no gone) looks like a
 * controller that lost its memory, not like a wish. Explicit orders are never braked.
 */
function findMassStop(input: ReconcileInput): MassStop | undefined {
  if (!input.desired.synced) return undefined;
  const live = new Set<string>();
  for (const [name, record] of input.records) if (isLive(record.state)) live.add(name);
  for (const [name, seen] of input.observed) {
    if (seen.state === 'running' && !input.records.has(name)) live.add(name);
  }
  const dropped = [...live].filter((name) => isDropped(name, input)).sort();
  const many = dropped.length >= MASS_STOP_COUNT && dropped.length > live.size * MASS_STOP_SHARE;
  const names = many ? dropped : dropped.filter((name) => input.heldBefore?.has(name) === true);
  return names.length === 0 ? undefined : { names, liveCount: live.size };
}

/** Left out of the full set without a word; what is being stopped already was ordered by somebody. */
function isDropped(name: string, { desired, records, consented }: ReconcileInput): boolean {
  if (desired.tasks.has(name) || consented?.has(name) === true) return false;
  return records.get(name)?.stop === undefined;
}
