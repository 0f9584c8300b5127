/**
 * Which waiting jobs the next plan must look at. A job that did not fit cannot fit before capacity grows, so after
 * commits that only lengthened the queue the newcomers are enough: a long queue then costs nothing per submission.
 */
import type { JobId } from '../../proto/domain/ids.ts';
import type { Job } from '../../proto/domain/job.ts';
import type { ClusterView } from '../core/view.ts';

/** Newcomers that are remembered one by one; beyond that the whole queue is looked at. */
export const NEWCOMERS_MAX = 4_096;

const LENGTHENS_QUEUE: ReadonlySet<string> = new Set(['job-queued', 'job-requeued', 'job-retried']);
const GROWS_CAPACITY: ReadonlySet<string> = new Set([
  'attempt-released',
  'attempt-forgotten',
  'host-registered',
  'host-updated',
  'host-uncordoned',
  // Who may start changed with these, as far as the jobs themselves say.
  'job-hold-released',
  'job-updated',
  'queue-updated',
  // What one may hold, take or keep from others changed with these.
  'quota-set',
  'quota-deleted',
  'policy-set',
  'reservation-deleted',
]);
/** May let jobs start that come after others, or that a cap kept back: of interest only while there are some. */
const OPENS_GATES: ReadonlySet<string> = new Set([
  'job-finished',
  'job-requeued',
  'job-deleted',
  // A place that a cap gave to it is another's now.
  'job-held',
]);

type ScopeView = Pick<ClusterView, 'job' | 'queuePosition' | 'hasGated'>;

export interface PlanScope {
  /** Takes in the facts of a commit; true when any of them may let a job start. */
  note(events: readonly { readonly type: string; readonly subject: string }[]): boolean;
  /** The whole queue must be looked at. */
  widen(): void;
  /**
   * What to look at now, in queue order, and begins anew; undefined for the whole queue. Whatever keeps the plan from
   * being carried out must be followed by {@link widen}.
   */
  take(view: ScopeView): readonly Job[] | undefined;
}

/** Begins wide: nothing has been looked at. */
export function createPlanScope(): PlanScope {
  let wide = true;
  let opened = false;
  const newcomers = new Set<JobId>();

  return {
    note(events) {
      let wakes = false;
      for (const { type, subject } of events) {
        if (OPENS_GATES.has(type)) opened = true;
        if (GROWS_CAPACITY.has(type)) wide = true;
        else if (LENGTHENS_QUEUE.has(type)) newcomers.add(subject as JobId);
        else if (!OPENS_GATES.has(type)) continue;
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
      const jobs = wide || (opened && view.hasGated) ? undefined : inOrder(view, newcomers);
      wide = false;
      opened = false;
      newcomers.clear();
      return jobs;
    },
  };
}

/** As in the queue; those that may not start yet are not in it. */
function inOrder(view: ScopeView, ids: Iterable<JobId>): readonly Job[] {
  const found: { readonly job: Job; readonly position: number }[] = [];
  for (const id of ids) {
    const position = view.queuePosition(id);
    const job = position === 0 ? undefined : view.job(id);
    if (job !== undefined) found.push({ job, position });
  }
  return found.sort((left, right) => left.position - right.position).map(({ job }) => job);
}
