/**
 * A seeded trace of four projects with unequal quota on one cluster: all busy, then each in turn idle for some hours and
 * back at once with more than it is guaranteed. Times are whole minutes from 0.
 */
import { createRng, type SplittableRng } from '../../../proto/runtime/rng.ts';

export interface TraceJob {
  readonly id: string;
  readonly project: string;
  /** GPUs of one task, and tasks. */
  readonly gpus: number;
  readonly tasks: number;
  readonly arrivalMin: number;
  /** What it really takes; at most its limit. */
  readonly runMin: number;
  /** 0: none. */
  readonly limitMin: number;
  readonly isPreemptible: boolean;
}

export interface Tenant {
  readonly name: string;
  /** GPUs that it is guaranteed; all together are the cluster. */
  readonly guaranteed: number;
}

export const TENANTS: readonly Tenant[] = [
  { name: 'vision', guaranteed: 128 },
  { name: 'speech', guaranteed: 64 },
  { name: 'robots', guaranteed: 40 },
  { name: 'theory', guaranteed: 24 },
];
export const TENANT_HOSTS = 32;
export const GPUS_PER_HOST = 8;

/** A project idles from `fromMin`, and asks again at `toMin`. */
export interface IdleTime {
  readonly project: string;
  readonly fromMin: number;
  readonly toMin: number;
}

export interface TenantsTrace {
  readonly jobs: readonly TraceJob[];
  /** All four have more work than their quota. */
  readonly busy: { readonly fromMin: number; readonly toMin: number };
  readonly idle: readonly IdleTime[];
  /** Last arrival. */
  readonly endMin: number;
}

/** Offered work of each project over its quota: enough that none runs dry while it is meant to be busy. */
const LOAD = 1.2;
const WARM_UP_MIN = 12 * 60;
const IDLE_MIN = 10 * 60;
const BETWEEN_MIN = 14 * 60;
/** Work that a project comes back with, over its quota. */
const BURST_GPUS_SHARE = 1.5;
const UNLIMITED_SHARE = 0.1;
const PREEMPTIBLE_SHARE = 0.3;

/** @param busyMin length of the window in which shares are measured */
export function makeTrace(seed: number, busyMin: number): TenantsTrace {
  const rng = createRng(seed).split('tenants');
  const busy = { fromMin: WARM_UP_MIN, toMin: WARM_UP_MIN + busyMin };
  const idle = TENANTS.map(({ name }, at) => {
    const fromMin = busy.toMin + IDLE_MIN + at * (IDLE_MIN + BETWEEN_MIN);
    return { project: name, fromMin, toMin: fromMin + IDLE_MIN };
  });
  const endMin = (idle.at(-1)?.toMin ?? busy.toMin) + BETWEEN_MIN;
  const jobs = TENANTS.flatMap((tenant) => arrivalsOf(tenant, idle, endMin, rng.split(tenant.name)));
  jobs.sort((a, b) => a.arrivalMin - b.arrivalMin || (a.id < b.id ? -1 : 1));
  return { jobs, busy, idle, endMin };
}

function arrivalsOf(
  { name, guaranteed }: Tenant,
  idle: readonly IdleTime[],
  endMin: number,
  rng: SplittableRng,
): readonly TraceJob[] {
  const jobs: TraceJob[] = [];
  const add = (arrivalMin: number): TraceJob => {
    const job = drawJob(`${name}-${String(jobs.length).padStart(5, '0')}`, name, Math.floor(arrivalMin), rng);
    jobs.push(job);
    return job;
  };
  const away = idle.find((one) => one.project === name);
  // A start with a full house, then as much work per minute as the load asks for.
  let atMin = 0;
  for (let gpus = 0; gpus < 2 * guaranteed; ) gpus += sizeOf(add(0));
  while (atMin < endMin) {
    // Before its idle time a project lets its queue run out.
    const isAway = away !== undefined && atMin >= away.fromMin - IDLE_MIN && atMin < away.toMin;
    if (isAway) {
      atMin = away.toMin;
      for (let gpus = 0; gpus < BURST_GPUS_SHARE * guaranteed; ) gpus += sizeOf(add(atMin));
      continue;
    }
    const job = add(atMin);
    atMin += (sizeOf(job) * job.runMin) / (LOAD * guaranteed);
  }
  return jobs;
}

function sizeOf(job: TraceJob): number {
  return job.gpus * job.tasks;
}

/** Mostly small and short, some of whole hosts, few of two; limits are 1 to 3 times what is needed. */
function drawJob(id: string, project: string, arrivalMin: number, rng: SplittableRng): TraceJob {
  const kind = rng.fraction();
  const [gpus, tasks] =
    kind < 0.4 ? [1, 1] : kind < 0.6 ? [2, 1] : kind < 0.8 ? [4, 1] : kind < 0.95 ? [8, 1] : [8, 2];
  const runMin = Math.round(5 * 2 ** (6.5 * rng.fraction()));
  const isUnlimited = rng.fraction() < UNLIMITED_SHARE;
  const limitMin = Math.ceil(runMin * (1 + 2 * rng.fraction()));
  return {
    id,
    project,
    gpus: gpus as number,
    tasks: tasks as number,
    arrivalMin,
    runMin,
    limitMin: isUnlimited ? 0 : limitMin,
    isPreemptible: rng.fraction() < PREEMPTIBLE_SHARE,
  };
}
