/**
 * The production planner: the scheduling pass over the cluster's own state, with the packing engine choosing hosts. Given
 * the same plans before, the same input gives the same plan.
 */
import type { JobId } from '../../../proto/domain/ids.ts';
import type { Job } from '../../../proto/domain/job.ts';
import type { Eviction } from '../command.ts';
import type { Plan, PlanInput, Planner } from '../planner.ts';
import type { SchedulePlan } from '../scheduling/pass-plan.ts';
import { schedule } from '../scheduling/schedule.ts';
import { type ClusterDraft, draftCluster } from './cluster-draft.ts';
import { type PassFromView, toPassInput } from './pass-from-view.ts';
import { planPlainly, toPlacement } from './plain-round.ts';
import { PlannerMemory } from './planner-memory.ts';
import type { RoomPlacing } from './room-packing.ts';
import { WaitReasons } from './wait-reasons.ts';

/** A job that would delay another is looked at again after so long, because guesses of ends move with time. */
const RELOOK_MS = 60_000;

/** One planner per planning loop: it remembers for whom room is kept. */
export function createPlanner(): Planner {
  const memory = new PlannerMemory();
  return (input) => planCluster(input, memory);
}

function planCluster(input: PlanInput, memory: PlannerMemory): Plan {
  const { view, nowMs } = input;
  memory.refresh(view, nowMs);
  const draft = draftCluster(input, memory);
  const jobs = input.queue ?? view.queue();
  const plain = planPlainly(input, draft, jobs, memory);
  if (plain !== undefined) {
    if (input.queue === undefined) memory.note([], [], nowMs);
    learn(plain, input, memory);
    return { ...plain, watched: memory.kept };
  }
  const plan = planByPass(input, draft, input.queue === undefined ? jobs : withKept(input, memory), memory);
  learn(plan, input, memory);
  return plan;
}

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

function planByPass(
  input: PlanInput,
  draft: ClusterDraft,
  jobs: readonly Job[],
  memory: PlannerMemory,
): Plan {
  const passInput = toPassInput(input, draft, jobs, memory);
  const made = schedule(passInput);
  const jobOf = new Map(jobs.map((job) => [job.id, job]));
  for (const { placing } of made.starts) draft.packing.take(placing);
  const reasons = new WaitReasons(draft);
  const waiting = made.waits.map((wait) => reasons.reasonFor(jobOf.get(wait.jobId)!, wait));
  const evictions = made.evictions.map((one) => toEviction(one, passInput));
  memory.hasPreemptible = passInput.running.some(({ isPreemptible }) => isPreemptible);
  memory.note(
    evictions.map(({ forJobId }) => forJobId),
    made.reserved.map(({ jobId }) => jobId),
    input.nowMs,
  );
  const nextEligibleMs = nextLook(made, passInput);
  return {
    placements: made.starts.map(({ jobId, placing }) =>
      toPlacement(jobOf.get(jobId)!, placing as RoomPlacing, draft),
    ),
    waiting,
    evictions,
    watched: memory.kept,
    ...(Number.isFinite(nextEligibleMs) ? { nextEligibleMs } : {}),
  };
}

function toEviction(
  { jobId, forJobId }: { readonly jobId: JobId; readonly forJobId: JobId },
  { running }: PassFromView,
): Eviction {
  const victim = running.find((job) => job.id === jobId && job.stopsByMs === undefined)!;
  return { jobId, attempt: victim.attempt, forJobId, graceMs: victim.graceMs };
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
  for (const { isPreemptible, startedMs, stopsByMs } of pass.running) {
    if (!isPreemptible || stopsByMs !== undefined) continue;
    const matureMs = startedMs + pass.policy.preemptionMinRuntimeMs;
    if (matureMs > pass.nowMs && matureMs < soonest) soonest = matureMs;
  }
  return soonest;
}

/** The engine keeps hosts fit for what is placed; whoever is preemptible may have to go for the next. */
function learn({ placements }: Plan, { view }: PlanInput, memory: PlannerMemory): void {
  for (const { jobId } of placements) {
    const spec = view.job(jobId)?.spec;
    if (spec === undefined) continue;
    memory.hasPreemptible ||= spec.preemptible;
    const { gpuMilli, gpuModels, gpuMemoryBytes, cpuMilli } = spec.resources;
    const gpuCount = gpuMilli / 1000;
    memory.workload.observe({ cpuMilli, gpuCount, gpuMilli: 1000, gpuModels, gpuMemoryBytes });
  }
}
