/**
 * Tells the controller what changed: at once when the line is quiet, gathered over a few milliseconds when it
 * is busy, again after every reconnect until acknowledged as durable.
 */

import { toTaskName } from '../../proto/domain/ids.ts';
import type { ObservedMessage } from '../../proto/domain/session.ts';
import type { TaskObservation } from '../../proto/domain/task.ts';
import { toClusterError } from '../../proto/errors/cluster-error.ts';
import type { Clock, Logger, Timer } from '../../proto/ports/index.ts';
import type { Journal } from '../core/journal-port.ts';
import { acknowledge, markDirty, rewind, startReports, takeReport } from '../core/report-sequence.ts';

/** While reports follow one another, they are at least this far apart. */
const GATHER_MS = 10;
/**
 * That a task was accepted or prepares is only told when it lasts this long: most tasks run sooner, and each
 * report costs the controller a commit.
 */
const EARLY_PHASE_MS = 150;
/** Most tasks in one message; some 150 bytes each. */
export const TASKS_PER_REPORT_MAX = 500;
/** A complete report of more tasks would near the limit of a message; it is told in parts, as changes. */
export const TASKS_COMPLETE_MAX = 2_000;
/** Sequence numbers reserved on disk at once, so that a report needs no sync of its own. */
const SEQ_BLOCK = 1_000;

export interface ReporterOptions {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly observe: (name: string) => TaskObservation | undefined;
  readonly revisionApplied: () => number;
}

/** Where reports go while connected. Resolves when the line can take the next one. */
export type ReportSink = (message: ObservedMessage) => Promise<void>;

export interface Reporter {
  markDirty(name: string): void;
  /** A connection is up: sends everything as one complete report (or several), then what changes. */
  attach(sink: ReportSink, observeAll: () => readonly TaskObservation[]): void;
  /** Sends everything as one complete report again, if a connection is up. */
  refresh(): void;
  /** The connection is gone: what was in flight counts as not told. */
  detach(): void;
  acknowledge(seq: number): void;
  readonly inFlightCount: number;
}

export function createReporter(options: ReporterOptions): Reporter {
  const { journal, clock } = options;
  let reserved = journal.content.meta.reportSeqReserved;
  let reports = startReports(reserved);
  let sink: ReportSink | undefined;
  let complete: (() => readonly TaskObservation[]) | undefined;
  let everything: (() => readonly TaskObservation[]) | undefined;
  let sending = false;
  let timer: Timer | undefined;
  let sentAtMs = Number.NEGATIVE_INFINITY;
  /** Tasks of which nothing newer than an early phase is known, with when they are told; the first due comes first. */
  const early = new Map<string, number>();
  let earlyTimer: Timer | undefined;

  function isEarly(name: string): boolean {
    const phase = options.observe(name)?.phase;
    return phase === 'accepted' || phase === 'preparing';
  }

  function holdBack(name: string): void {
    if (early.has(name)) return;
    early.set(name, clock.monotonicMs() + EARLY_PHASE_MS);
    if (earlyTimer === undefined) armEarly(EARLY_PHASE_MS);
  }

  function armEarly(afterMs: number): void {
    earlyTimer = clock.after(afterMs, () => {
      earlyTimer = undefined;
      const nowMs = clock.monotonicMs();
      const due = [...early].filter(([, dueMs]) => dueMs <= nowMs).map(([name]) => name);
      for (const name of due) early.delete(name);
      const [next] = early.values();
      if (next !== undefined) armEarly(next - nowMs);
      if (due.length === 0) return;
      reports = markDirty(reports, due);
      schedule();
    });
  }

  function schedule(): void {
    if (sink === undefined || sending || timer !== undefined) return;
    const waitMs = sentAtMs + GATHER_MS - clock.monotonicMs();
    if (waitMs <= 0) {
      // After this turn, so that what changes together travels together.
      timer = { cancel: () => undefined };
      queueMicrotask(() => void send());
    } else timer = clock.after(waitMs, () => void send());
  }

  async function send(): Promise<void> {
    timer = undefined;
    if (sending) return;
    sending = true;
    try {
      await sendOne();
    } catch (error) {
      // A closed journal or a broken line; both end the attachment by themselves.
      options.logger.debug('report could not be sent', { code: toClusterError(error).code });
    } finally {
      sending = false;
    }
    if (reports.dirty.size > 0 || complete !== undefined) schedule();
  }

  async function sendOne(): Promise<void> {
    await reserve();
    const to = sink;
    if (to === undefined) return;
    const all = takeComplete();
    const taken = takeReport(reports, all === undefined ? TASKS_PER_REPORT_MAX : Number.MAX_SAFE_INTEGER);
    const seq = taken?.batch.seq ?? reports.nextSeq;
    if (taken === undefined && all === undefined) return;
    reports = taken?.state ?? { ...reports, nextSeq: seq + 1 };
    const tasks = all ?? taken?.batch.names.flatMap((name) => options.observe(name) ?? []) ?? [];
    sentAtMs = clock.monotonicMs();
    if (all !== undefined || tasks.length > 0) {
      const revisionApplied = options.revisionApplied();
      await to({ kind: 'observed', reportSeq: seq, revisionApplied, complete: all !== undefined, tasks });
    }
  }

  /** Everything there is, if it is asked for and fits one message; else it goes out in parts. */
  function takeComplete(): readonly TaskObservation[] | undefined {
    const all = complete?.();
    complete = undefined;
    if (all === undefined) return undefined;
    reports = markDirty(
      reports,
      all.map(({ key }) => toTaskName(key)),
    );
    return all.length > TASKS_COMPLETE_MAX ? undefined : all;
  }

  async function reserve(): Promise<void> {
    if (reports.nextSeq < reserved) return;
    const next = reports.nextSeq + SEQ_BLOCK;
    await journal.commit({ meta: { reportSeqReserved: next } });
    reserved = next;
  }

  return {
    markDirty(name) {
      if (isEarly(name)) {
        holdBack(name);
        return;
      }
      early.delete(name);
      reports = markDirty(reports, [name]);
      schedule();
    },
    attach(to, observeAll) {
      reports = rewind(reports);
      sink = to;
      everything = observeAll;
      complete = observeAll;
      sentAtMs = Number.NEGATIVE_INFINITY;
      schedule();
    },
    refresh() {
      if (sink === undefined) return;
      complete = everything;
      schedule();
    },
    detach() {
      sink = undefined;
      complete = undefined;
      timer?.cancel();
      timer = undefined;
      // The next attachment tells everything anyway.
      earlyTimer?.cancel();
      earlyTimer = undefined;
      early.clear();
      reports = rewind(reports);
    },
    acknowledge(seq) {
      reports = acknowledge(reports, seq).state;
    },
    get inFlightCount() {
      return reports.inFlight.length;
    },
  };
}
