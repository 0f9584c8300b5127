/** A waiting job in the form of the pass, and the text under which jobs that differ only in age are one. */
import type { HostId, JobId } from '../../../proto/domain/ids.ts';
import type { Job } from '../../../proto/domain/job.ts';
import { DEFAULT_QUEUE } from '../../../proto/domain/scheduling.ts';
import { findCaps } from '../job/readiness.ts';
import { BACKOFF_MAX_MS } from '../limits.ts';
import { hostsThatFailed } from '../placement/first-fit.ts';
import type { PendingJob } from '../scheduling/pass-jobs.ts';
import type { PlanningContext } from './planning-context.ts';
import { demandOf } from './running-on-host.ts';
import type { ShapeNumbers } from './shape-numbers.ts';

/** What a waiting job's form is drawn from besides the job. */
export interface WaitingSources {
  readonly context: PlanningContext;
  readonly shapes: ShapeNumbers;
  readonly numbers: ReadonlyMap<HostId, number>;
  /** Work was evicted for them. */
  readonly awaiting: ReadonlySet<JobId>;
}

/** The state offers only jobs that are neither held nor gated. */
export function toPending(
  job: Job,
  { context, shapes, numbers, awaiting }: WaitingSources,
  nowMs: number,
): PendingJob {
  const { spec } = job;
  const { models, queueOf } = context;
  const shuns = shunnedBy(job, numbers);
  return {
    id: job.id,
    projectId: job.projectId,
    queue: spec.queue ?? DEFAULT_QUEUE,
    priority: spec.priority,
    waitsSinceMs: job.createdAtMs,
    alternatives: models.choicesFor(spec.resources).map((model) => ({
      shape: shapes.numberOf(job, model),
      demand: demandOf(job, model === '' ? '' : models.nameOf(model)),
    })),
    taskCount: 1,
    perHostMax: 1,
    timeLimitMs: spec.timeLimitMs,
    isHeld: false,
    dependencies: 'met',
    notBeforeMs: pauseOf(job, nowMs),
    caps: findCaps(job, (name) => queueOf.get(name)),
    serviceRank: 0,
    awaitsEvictions: awaiting.has(job.id),
    ...(shuns.length === 0 ? {} : { shuns }),
  };
}

/** Equal for jobs that any plan treats alike but for their age. */
export function keyOf(job: Job, { context, shapes, numbers, awaiting }: WaitingSources): string {
  const { projectId, spec } = job;
  const { queue = DEFAULT_QUEUE, priority, timeLimitMs } = spec;
  const plain = `${projectId} ${queue} ${priority} ${timeLimitMs} ${shapes.numberOf(job)}`;
  const caps = findCaps(job, (name) => context.queueOf.get(name));
  const shuns = shunnedBy(job, numbers);
  if (caps.length + shuns.length === 0 && !awaiting.has(job.id)) return plain;
  const own = awaiting.has(job.id) ? job.id : '';
  return `${plain} ${JSON.stringify([caps.map(({ key }) => key), shuns, own])}`;
}

function shunnedBy({ attempts }: Job, numbers: ReadonlyMap<HostId, number>): readonly number[] {
  if (attempts.length === 0) return [];
  return [...hostsThatFailed(attempts)].flatMap((id) => numbers.get(id) ?? []).sort((a, b) => a - b);
}

/** No pause is longer than the longest: one that seems to be was noted before the clock was set back. */
export function pauseOf({ notBeforeMs = 0 }: Job, nowMs: number): number {
  return notBeforeMs - nowMs <= BACKOFF_MAX_MS ? notBeforeMs : 0;
}
