/**
 * Runs the planner whenever the queue or the free capacity may have changed, and proposes what it found as one
 * command. No polling: commits and hosts that come or go wake it, wakes within one turn of the event loop count
 * as one, and while a plan is under way further wakes only ask for another.
 */

import type { HostId, JobId, Principal } from '../../proto/domain/ids.ts';
import type { Clock, Logger, Rng, Timer } from '../../proto/ports/index.ts';
import type { Engine } from '../core/engine.ts';
import type { Planner, WaitReason } from '../core/planner.ts';

/** Placements of one command: many share one sync, yet the event loop is not held for long. */
export const PLACEMENTS_MAX = 256;
/** After a failed command the loop tries again by itself, because no commit may come to wake it. */
const RETRY_AFTER_MS = 1_000;
/** Plans that take longer than this are spaced by as much as they take, so that planning has half a core at most. */
const SPACED_ABOVE_MS = 4;

export interface PlanningLoopOptions {
  readonly engine: Engine;
  readonly planner: Planner;
  readonly readyHosts: () => ReadonlySet<HostId>;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
}

export interface PlanningLoop {
  wake(): void;
  /** Why the job was not placed when the planner last looked; undefined for a job it has not seen waiting. */
  waitReason(jobId: JobId): WaitReason | undefined;
  /** Resolves when the plan under way, if any, is done. Nothing is planned afterwards. */
  close(): Promise<void>;
}

/** Facts that lengthen the queue or free capacity. Other commits cannot make a waiting job fit. */
const WAKING_EVENTS: ReadonlySet<string> = new Set([
  'job-queued',
  'job-requeued',
  'job-retried',
  'attempt-released',
  'attempt-forgotten',
  'host-registered',
  'host-updated',
]);

const PLANNER_PRINCIPAL = 'system' as Principal;

export function createPlanningLoop(options: PlanningLoopOptions): PlanningLoop {
  const { engine, clock, logger } = options;
  let waiting: readonly WaitReason[] = [];
  /** Built from `waiting` when somebody asks: with a long queue and frequent plans hardly anybody does. */
  let reasons: ReadonlyMap<JobId, WaitReason> | undefined;
  let planMs = 0;
  let scheduled = false;
  let closed = false;
  let running: Promise<void> | undefined;
  let again = false;
  let timer: Timer | undefined;

  /** One timer in all: the next look plans the one after it anew. */
  const wakeAfter = (afterMs: number): void => {
    timer?.cancel();
    timer = clock.after(Math.max(1, afterMs), wake);
  };

  /** One look and one command; true when there may be more to place at once. */
  const planOnce = async (): Promise<boolean> => {
    const input = {
      readyHosts: options.readyHosts(),
      nowMs: clock.nowMs(),
      seed: options.rng.integer(2 ** 31),
    };
    const plan = await engine.read((view) => {
      const startedMs = clock.monotonicMs();
      const made = options.planner({ view, ...input, placementsMax: PLACEMENTS_MAX });
      planMs = clock.monotonicMs() - startedMs;
      return made;
    });
    waiting = plan.waiting;
    reasons = undefined;
    if (plan.nextEligibleMs !== undefined) wakeAfter(plan.nextEligibleMs - input.nowMs);
    if (plan.placements.length === 0) return false;
    const { refused = [] } = await engine.submit(
      { type: 'place-jobs', placements: plan.placements },
      { principal: PLANNER_PRINCIPAL, nowMs: clock.nowMs() },
    );
    // A refused proposal was made on state that has passed: look again at what it is now.
    return plan.placements.length >= PLACEMENTS_MAX || refused.length > 0;
  };

  const pause = (forMs: number): Promise<void> =>
    new Promise((resolve) => {
      clock.after(forMs, resolve);
    });

  const stopListening = engine.onCommit((commit) => {
    if (commit.events.some(({ type }) => WAKING_EVENTS.has(type))) wake();
  });

  const runUntilQuiet = async (): Promise<void> => {
    try {
      do {
        again = false;
        if (await planOnce()) again = true;
        if (again && planMs > SPACED_ABOVE_MS) await pause(planMs);
      } while (again && !closed);
    } catch (error) {
      if (closed) return;
      logger.error('planning failed', { error });
      wakeAfter(RETRY_AFTER_MS);
    }
  };

  const wake = (): void => {
    if (closed) return;
    if (running !== undefined) {
      again = true;
      return;
    }
    if (scheduled) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      if (closed || running !== undefined) return;
      running = runUntilQuiet().finally(() => {
        running = undefined;
        // A wake that came between the last look and here would otherwise be lost.
        if (again) wake();
      });
    });
  };

  return {
    wake,
    waitReason(jobId) {
      reasons ??= new Map(waiting.map((reason) => [reason.jobId, reason]));
      return reasons.get(jobId);
    },
    async close() {
      closed = true;
      stopListening();
      timer?.cancel();
      await running;
    },
  };
}
