/**
 * Runs the planner whenever the queue or the free capacity may have changed, and proposes what it found as one
 * command. No polling: commits and hosts that come or go wake it, wakes within one turn of the event loop count
 * as one, and while a plan is under way further wakes only ask for another.
 */

import type { HostId, JobId, Principal } from '../../proto/domain/ids.ts';
import type { JobSpec } from '../../proto/domain/job.ts';
import type { Clock, Logger, Rng, Timer } from '../../proto/ports/index.ts';
import type { Engine } from '../core/engine.ts';
import type { Plan, Planner, WaitReason } from '../core/planner.ts';
import { createPlanScope, NEWCOMERS_MAX } from './plan-scope.ts';

/** Placements of one command: many share one sync, yet the event loop is not held for long. */
export const PLACEMENTS_MAX = 256;
/** After a failed command the loop tries again by itself, because no commit may come to wake it. */
const RETRY_AFTER_MS = 1_000;
/** Plans that take longer than this are spaced by as much as they take, so that planning has half a core at most. */
const SPACED_ABOVE_MS = 4;
/**
 * One that found nothing to place is followed by a longer rest, in multiples of what it took: with a long queue that
 * waits for other hosts, each host that comes back after a restart would have the whole of it looked at once more.
 */
const REST_FACTOR = 8;
const REST_MAX_MS = 250;

export interface PlanningLoopOptions {
  readonly engine: Engine;
  readonly planner: Planner;
  readonly readyHosts: () => ReadonlySet<HostId>;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  /** Default: SELF_FENCE_DEFAULT_MS. */
  readonly selfFenceMs?: number;
}

export interface PlanningLoop {
  /** Hosts came or went: looks at the whole queue soon. */
  wake(): void;
  /** Why the job was not placed when the planner last looked; undefined for a job it has not seen waiting. */
  waitReason(jobId: JobId): WaitReason | undefined;
  /** Resolves when the plan under way, if any, is done. Nothing is planned afterwards. */
  close(): Promise<void>;
}

const PLANNER_PRINCIPAL = 'system' as Principal;

const NOTHING: Plan = { placements: [], waiting: [] };

/** The room that is kept for a waiting job is free for others after these. */
const FREES_WATCHED: ReadonlySet<string> = new Set([
  'job-finished',
  'job-held',
  'job-updated',
  'job-deleted',
]);

export function createPlanningLoop(options: PlanningLoopOptions): PlanningLoop {
  const { engine, clock, logger } = options;
  const fence = options.selfFenceMs === undefined ? {} : { selfFenceMs: options.selfFenceMs };
  const scope = createPlanScope();
  const needKeys = new WeakMap<JobSpec, string>();
  /** The last look at the whole queue, then those at newcomers since; the latest word about a job counts. */
  let waiting: (readonly WaitReason[])[] = [];
  /** Reasons of newcomers in it. */
  let waitingTold = 0;
  /** Of jobs that the last look at the whole queue did not take one by one. */
  let reasonOf: Plan['reasonOf'];
  /** Built from `waiting` when somebody asks: with a long queue and frequent plans hardly anybody does. */
  let reasons: Map<JobId, WaitReason> | undefined;
  let watched: ReadonlySet<JobId> = new Set();
  let planMs = 0;
  let scheduled = false;
  let closed = false;
  let running: Promise<void> | undefined;
  let again = false;
  let timer: Timer | undefined;
  let timerAtMs = 0;
  let endRest = (): void => undefined;

  /** One timer in all: whatever it wakes looks at the whole queue and finds the next time anew. */
  const wakeAfter = (afterMs: number): void => {
    timer?.cancel();
    timerAtMs = clock.nowMs() + afterMs;
    timer = clock.after(Math.max(1, afterMs), () => {
      timer = undefined;
      wakeWide();
    });
  };

  const remember = (plan: Plan, isWhole: boolean): void => {
    watched = plan.watched ?? watched;
    if (isWhole) {
      reasonOf = plan.reasonOf;
      waiting = [plan.waiting];
      waitingTold = 0;
      reasons = undefined;
    } else if (plan.waiting.length > 0) {
      waiting.push(plan.waiting);
      waitingTold += plan.waiting.length;
      for (const reason of plan.waiting) reasons?.set(reason.jobId, reason);
      // Some of them were cancelled since: a look at the whole queue drops their reasons.
      if (waitingTold > NEWCOMERS_MAX) scope.widen();
    }
    // A look at newcomers knows nothing of the others' times.
    const { nextEligibleMs } = plan;
    if (nextEligibleMs === undefined || (!isWhole && timer !== undefined && timerAtMs <= nextEligibleMs))
      return;
    wakeAfter(nextEligibleMs - clock.nowMs());
  };

  /** Before the plan's own placements commit: neither needs the other, and victims have a while to go. */
  const makeRoom = async ({ evictions = [] }: Plan): Promise<void> => {
    if (evictions.length === 0) return;
    logger.info('running work is stopped to make room', {
      victims: evictions.map(({ jobId, attempt }) => `${jobId}.${attempt}`),
      forJobs: [...new Set(evictions.map(({ forJobId }) => forJobId))],
    });
    await engine.submit(
      { type: 'preempt-jobs', evictions },
      { principal: PLANNER_PRINCIPAL, nowMs: clock.nowMs() },
    );
  };

  /** One look and its commands: what it placed, `more` when there may be more to place at once. */
  const planOnce = async (): Promise<'nothing' | 'all' | 'more'> => {
    const input = {
      readyHosts: options.readyHosts(),
      nowMs: clock.nowMs(),
      seed: options.rng.integer(2 ** 31),
    };
    let isWhole = true;
    const plan = await engine.read((view) => {
      const startedMs = clock.monotonicMs();
      const queue = scope.take(view);
      isWhole = queue === undefined;
      if (queue?.length === 0) {
        planMs = 0;
        return NOTHING;
      }
      const part = queue === undefined ? {} : { queue };
      const made = options.planner({ view, ...input, ...part, placementsMax: PLACEMENTS_MAX, needKeys });
      planMs = clock.monotonicMs() - startedMs;
      return made;
    });
    remember(plan, isWhole);
    await makeRoom(plan);
    if (plan.placements.length === 0) return 'nothing';
    const { refused = [] } = await engine.submit(
      { type: 'place-jobs', placements: plan.placements, ...fence },
      { principal: PLANNER_PRINCIPAL, nowMs: clock.nowMs() },
    );
    // A refused proposal was made on state that has passed: look again at what it is now.
    const more = plan.placements.length >= PLACEMENTS_MAX || refused.length > 0;
    if (more) scope.widen();
    return more ? 'more' : 'all';
  };

  const pause = (forMs: number): Promise<void> =>
    new Promise((resolve) => {
      const rest = clock.after(forMs, resolve);
      endRest = () => {
        rest.cancel();
        resolve();
      };
    });

  const stopListening = engine.onCommit((commit) => {
    if (commit.events.some(({ type, subject }) => FREES_WATCHED.has(type) && watched.has(subject as JobId))) {
      wakeWide();
    } else if (scope.note(commit.events)) wake();
  });

  const runUntilQuiet = async (): Promise<void> => {
    try {
      do {
        again = false;
        const placed = await planOnce();
        if (placed === 'more') again = true;
        if (planMs <= SPACED_ABOVE_MS || closed) continue;
        // Wakes that come meanwhile ask for one look at its end.
        if (placed === 'nothing') await pause(Math.min(planMs * REST_FACTOR, REST_MAX_MS));
        else if (again) await pause(planMs);
      } while (again && !closed);
    } catch (error) {
      if (closed) return;
      scope.widen();
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

  const wakeWide = (): void => {
    scope.widen();
    wake();
  };

  return {
    wake: wakeWide,
    waitReason(jobId) {
      reasons ??= new Map(waiting.flatMap((part) => part.map((reason) => [reason.jobId, reason])));
      return reasons.get(jobId) ?? reasonOf?.(jobId);
    },
    async close() {
      closed = true;
      stopListening();
      timer?.cancel();
      endRest();
      await running;
    },
  };
}
