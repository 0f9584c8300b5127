/**
 * Which waiting jobs the next plan must look at. A job that did not fit cannot fit before capacity grows, so after
 * commits that only lengthened the queue the newcomers are enough: a long queue then costs nothing per submission.
 */
import type { JobId } from '../../proto/domain/ids.ts';
import type { Job } from '../../proto/domain/job.ts';
import type { ClusterView } from '../core/view.ts';
import { compareInQueue } from '../state/queue-index.ts';

/** Newcomers that are remembered one by one; beyond that the whole queue is looked at. */
export const NEWCOMERS_MAX = 4_096;

const LENGTHENS_QUEUE: ReadonlySet<string> = new Set(['job-queued', 'job-requeued', 'job-retried']);
const GROWS_CAPACITY: ReadonlySet<string> = new Set([
  'attempt-released',
  'attempt-forgotten',
  'host-registered',
  'host-updated',
  'host-uncordoned',
]);

export interface PlanScope {
  /** Takes in the facts of a commit; true when any of them may let a job start. */
  note(events: readonly { readonly type: string; readonly subject: string }[]): boolean;
  /** The whole queue must be looked at. */
  widen(): void;
  /**
   * What to look at now, in queue order, and begins anew; undefined for the whole queue. Whatever keeps the plan from
   * being carried out must be followed by {@link widen}.
   */
  take(view: Pick<ClusterView, 'job'>): readonly Job[] | undefined;
}

/** Begins wide: nothing has been looked at. */
export function createPlanScope(): PlanScope {
  let wide = true;
  const newcomers = new Set<JobId>();

  return {
    note(events) {
      let wakes = false;
      for (const { type, subject } of events) {
        if (GROWS_CAPACITY.has(type)) wide = true;
        else if (LENGTHENS_QUEUE.has(type)) newcomers.add(subject as JobId);
        else continue;
        wakes = true;
      }
      if (newcomers.size > NEWCOMERS_MAX) wide = true;
      if (wide) newcomers.clear();
      return wakes;
    },
    widen() {
      wide = true;
      newcomers.clear();
    },
    take(view) {
      const jobs = wide
        ? undefined
        : [...newcomers].flatMap((id) => queued(view.job(id))).sort(compareInQueue);
      wide = false;
      newcomers.clear();
      return jobs;
    },
  };
}

function queued(job: Job | undefined): readonly Job[] {
  return job?.state === 'queued' ? [job] : [];
}
