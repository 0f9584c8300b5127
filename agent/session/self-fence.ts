/**
 * Stops what may not run unseen once the host has been without contact for too long: by then others count on it. The
 * time runs on while the agent is down and while the machine sleeps, so it is measured by the uptime of the machine,
 * and the newest contact is kept in the journal.
 */
import { toClusterError } from '../../proto/errors/cluster-error.ts';
import type { Clock, Logger, Timer } from '../../proto/ports/index.ts';
import type { Journal } from '../core/journal-port.ts';
import type { TaskRecord } from '../core/task-record.ts';
import type { Supervisor } from './supervisor.ts';
import type { TaskEntry } from './task-table.ts';

/** Longest time between two looks: timers stand still while a machine sleeps. */
const LOOK_EVERY_MS = 5_000;

export interface SelfFenceOptions {
  readonly supervisor: Pick<Supervisor, 'liveEntries' | 'fence'>;
  readonly journal: Journal;
  readonly bootId: string;
  /** Since the machine started, its sleep included. */
  readonly uptimeMs: () => number;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface SelfFence {
  /** A heartbeat that was sent then was answered. */
  contacted(sentAtMs: number): void;
  /** Orders were applied: there may be more to watch over. Called before they are, too, so that contact is on disk. */
  look(): void;
  close(): void;
}

export function createSelfFence(options: SelfFenceOptions): SelfFence {
  const { supervisor, journal, bootId, uptimeMs, clock, logger } = options;
  let contactAtMs = contactBefore(options);
  let notedAtMs = Number.NaN;
  let timer: Timer | undefined;
  let closed = false;
  /** Stops under way are not asked for again. */
  const fenced = new WeakSet<TaskEntry>();

  /** Milliseconds until the entry must stop; undefined when it may run for ever. */
  function leftMs({ record }: TaskEntry): number | undefined {
    const bound = fenceOf(record);
    return bound === undefined ? undefined : contactAtMs + bound - uptimeMs();
  }

  function look(): void {
    timer?.cancel();
    timer = undefined;
    if (closed) return;
    let next = Number.POSITIVE_INFINITY;
    for (const entry of supervisor.liveEntries()) {
      const left = fenced.has(entry) ? undefined : leftMs(entry);
      if (left === undefined) continue;
      if (left <= 0) fence(entry);
      else next = Math.min(next, left);
    }
    if (next < Number.POSITIVE_INFINITY) timer = clock.after(Math.min(next, LOOK_EVERY_MS), look);
  }

  function fence(entry: TaskEntry): void {
    fenced.add(entry);
    const silentMs = Math.round(uptimeMs() - contactAtMs);
    logger.warn('a task is stopped for want of contact', { task: entry.name, silentMs });
    supervisor.fence(entry).catch((error: unknown) => {
      // Only a closing journal refuses; the next start of the agent looks again.
      logger.warn('a stop for want of contact failed', {
        task: entry.name,
        code: toClusterError(error).code,
      });
    });
  }

  function note(): void {
    if (notedAtMs === contactAtMs) return;
    notedAtMs = contactAtMs;
    journal.note({ meta: { contact: { bootId, uptimeMs: contactAtMs } } });
  }

  return {
    contacted(sentAtMs) {
      contactAtMs = Math.max(contactAtMs, sentAtMs);
      // Only what watches over a task needs to outlive the agent.
      if (timer !== undefined) note();
    },
    look() {
      note();
      look();
    },
    close() {
      closed = true;
      timer?.cancel();
    },
  };
}

/** Nothing of another boot still runs; without a note there was nothing to watch over. */
function contactBefore({ journal, bootId, uptimeMs }: SelfFenceOptions): number {
  const { contact } = journal.content.meta;
  return contact?.bootId === bootId ? Math.min(contact.uptimeMs, uptimeMs()) : uptimeMs();
}

function fenceOf({ spec }: TaskRecord): number | undefined {
  if (spec?.job.onDisconnect === undefined) return undefined;
  return spec.selfFenceMs;
}
