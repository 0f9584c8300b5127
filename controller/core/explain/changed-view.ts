/**
 * The cluster with one job other than it is, or one more: what a planner is shown to find out what it would do then. All
 * else is read from the real state at the moment of asking.
 */
import type { JobId } from '../../../proto/domain/ids.ts';
import type { Job } from '../../../proto/domain/job.ts';
import type { SchedulingPolicy } from '../../../proto/domain/scheduling-policy.ts';
import { queueOf } from '../job/model.ts';
import type { ClusterView, SchedulingView } from '../view.ts';
import { PACKED_HOSTS_MAX, QUEUE_SHOWN_MAX } from './explain-limits.ts';

/**
 * `jobs` are ready, whatever they were, and stand where they belong; they hide records with their ids. Valid until the
 * state changes. O(queue shown).
 */
export function changedView(view: ClusterView, jobs: readonly Job[]): ClusterView {
  const changed = new Map(jobs.map((job) => [job.id, job]));
  const queue = queueWith(view, jobs, changed);
  const own: Partial<ClusterView> = {
    scheduling: schedulingOf(view),
    job: (id) => changed.get(id) ?? view.job(id),
    queue: () => queue,
    queuePosition: (id) => (changed.has(id) ? placeOf(queue, id) : view.queuePosition(id)),
    isReady: (id) => changed.has(id) || view.isReady(id),
    gateOf: (id) => (changed.has(id) ? undefined : view.gateOf(id)),
  };
  return overlay(view, own);
}

/** Reads from `own` what is there, all else from `base`. The state is an instance of a class, so nothing can be copied. */
function overlay<T extends object>(base: T, own: Partial<T>): T {
  const read = new Map<PropertyKey, unknown>(Object.entries(own));
  return new Proxy(base, {
    get(target, key) {
      if (read.has(key)) return read.get(key);
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function') return value;
      const bound: unknown = value.bind(target);
      // Figures (getters) may change while the view is used, functions do not.
      read.set(key, bound);
      return bound;
    },
  });
}

/** In the order in which they are served. */
function queueWith(
  view: ClusterView,
  jobs: readonly Job[],
  changed: ReadonlyMap<JobId, Job>,
): readonly Job[] {
  const shown: Job[] = [];
  for (const job of view.queue()) {
    if (shown.length >= QUEUE_SHOWN_MAX) break;
    if (!changed.has(job.id)) shown.push(job);
  }
  const isBefore = servedBefore(view);
  for (const job of jobs) {
    const at = shown.findIndex((other) => isBefore(job, other));
    if (at === -1) shown.push(job);
    else shown.splice(at, 0, job);
  }
  return shown;
}

/** 1-based place that the job would have among all that are ready. O(queue). */
export function placeInQueue(view: ClusterView, job: Job): number {
  const isBefore = servedBefore(view);
  const others = view.queue().filter(({ id }) => id !== job.id);
  const at = others.findIndex((other) => isBefore(job, other));
  return (at === -1 ? others.length : at) + 1;
}

function placeOf(queue: readonly Job[], id: JobId): number {
  return queue.findIndex((job) => job.id === id) + 1;
}

/** Band of the queue, priority, time, id: as the state keeps its queue. */
function servedBefore({ scheduling }: ClusterView): (left: Job, right: Job) => boolean {
  const bandOf = (job: Job): number => scheduling.findQueue(queueOf(job))?.priorityBand ?? 0;
  return (left, right) => {
    const bands = bandOf(right) - bandOf(left);
    if (bands !== 0) return bands < 0;
    if (left.spec.priority !== right.spec.priority) return left.spec.priority > right.spec.priority;
    if (left.createdAtMs !== right.createdAtMs) return left.createdAtMs < right.createdAtMs;
    return left.id < right.id;
  };
}

/** A packing of a large cluster takes longer to set up than a question may take. */
function schedulingOf(view: ClusterView): SchedulingView {
  let hosts = 0;
  for (const _host of view.hosts()) if (++hosts > PACKED_HOSTS_MAX) break;
  if (hosts <= PACKED_HOSTS_MAX) return view.scheduling;
  const { policy } = view.scheduling;
  const settings: SchedulingPolicy = { ...policy.policy, packing: 'first-fit' };
  return overlay(view.scheduling, { policy: { ...policy, policy: settings } });
}
