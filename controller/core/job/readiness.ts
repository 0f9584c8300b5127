/**
 * Which waiting jobs may start as far as the jobs themselves say: holds, dependencies, and caps on how many of a kind
 * run at the same time. Whether they fit somewhere is not asked here.
 */
import type { ArrayId, JobId } from '../../../proto/domain/ids.ts';
import { isFinished } from '../../../proto/domain/job.ts';
import type { Dependency, Queue } from '../../../proto/domain/scheduling.ts';
import type { JobRecord } from './model.ts';
import { queueOf } from './model.ts';

type WaitingJob = Pick<JobRecord, 'id' | 'spec' | 'createdBy' | 'held'> &
  Partial<Pick<JobRecord, 'attempts'>>;

/** Why a waiting job is not even looked at by the planner. Codes are stable. */
export interface Gate {
  readonly code: 'HELD' | 'DEPENDENCY' | 'ARRAY_LIMIT' | 'USER_LIMIT';
  readonly message: string;
}

/** A number of jobs that run at the same time and must not be passed. */
export interface Cap {
  /** Jobs with the same key count together. */
  readonly key: string;
  readonly most: number;
  readonly code: 'ARRAY_LIMIT' | 'USER_LIMIT';
}

export interface ReadinessReads {
  job(id: JobId): Pick<JobRecord, 'state'> | undefined;
  arrayJobs(id: ArrayId): Iterable<Pick<JobRecord, 'state'>>;
  findQueue(name: string): Queue | undefined;
  /** Jobs of a cap's key that run, as counted by {@link capKeysOf}. */
  activeCount(capKey: string): number;
}

/** `broken`: it can never be met. A job that is no more had finished, and broke nothing when it did. */
export function stateOfDependency(
  dependency: Dependency,
  reads: Pick<ReadinessReads, 'job' | 'arrayJobs'>,
): 'met' | 'unmet' | 'broken' {
  const { on, when } = dependency;
  const single = reads.job(on as JobId);
  let met = true;
  for (const { state } of single === undefined ? reads.arrayJobs(on as ArrayId) : [single]) {
    if (!isFinished(state)) met = false;
    else if (when === 'ok' && state !== 'succeeded') return 'broken';
  }
  return met ? 'met' : 'unmet';
}

/** What the job still has to wait for; once it was started that had ended, whatever became of it since. */
function dependenciesOf(job: WaitingJob): readonly Dependency[] {
  return (job.attempts?.length ?? 0) > 0 ? [] : (job.spec.after ?? []);
}

/** Held, or waiting for others; undefined: neither. O(dependencies, elements of arrays included). */
export function findOwnGate(
  job: WaitingJob,
  reads: Pick<ReadinessReads, 'job' | 'arrayJobs'>,
): Gate | undefined {
  if (job.held) return { code: 'HELD', message: 'is held; nabla jobs release lets it start' };
  const unmet = dependenciesOf(job).filter((one) => stateOfDependency(one, reads) !== 'met');
  const first = unmet[0];
  if (first === undefined) return undefined;
  const others = unmet.length === 1 ? '' : ` and ${unmet.length - 1} more`;
  return { code: 'DEPENDENCY', message: `waits for ${first.on}${others} to finish` };
}

/** Whether anything but room can keep the job from starting; most jobs have nothing of the kind. */
export function isGated(job: WaitingJob, findQueue: ReadinessReads['findQueue']): boolean {
  return job.held === true || dependenciesOf(job).length > 0 || findCaps(job, findQueue).length > 0;
}

/** Keys that a job counts under while it runs, whether a cap is set on them or not. */
export function capKeysOf(job: WaitingJob): readonly string[] {
  const ofUser = `user ${queueOf(job)} ${job.createdBy}`;
  return job.spec.array === undefined ? [ofUser] : [ofUser, `array ${job.spec.array.arrayId}`];
}

/** The caps that are set on the job. */
export function findCaps(job: WaitingJob, findQueue: ReadinessReads['findQueue']): readonly Cap[] {
  const perUser = findQueue(queueOf(job))?.limits.runningPerUser ?? 0;
  const perArray = job.spec.array?.concurrency ?? 0;
  if (perUser === 0 && perArray === 0) return [];
  const [userKey, arrayKey] = capKeysOf(job);
  const caps: Cap[] = [];
  if (perArray > 0 && arrayKey !== undefined) {
    caps.push({ key: arrayKey, most: perArray, code: 'ARRAY_LIMIT' });
  }
  if (perUser > 0 && userKey !== undefined) caps.push({ key: userKey, most: perUser, code: 'USER_LIMIT' });
  return caps;
}

/**
 * Of waiting jobs in the order in which they are served, those that may start, in that order: as many of each cap's
 * kind as may run beside those that do. So however many of the result are started at once, no cap is passed.
 * Deterministic. O(jobs × dependencies + elements of the arrays that are waited for).
 */
export function selectReady<T extends WaitingJob>(jobs: Iterable<T>, reads: ReadinessReads): readonly T[] {
  const taken = new Map<string, number>();
  const ready: T[] = [];
  // Thousands may wait for the same large array: it is counted through once.
  const known = new Map<string, boolean>();
  const isMet = (one: Dependency): boolean => {
    const key = `${one.when} ${one.on}`;
    const met = known.get(key) ?? stateOfDependency(one, reads) === 'met';
    known.set(key, met);
    return met;
  };
  for (const job of jobs) {
    if (job.held || !dependenciesOf(job).every(isMet)) continue;
    const caps = findCaps(job, reads.findQueue);
    const isFree = ({ key, most }: Cap): boolean => reads.activeCount(key) + (taken.get(key) ?? 0) < most;
    if (!caps.every(isFree)) continue;
    for (const { key } of caps) taken.set(key, (taken.get(key) ?? 0) + 1);
    ready.push(job);
  }
  return ready;
}

/** What is said of a job that {@link selectReady} left out. */
export function explainGate(job: WaitingJob, reads: ReadinessReads): Gate {
  const own = findOwnGate(job, reads);
  if (own !== undefined) return own;
  const caps = findCaps(job, reads.findQueue);
  const full = caps.find(({ key, most }) => reads.activeCount(key) >= most) ?? caps[0];
  if (full?.code === 'ARRAY_LIMIT') {
    return { code: 'ARRAY_LIMIT', message: `waits: ${full.most} elements of its array may run at once` };
  }
  return {
    code: 'USER_LIMIT',
    message: `waits: a user may run ${full?.most ?? 0} jobs at once in queue ${queueOf(job)}`,
  };
}
