/**
 * The cluster with one job other than it is, or one more: what a planner is shown to find out what it would do then. All
 * else is read from the real state at the moment of asking.
 */
import type { JobId } from '../../../proto/domain/ids.ts';
import type { Job } from '../../../proto/domain/job.ts';
import { queueOf } from '../job/model.ts';
import type { ClusterView } from '../view.ts';

/**
 * `jobs` are ready, whatever they were, and stand where they belong; they hide records with their ids. Valid until the
 * state changes. O(queue).
 */
export function changedView(view: ClusterView, jobs: readonly Job[]): ClusterView {
  const changed = new Map(jobs.map((job) => [job.id, job]));
  const queue = queueWith(view, jobs, changed);
  return overlay(view, {
    job: (id) => changed.get(id) ?? view.job(id),
    queue: () => queue,
    queuePosition: (id) => (changed.has(id) ? placeOf(queue, id) : view.queuePosition(id)),
    isReady: (id) => changed.has(id) || view.isReady(id),
    gateOf: (id) => (changed.has(id) ? undefined : view.gateOf(id)),
  });
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
  const queue = view.queue();
  const isThere = jobs.some(({ id }) => view.queuePosition(id) > 0);
  const others = isThere ? queue.filter(({ id }) => !changed.has(id)) : queue;
  const isBefore = servedBefore(view);
  const sorted = [...jobs].sort((left, right) => (isBefore(left, right) ? -1 : 1));
  const shown: Job[] = [];
  let from = 0;
  for (const job of sorted) {
    const at = placeAmong(others, job, isBefore);
    for (; from < at; from += 1) shown.push(others[from] as Job);
    shown.push(job);
  }
  for (; from < others.length; from += 1) shown.push(others[from] as Job);
  return shown;
}

/** 1-based place that a job which does not wait yet would have among all that are ready. O(log queue). */
export function placeInQueue(view: ClusterView, job: Job): number {
  return placeAmong(view.queue(), job, servedBefore(view)) + 1;
}

function placeOf(queue: readonly Job[], id: JobId): number {
  return queue.findIndex((job) => job.id === id) + 1;
}

type IsBefore = (left: Job, right: Job) => boolean;

/** How many of `others`, which are in order, go before it. */
function placeAmong(others: readonly Job[], job: Job, isBefore: IsBefore): number {
  let low = 0;
  let high = others.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(job, others[middle] as Job)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Band of the queue, priority, time, id: as the state keeps its queue. */
function servedBefore({ scheduling }: ClusterView): IsBefore {
  const bandOf = (job: Job): number => scheduling.findQueue(queueOf(job))?.priorityBand ?? 0;
  return (left, right) => {
    const bands = bandOf(right) - bandOf(left);
    if (bands !== 0) return bands < 0;
    if (left.spec.priority !== right.spec.priority) return left.spec.priority > right.spec.priority;
    if (left.createdAtMs !== right.createdAtMs) return left.createdAtMs < right.createdAtMs;
    return left.id < right.id;
  };
}
