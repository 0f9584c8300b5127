/**
 * A trace played minute by minute against the production pass: what it plans is done, what it evicts stops after its
 * notice and waits again with what it has left (its checkpoint), and every promise of a start is held against it.
 */
import { addUse, type DecayedUse, NO_USE } from '../../../controller/core/quota/fair-share.ts';
import type { ScheduleInput } from '../../../controller/core/scheduling/pass-input.ts';
import type { PendingJob, RunningJob } from '../../../controller/core/scheduling/pass-jobs.ts';
import type { SchedulePlan } from '../../../controller/core/scheduling/pass-plan.ts';
import { schedule } from '../../../controller/core/scheduling/schedule.ts';
import type { ProjectId } from '../../../proto/domain/ids.ts';
import type { SchedulingPolicy } from '../../../proto/domain/scheduling-policy.ts';
import { aNode, aPass, aPending, MINUTE_MS, NOON_MS, openRooms } from '../../kit/pass-world.ts';
import { GPUS_PER_HOST, TENANT_HOSTS, TENANTS, type TenantsTrace, type TraceJob } from './tenants-trace.ts';
import { startWithoutBackfill } from './without-backfill.ts';

export interface Sample {
  readonly atMin: number;
  /** GPUs held, and asked for by waiting jobs, in the order of TENANTS. */
  readonly held: readonly number[];
  readonly asked: readonly number[];
}

export interface TenantsOutcome {
  /** One for every minute. */
  readonly samples: readonly Sample[];
  /** Per return from idleness: seconds until nothing waited that would be within the guarantee. */
  readonly reclaimS: readonly number[];
  readonly starved: number;
  readonly waitMinMax: number;
  readonly promises: number;
  readonly overtaken: number;
  readonly delays: number;
  readonly evictions: number;
  readonly passes: number;
}

interface Work {
  readonly job: TraceJob;
  leftMin: number;
  /** Since when it waits. */
  sinceMin: number;
  awaitsEvictions: boolean;
  hasStarted: boolean;
}

const QUOTA = TENANTS.map(({ name, guaranteed }) => aNode(name, guaranteed * 1000, { weight: guaranteed }));
/** Twice over is drained, or something is stuck. */
const OVERTIME = 2;

export function playTenants(trace: TenantsTrace, policy: Partial<SchedulingPolicy>): TenantsOutcome {
  return new TenantsRun(trace, policy).play();
}

class TenantsRun {
  readonly #trace: TenantsTrace;
  readonly #policy: Partial<SchedulingPolicy>;
  readonly #packing = openRooms(Array.from({ length: TENANT_HOSTS }, () => GPUS_PER_HOST));
  readonly #works = new Map<string, Work>();
  readonly #waiting = new Map<string, Work>();
  readonly #running = new Map<string, RunningJob>();
  readonly #useOf = new Map<ProjectId, DecayedUse>();
  readonly #samples: Sample[] = [];
  readonly #reclaimS: number[] = [];
  readonly #returns: { readonly project: string; readonly atMin: number }[] = [];
  /** Latest start without backfill of jobs for which room is kept. */
  #promised = new Map<string, number>();
  #promises = 0;
  #overtaken = 0;
  #delays = 0;
  #evictions = 0;
  #passes = 0;
  #waitMinMax = 0;
  #nextArrival = 0;
  #nextPassMs = 0;

  constructor(trace: TenantsTrace, policy: Partial<SchedulingPolicy>) {
    this.#trace = trace;
    this.#policy = policy;
  }

  play(): TenantsOutcome {
    const { jobs, endMin } = this.#trace;
    for (let atMin = 0; atMin < OVERTIME * endMin; atMin += 1) {
      const nowMs = NOON_MS + atMin * MINUTE_MS;
      const isChanged = [this.#arrive(atMin), this.#end(nowMs)].some(Boolean);
      if (isChanged || nowMs >= this.#nextPassMs) this.#pass(atMin, nowMs);
      this.#sample(atMin, nowMs);
      if (this.#nextArrival === jobs.length && this.#works.size === 0) break;
    }
    return {
      samples: this.#samples,
      reclaimS: this.#reclaimS,
      starved: [...this.#works.values()].filter((work) => !work.hasStarted).length,
      waitMinMax: this.#waitMinMax,
      promises: this.#promises,
      overtaken: this.#overtaken,
      delays: this.#delays,
      evictions: this.#evictions,
      passes: this.#passes,
    };
  }

  #arrive(atMin: number): boolean {
    const { jobs, idle } = this.#trace;
    const before = this.#nextArrival;
    for (
      let job = jobs[before];
      job !== undefined && job.arrivalMin <= atMin;
      job = jobs[this.#nextArrival]
    ) {
      const work = { job, leftMin: job.runMin, sinceMin: atMin, awaitsEvictions: false, hasStarted: false };
      this.#works.set(job.id, work);
      this.#waiting.set(job.id, work);
      this.#nextArrival += 1;
    }
    for (const one of idle) {
      if (one.toMin === atMin) this.#returns.push({ project: one.project, atMin });
    }
    return this.#nextArrival > before;
  }

  #end(nowMs: number): boolean {
    let isChanged = false;
    for (const [id, running] of this.#running) {
      const work = this.#works.get(id) as Work;
      const isDone = running.startedMs + work.leftMin * MINUTE_MS <= nowMs;
      const isStopped = running.stopsByMs !== undefined && running.stopsByMs <= nowMs;
      if (!isDone && !isStopped) continue;
      isChanged = true;
      this.#running.delete(id);
      this.#packing.release(running.placing);
      if (isDone) this.#works.delete(id);
      else {
        work.leftMin -= (nowMs - running.startedMs) / MINUTE_MS;
        work.sinceMin = (nowMs - NOON_MS) / MINUTE_MS;
        this.#waiting.set(id, work);
      }
    }
    return isChanged;
  }

  #pass(atMin: number, nowMs: number): void {
    const input = this.#inputAt(nowMs);
    const plan = schedule(input);
    this.#passes += 1;
    this.#nextPassMs = Math.min(plan.nextPassMs ?? Number.POSITIVE_INFINITY, nowMs + 15 * MINUTE_MS);
    this.#judgeStarts(plan, nowMs);
    this.#notePromise(plan, input, nowMs);
    for (const start of plan.starts) this.#start(input, start, atMin, nowMs);
    for (const { jobId, forJobId, stopsByMs } of plan.evictions) {
      this.#evictions += 1;
      this.#running.set(jobId, { ...(this.#running.get(jobId) as RunningJob), stopsByMs });
      (this.#works.get(forJobId) as Work).awaitsEvictions = true;
      this.#nextPassMs = Math.min(this.#nextPassMs, stopsByMs);
    }
    this.#judgeReturns(plan, input, nowMs);
  }

  #inputAt(nowMs: number): ScheduleInput {
    const pending = [...this.#waiting.values()].map((work) => toPending(work));
    return aPass({
      packing: this.#packing,
      pending,
      running: [...this.#running.values()],
      quota: QUOTA,
      policy: this.#policy,
      useOf: new Map(this.#useOf),
      nowMs,
    });
  }

  #start(input: ScheduleInput, start: SchedulePlan['starts'][number], atMin: number, nowMs: number): void {
    const work = this.#waiting.get(start.jobId) as Work;
    const job = input.pending.find((one) => one.id === start.jobId) as PendingJob;
    this.#waiting.delete(start.jobId);
    this.#waitMinMax = Math.max(this.#waitMinMax, atMin - work.sinceMin);
    work.awaitsEvictions = false;
    work.hasStarted = true;
    this.#packing.take(start.placing);
    this.#running.set(start.jobId, {
      ...job,
      placing: start.placing,
      demand: (job.alternatives[start.alternative] as PendingJob['alternatives'][number]).demand,
      startedMs: nowMs,
      isPreemptible: work.job.isPreemptible,
      capKeys: [],
    });
  }

  /** A start in order, or for which others were evicted, stands before what was promised and may move it. */
  #judgeStarts(plan: SchedulePlan, nowMs: number): void {
    for (const { jobId } of plan.starts) {
      const byMs = this.#promised.get(jobId);
      if (byMs !== undefined && nowMs > Math.ceil(byMs / MINUTE_MS) * MINUTE_MS) this.#delays += 1;
      this.#promised.delete(jobId);
    }
    const isOvertaken = plan.starts.some((start) => start.kind === 'order') || plan.evictions.length > 0;
    // A job that is first no more has lost its place to another, not to backfill.
    const reserved = new Set<string>(isOvertaken ? [] : plan.reserved.map((one) => one.jobId));
    const kept = [...this.#promised].filter(([jobId]) => reserved.has(jobId));
    this.#overtaken += this.#promised.size - kept.length;
    this.#promised = new Map(kept);
  }

  #notePromise(plan: SchedulePlan, input: ScheduleInput, nowMs: number): void {
    for (const wait of plan.waits) {
      if (wait.code !== 'RESERVED_START' || wait.basis !== 'time-limits') continue;
      if (this.#promised.has(wait.jobId)) continue;
      // What starts in order, or is to start where others were evicted, goes before the head without backfill too.
      if (plan.reserved[0]?.jobId !== wait.jobId) continue;
      if (plan.starts.some((start) => start.kind === 'order')) continue;
      const byMs = startWithoutBackfill(input, wait.jobId);
      if (byMs === undefined) continue;
      this.#promises += 1;
      this.#promised.set(wait.jobId, byMs);
      if ((wait.startMs as number) > byMs) this.#delays += 1;
    }
    for (const [, byMs] of this.#promised) if (nowMs > byMs + 60 * MINUTE_MS) this.#delays += 1;
  }

  #judgeReturns(plan: SchedulePlan, input: ScheduleInput, nowMs: number): void {
    for (const one of this.#returns.slice()) {
      const tenant = TENANTS.find((other) => other.name === one.project);
      const held = heldBy([...this.#running.values()], one.project, true);
      const isBack = input.pending
        .filter(
          (job) => job.projectId === one.project && !plan.starts.some((start) => start.jobId === job.id),
        )
        .every((job) => held + gpusOf(job) > (tenant?.guaranteed ?? 0));
      if (!isBack) continue;
      this.#returns.splice(this.#returns.indexOf(one), 1);
      this.#reclaimS.push((nowMs - NOON_MS - one.atMin * MINUTE_MS) / 1000);
    }
  }

  #sample(atMin: number, nowMs: number): void {
    const running = [...this.#running.values()];
    const held = TENANTS.map(({ name }) => heldBy(running, name, false));
    const asked = TENANTS.map(({ name }) => {
      let sum = 0;
      for (const { job } of this.#waiting.values()) if (job.project === name) sum += job.gpus * job.tasks;
      return sum;
    });
    this.#samples.push({ atMin, held, asked });
    for (const [at, { name }] of TENANTS.entries()) {
      const use = this.#useOf.get(name as ProjectId) ?? { ...NO_USE, atMs: nowMs };
      const halfLifeMs = this.#inputHalfLifeMs();
      this.#useOf.set(
        name as ProjectId,
        addUse(use, 1000 * (held[at] as number), nowMs + MINUTE_MS, halfLifeMs),
      );
    }
  }

  #inputHalfLifeMs(): number {
    return this.#policy.fairShareHalfLifeMs ?? aPass({ packing: this.#packing }).policy.fairShareHalfLifeMs;
  }
}

function gpusOf(job: PendingJob): number {
  return (job.alternatives[0]?.demand.gpuMilli ?? 0) / 1000;
}

function heldBy(running: readonly RunningJob[], project: string, isStaying: boolean): number {
  let sum = 0;
  for (const job of running) {
    if (job.projectId !== project || (isStaying && job.stopsByMs !== undefined)) continue;
    sum += job.demand.gpuMilli / 1000;
  }
  return sum;
}

function toPending({ job, leftMin, sinceMin, awaitsEvictions }: Work): PendingJob {
  const limitMs = job.limitMin === 0 ? 0 : Math.max(job.limitMin, Math.ceil(leftMin)) * MINUTE_MS;
  return aPending(
    job.id,
    { project: job.project, gpuMilli: job.gpus * 1000, tasks: job.tasks, limitMs },
    { waitsSinceMs: NOON_MS + sinceMin * MINUTE_MS, perHostMax: 1, awaitsEvictions },
  );
}
