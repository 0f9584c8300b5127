/**
 * The production policy on a trace: the same decision and the same learning as in the controller, fed with what a
 * controller would see. Every start, restart and move costs the profiled overhead in full, during which GPUs are held
 * and nothing is done; the policy sees the time with GPUs, overhead included.
 */
import { decideHolders } from '../../../controller/core/service/decide-holders.ts';
import { nextEdgeMs } from '../../../controller/core/service/service-bins.ts';
import { emptyServiceHistory, foldService } from '../../../controller/core/service/service-history.ts';
import { createServiceIndex } from '../../../controller/core/service/service-index.ts';
import type { ServiceJob } from '../../../controller/core/service/service-job.ts';
import type { ServiceParameters } from '../../../controller/core/service/service-parameters.ts';
import { createHostPacking } from './host-packing.ts';
import type { JobOutcome, Outcome } from './outcome.ts';
import type { Trace, TraceJob } from './trace.ts';

/** Jobs with as many GPUs, each submitted at most so long after the one before, are taken for one burst. Seconds. */
const BURST_GAP_S = 300;

interface Run {
  readonly trace: TraceJob;
  readonly id: string;
  readonly group: string;
  readonly submittedMs: number;
  workLeftMs: number;
  attainedMs: number;
  /** Service that the history knows of. */
  foldedMs: number;
  heldSinceMs: number | undefined;
  overheadLeftMs: number;
  preemptions: number;
}

export function replayNabla(trace: Trace, parameters: ServiceParameters): Outcome & { decisions: number } {
  const history = emptyServiceHistory(parameters);
  const index = createServiceIndex(history, parameters);
  const packing = createHostPacking();
  const live = new Map<string, Run>();
  const ended: JobOutcome[] = [];
  const groupOf = createBursts();
  let arrived = 0;
  let nowMs = 0;
  let reviewAtMs = Number.POSITIVE_INFINITY;
  let decisions = 0;
  const fold = (run: Run, hasEnded: boolean): void => {
    if (run.attainedMs > run.foldedMs || hasEnded) {
      const span = { gpuMilli: run.trace.gpus * 1_000, group: run.group, fromMs: run.foldedMs };
      foldService(history, { ...span, toMs: run.attainedMs, ended: hasEnded }, parameters);
    }
    run.foldedMs = run.attainedMs;
  };
  while (arrived < trace.jobs.length || live.size > 0) {
    const arrivalMs = toMs(trace.jobs[arrived]?.submitS ?? Number.POSITIVE_INFINITY);
    let nextMs = Math.min(arrivalMs, reviewAtMs);
    for (const run of live.values())
      if (run.heldSinceMs !== undefined) nextMs = Math.min(nextMs, nowMs + leftOf(run));
    if (!Number.isFinite(nextMs)) throw new Error(`a job of ${trace.name} never starts`);
    for (const run of live.values()) {
      if (run.heldSinceMs === undefined) continue;
      const edgeMs = nextEdgeMs(run.attainedMs, parameters);
      advance(run, nextMs - nowMs);
      if (leftOf(run) === 0) {
        fold(run, true);
        live.delete(run.id);
        packing.forget(run.id);
        ended.push({
          job: run.trace,
          endS: nextMs / 1_000,
          heldS: run.attainedMs / 1_000,
          preemptions: run.preemptions,
        });
      } else if (run.attainedMs >= edgeMs) {
        fold(run, false);
      }
    }
    nowMs = nextMs;
    for (; toMs(trace.jobs[arrived]?.submitS ?? Number.POSITIVE_INFINITY) <= nowMs; arrived += 1) {
      const run = toRun(trace.jobs[arrived] as TraceJob, groupOf);
      live.set(run.id, run);
      packing.admit(run.id, run.trace.gpus);
    }
    const decision = decideHolders({
      jobs: [...live.values()].map(toServiceJob),
      packing,
      index,
      parameters,
      nowMs,
    });
    const ranked = decision.order.map((id) => live.get(id) as Run);
    live.clear();
    for (const run of ranked) live.set(run.id, run);
    decisions += 1;
    for (const id of decision.evictions) {
      const run = live.get(id) as Run;
      fold(run, false);
      run.heldSinceMs = undefined;
      run.preemptions += 1;
    }
    for (const id of decision.starts) {
      const run = live.get(id) as Run;
      run.heldSinceMs = nowMs;
      run.overheadLeftMs = run.trace.overheadS * 1_000;
    }
    reviewAtMs = decision.reviewAtMs ?? Number.POSITIVE_INFINITY;
  }
  return { policy: 'nabla', jobs: ended, decisions };
}

function toMs(seconds: number): number {
  return Math.round(seconds * 1_000);
}

function leftOf(run: Run): number {
  return run.overheadLeftMs + run.workLeftMs;
}

function advance(run: Run, byMs: number): void {
  const overheadMs = Math.min(byMs, run.overheadLeftMs);
  run.overheadLeftMs -= overheadMs;
  run.workLeftMs -= byMs - overheadMs;
  run.attainedMs += byMs;
}

function toRun(job: TraceJob, groupOf: (job: TraceJob) => string): Run {
  return {
    trace: job,
    id: String(job.id).padStart(6, '0'),
    group: groupOf(job),
    submittedMs: toMs(job.submitS),
    workLeftMs: Math.max(1, toMs(job.workS)),
    attainedMs: 0,
    foldedMs: 0,
    heldSinceMs: undefined,
    overheadLeftMs: 0,
    preemptions: 0,
  };
}

function toServiceJob(run: Run): ServiceJob {
  const { id, group, submittedMs, attainedMs, heldSinceMs } = run;
  const { gpus } = run.trace;
  const job = { id, group, submittedMs, attainedMs, shape: gpus, gpuMilli: gpus * 1_000 };
  return heldSinceMs === undefined ? job : { ...job, heldSinceMs };
}

function createBursts(): (job: TraceJob) => string {
  const last = new Map<number, { name: string; submitS: number }>();
  return ({ id, gpus, submitS }) => {
    const before = last.get(gpus);
    const goesOn = before !== undefined && submitS - before.submitS <= BURST_GAP_S;
    const name = goesOn ? before.name : `${gpus}/${id}`;
    last.set(gpus, { name, submitS });
    return name;
  };
}
