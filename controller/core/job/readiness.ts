/**
 * Which waiting jobs may start as far as the jobs themselves say: holds, dependencies, and caps on how many of a kind
 * run at the same time. Whether they fit somewhere is not asked here.
 */
import type { ArrayId, JobId } from '../../../proto/domain/ids.ts';
import { isFinished } from '../../../proto/domain/job.ts';
import type { Dependency, Queue } from '../../../proto/domain/scheduling.ts';
import type { JobRecord } from './model.ts';
import { queueOf } from './model.ts';

type WaitingJob = Pick<JobRecord, 'id' | 'spec' | 'createdBy' | 'held'> & {
  readonly attempts: readonly unknown[];
};

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

/** How many elements of an array have not finished, and how many did without success. */
export interface ArrayTally {
  readonly unfinished: number;
  readonly failed: number;
}

export interface DependencyReads {
  job(id: JobId): Pick<JobRecord, 'state'> | undefined;
  /** Undefined: nothing is left of it. */
  arrayTally(id: ArrayId): ArrayTally | undefined;
}

export interface CapReads {
  findQueue(name: string): Queue | undefined;
  /** Jobs of a cap's key that run, as counted by {@link capKeysOf}. */
  activeCount(capKey: string): number;
}

/** `broken`: it can never be met. A job that is no more had finished, and broke nothing when it did. O(1). */
export function stateOfDependency(
  { on, when }: Dependency,
  reads: DependencyReads,
): 'met' | 'unmet' | 'broken' {
  const single = reads.job(on as JobId);
  const { unfinished, failed } =
    single === undefined ? (reads.arrayTally(on as ArrayId) ?? NOTHING) : tallyOf(single);
  if (when === 'ok' && failed > 0) return 'broken';
  return unfinished > 0 ? 'unmet' : 'met';
}

const NOTHING: ArrayTally = { unfinished: 0, failed: 0 };

/** One job as if it were an array of one. */
export function tallyOf({ state }: Pick<JobRecord, 'state'>): ArrayTally {
  return {
    unfinished: isFinished(state) ? 0 : 1,
    failed: state === 'failed' || state === 'cancelled' ? 1 : 0,
  };
}

/** What the job still has to wait for; once it was started that had ended, whatever became of it since. */
export function dependenciesOf(job: Pick<WaitingJob, 'spec' | 'attempts'>): readonly Dependency[] {
  return job.attempts.length > 0 ? [] : (job.spec.after ?? []);
}

/** Held, or waiting for others; undefined: neither. O(dependencies). */
export function findOwnGate(job: WaitingJob, reads: DependencyReads): Gate | undefined {
  if (job.held) return { code: 'HELD', message: 'is held; nabla jobs release lets it start' };
  const unmet = dependenciesOf(job).filter((one) => stateOfDependency(one, reads) !== 'met');
  const first = unmet[0];
  if (first === undefined) return undefined;
  const others = unmet.length === 1 ? '' : ` and ${unmet.length - 1} more`;
  return { code: 'DEPENDENCY', message: `waits for ${first.on}${others} to finish` };
}

type CappedJob = Pick<WaitingJob, 'spec' | 'createdBy'>;

/** Keys that a job counts under while it runs, whether a cap is set on them or not. */
export function capKeysOf(job: CappedJob): readonly string[] {
  const ofUser = `user ${queueOf(job)} ${job.createdBy}`;
  return job.spec.array === undefined ? [ofUser] : [ofUser, `array ${job.spec.array.arrayId}`];
}

/** The caps that are set on the job. */
export function findCaps(job: CappedJob, findQueue: CapReads['findQueue']): readonly Cap[] {
  const perUser = findQueue(queueOf(job))?.limits.runningPerUser ?? 0;
  const perArray = job.spec.array?.concurrency ?? 0;
  if (perUser === 0 && perArray === 0) return NO_CAPS;
  const [userKey, arrayKey] = capKeysOf(job);
  const caps: Cap[] = [];
  if (perArray > 0 && arrayKey !== undefined) {
    caps.push({ key: arrayKey, most: perArray, code: 'ARRAY_LIMIT' });
  }
  if (perUser > 0 && userKey !== undefined) caps.push({ key: userKey, most: perUser, code: 'USER_LIMIT' });
  return caps;
}

const NO_CAPS: readonly Cap[] = [];

/** What is said of a job that a full cap keeps back. */
export function gateOfCap({ code, most }: Cap, job: CappedJob): Gate {
  if (code === 'ARRAY_LIMIT')
    return { code, message: `waits: ${most} elements of its array may run at once` };
  return { code, message: `waits: a user may run ${most} jobs at once in queue ${queueOf(job)}` };
}

/**
 * Counts the starts of one plan beside what runs. A place under a cap is given to who starts, not to who stands first:
 * so one that cannot start keeps nobody back, and however many start at once no cap is passed.
 */
export class CapCount {
  readonly #reads: CapReads;
  readonly #taken = new Map<string, number>();

  constructor(reads: CapReads) {
    this.#reads = reads;
  }

  /** The first cap that the start of the job would pass. */
  findFull(job: CappedJob): Cap | undefined {
    const { activeCount, findQueue } = this.#reads;
    const caps = findCaps(job, findQueue);
    return caps.find(({ key, most }) => activeCount(key) + (this.#taken.get(key) ?? 0) >= most);
  }

  /** Counts a start. */
  take(job: CappedJob): void {
    for (const { key } of findCaps(job, this.#reads.findQueue)) {
      this.#taken.set(key, (this.#taken.get(key) ?? 0) + 1);
    }
  }
}
