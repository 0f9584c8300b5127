/** Jobs as one caller may hear of them: his own projects' by id, those of hidden projects by their number. */
import type { JobId } from '../../../proto/domain/ids.ts';
import type { Job } from '../../../proto/domain/job.ts';
import type { VeiledJobs } from '../../../proto/domain/views.ts';
import type { ClusterView } from '../view.ts';
import { AHEAD_SEEN_MAX, JOBS_NAMED_MAX } from './explain-limits.ts';
import { isHeldOnly, type JudgedHost } from './host-groups.ts';

/** Whether the caller sees the job's project. */
export type SeesJob = (job: Job) => boolean;

export const NO_JOBS: VeiledJobs = { jobIds: [], visibleCount: 0, hiddenCount: 0 };

/** In the order given. What is gone already counts as hidden. */
export function veilJobs(view: ClusterView, ids: Iterable<JobId>, sees: SeesJob): VeiledJobs {
  const jobIds: JobId[] = [];
  let visibleCount = 0;
  let hiddenCount = 0;
  for (const id of ids) {
    const job = view.job(id);
    if (job === undefined || !sees(job)) hiddenCount += 1;
    else {
      visibleCount += 1;
      if (jobIds.length < JOBS_NAMED_MAX) jobIds.push(id);
    }
  }
  return { jobIds, visibleCount, hiddenCount };
}

/** Who holds something on hosts that would do were they free; in id order. O(what runs there). */
export function veilHolders(view: ClusterView, judged: readonly JudgedHost[], sees: SeesJob): VeiledJobs {
  const ids = new Set<JobId>();
  for (const one of judged) {
    if (!isHeldOnly(one)) continue;
    for (const { jobId } of view.use(one.room.host.id).tasks) ids.add(jobId);
  }
  return veilJobs(view, [...ids].sort(), sees);
}

/** Who stands before place `position` (1-based) in the queue. O(position), up to a bound. */
export function veilAhead(view: ClusterView, position: number, sees: SeesJob): VeiledJobs {
  if (position <= 1) return NO_JOBS;
  const ids: JobId[] = [];
  for (const { id } of view.queue()) {
    if (ids.length >= Math.min(position - 1, AHEAD_SEEN_MAX)) break;
    ids.push(id);
  }
  const seen = veilJobs(view, ids, sees);
  return { ...seen, hiddenCount: seen.hiddenCount + (position - 1 - ids.length) };
}
