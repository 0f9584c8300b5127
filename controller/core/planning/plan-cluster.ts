/**
 * The production planner: the scheduling pass over the cluster's own state, with the packing engine choosing hosts. Given
 * the same plans before, the same input gives the same plan.
 */
import type { JobId } from '../../../proto/domain/ids.ts';
import type { Job } from '../../../proto/domain/job.ts';
import type { Eviction } from '../command.ts';
import type { Plan, PlanInput, Planner, WaitReason } from '../planner.ts';
import { type SchedulePlan, WAIT_MESSAGES, type WaitCode } from '../scheduling/pass-plan.ts';
import { findGate } from '../scheduling/readiness.ts';
import { schedule } from '../scheduling/schedule.ts';
import { ranFor } from '../scheduling/victim-rules.ts';
import { classLanes } from './class-lanes.ts';
import { type ClusterDraft, draftCluster } from './cluster-draft.ts';
import { type PassFromView, toPassInput } from './pass-from-view.ts';
import { planPlainly, toPlacement } from './plain-round.ts';
import { PlannerMemory, type Verdict } from './planner-memory.ts';
import type { RoomPlacing } from './room-packing.ts';
import type { RunningAttempt } from './running-on-host.ts';
import { pausing, WaitReasons } from './wait-reasons.ts';
import type { JobClass, WaitingClasses } from './waiting-classes.ts';
import { pauseOf } from './waiting-job.ts';

/** A job that would delay another is looked at again after so long, because guesses of ends move with time. */
const RELOOK_MS = 60_000;

/** One planner per planning loop: it remembers the cluster from plan to plan, and for whom room is kept. */
export function createPlanner(memory = new PlannerMemory()): Planner {
  return (input) => planCluster(input, memory);
}

function planCluster(input: PlanInput, memory: PlannerMemory): Plan {
  const { view, nowMs } = input;
  memory.refresh(view, nowMs);
  const draft = draftCluster(input, memory);
  const plain = planPlainly(input, draft, input.queue ?? view.queue(), memory);
  if (plain !== undefined) {
    if (input.queue === undefined) memory.note([], [], nowMs);
    learn(plain, input, memory);
    return { ...plain, watched: memory.kept };
  }
  const plan = input.queue === undefined ? planWhole(input, draft, memory) : planPart(input, draft, memory);
  learn(plan, input, memory);
  return plan;
}

function planPart(input: PlanInput, draft: ClusterDraft, memory: PlannerMemory): Plan {
  const jobs = withKept(input, memory);
  const passInput = toPassInput(input, draft, jobs, memory);
  const made = schedule(passInput);
  return conclude(made, passInput, input, draft, memory);
}

/** The whole queue, by groups of jobs that are alike. */
function planWhole(input: PlanInput, draft: ClusterDraft, memory: PlannerMemory): Plan {
  const waiting = memory.waitingFor(input);
  const { queueOf } = memory.contextFor(input.view);
  const verdicts = new Map<JobClass, Verdict>();
  const keptClasses = new Set(Array.from(memory.kept, (id) => waiting.classOf(id)));
  const isBarred = (one: JobClass): boolean => {
    const head = memory.pendingOf(one.jobs[0] as Job, input);
    const gate = findGate(head, queueOf.get(head.queue), input.nowMs);
    if (gate !== undefined)
      verdicts.set(one, { code: gate, message: WAIT_MESSAGES[gate], hostsByReason: {} });
    return gate !== undefined || (memory.passed.has(one) && !keptClasses.has(one));
  };
  const lanes = classLanes({ waiting, pendingOf: (job) => memory.pendingOf(job, input), isBarred });
  const passInput = toPassInput(input, draft, lanes, memory);
  const made = schedule(passInput);
  const plan = conclude(made, passInput, input, draft, memory);
  for (const [at, { code }] of made.waits.entries()) {
    const { jobId, estimate: _, ...verdict } = plan.waiting[at] as WaitReason;
    const own = OF_ONE.has(code) ? undefined : waiting.classOf(jobId);
    if (own !== undefined) verdicts.set(own, verdict);
  }
  if (!made.isCut) memory.passed.clear();
  else for (const one of verdicts.keys()) memory.passed.add(one);
  memory.verdicts = verdicts;
  const paused = [...waiting.paused.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  const nextMs = Math.min(
    made.isCut ? input.nowMs : Number.POSITIVE_INFINITY,
    plan.nextEligibleMs ?? Number.POSITIVE_INFINITY,
    ...paused.map((job) => pauseOf(job, input.nowMs)),
  );
  return {
    ...plan,
    waiting: [...plan.waiting, ...paused.map(pausing)],
    reasonOf: (jobId) => reasonOf(jobId, memory, waiting),
    ...(Number.isFinite(nextMs) ? { nextEligibleMs: nextMs } : {}),
  };
}

/** What holds for one job of a group only. */
const OF_ONE: ReadonlySet<WaitCode> = new Set(['RESERVED_START', 'EVICTION']);

function reasonOf(
  jobId: JobId,
  { verdicts }: PlannerMemory,
  waiting: WaitingClasses,
): WaitReason | undefined {
  const own = waiting.classOf(jobId);
  if (own === undefined) return undefined;
  return { jobId, ...(verdicts.get(own) ?? BEHIND) };
}

const BEHIND: Verdict = { code: 'BEHIND', message: WAIT_MESSAGES.BEHIND, hostsByReason: {} };

/** Newcomers and the jobs that room is kept for, which they must not delay. */
function withKept({ queue = [], view }: PlanInput, memory: PlannerMemory): readonly Job[] {
  const known = new Set(queue.map(({ id }) => id));
  const kept: Job[] = [];
  for (const id of memory.kept) {
    const job = known.has(id) || view.queuePosition(id) === 0 ? undefined : view.job(id);
    if (job !== undefined) kept.push(job);
  }
  return [...kept, ...queue];
}

function conclude(
  made: SchedulePlan,
  passInput: PassFromView,
  { view, nowMs }: PlanInput,
  draft: ClusterDraft,
  memory: PlannerMemory,
): Plan {
  for (const { placing } of made.starts) draft.packing.take(placing);
  const reasons = new WaitReasons(draft);
  const waiting = made.waits.map((wait) => reasons.reasonFor(view.job(wait.jobId)!, wait));
  const evictions = toEvictions(made, passInput);
  memory.note(
    evictions.map(({ forJobId }) => forJobId),
    made.reserved.map(({ jobId }) => jobId),
    nowMs,
  );
  const nextEligibleMs = nextLook(made, passInput);
  return {
    placements: made.starts.map(({ jobId, placing }) =>
      toPlacement(view.job(jobId)!, placing as RoomPlacing, draft),
    ),
    waiting,
    evictions,
    watched: memory.kept,
    ...(Number.isFinite(nextEligibleMs) ? { nextEligibleMs } : {}),
  };
}

function toEvictions({ evictions }: SchedulePlan, { book }: PassFromView): readonly Eviction[] {
  if (evictions.length === 0) return [];
  const victims = new Map(book.victims.map(({ job }) => [job.id, job as RunningAttempt]));
  return evictions.map(({ jobId, forJobId }): Eviction => {
    const { attempt, graceMs } = victims.get(jobId)!;
    return { jobId, attempt, forJobId, graceMs };
  });
}

/** When time alone may change the answer: what the pass says, a victim old enough, a guess that moved. */
function nextLook(
  { waits, nextPassMs = Number.POSITIVE_INFINITY }: SchedulePlan,
  pass: PassFromView,
): number {
  let soonest = nextPassMs;
  if (waits.some(({ code }) => code === 'BACKFILL_WOULD_DELAY')) {
    soonest = Math.min(soonest, pass.nowMs + RELOOK_MS);
  }
  if (!pass.policy.preemption || !waits.some(({ position }) => position > 0)) return soonest;
  for (const { job } of pass.book.victims) {
    if (!job.isPreemptible) continue;
    const matureMs = pass.nowMs - ranFor(job, pass.nowMs) + pass.policy.preemptionMinRuntimeMs;
    if (matureMs > pass.nowMs && matureMs < soonest) soonest = matureMs;
  }
  return soonest;
}

/** The engine keeps hosts fit for what is placed. */
function learn({ placements }: Plan, { view }: PlanInput, memory: PlannerMemory): void {
  for (const { jobId } of placements) {
    const spec = view.job(jobId)?.spec;
    if (spec === undefined) continue;
    const { gpuMilli, gpuModels, gpuMemoryBytes, cpuMilli } = spec.resources;
    const gpuCount = gpuMilli / 1000;
    memory.workload.observe({ cpuMilli, gpuCount, gpuMilli: 1000, gpuModels, gpuMemoryBytes });
  }
}
