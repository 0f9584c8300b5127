/**
 * SRTF and SRSF as the published simulator runs them, oddities included: at every event the cluster is emptied and filled
 * again by remaining time (times GPUs), and every running job loses its start overhead at every event. These know how
 * long jobs take; they are here to prove the harness and as bounds that no policy without that knowledge reaches.
 */
import type { JobOutcome, Outcome } from './outcome.ts';
import type { Trace, TraceJob } from './trace.ts';

const HOSTS = 8;
const GPUS_PER_HOST = 8;

interface Run {
  readonly job: TraceJob;
  remaining: number;
  running: boolean;
  checkedS: number;
  heldS: number;
  preemptions: number;
}

export function replayShortestFirst(trace: Trace, policy: 'srtf' | 'srsf'): Outcome {
  const ended: JobOutcome[] = [];
  const live: Run[] = [];
  let arrived = 0;
  const keyOf = (run: Run): number =>
    run.remaining * run.job.iterationS * (policy === 'srsf' ? run.job.gpus : 1);
  while (arrived < trace.jobs.length || live.length > 0) {
    const arrivalS = trace.jobs[arrived]?.submitS ?? Number.POSITIVE_INFINITY;
    let endS = Number.POSITIVE_INFINITY;
    for (const run of live) {
      if (run.running) endS = Math.min(endS, run.checkedS + run.remaining * run.job.iterationS);
    }
    const nowS = Math.min(arrivalS, endS);
    if (!Number.isFinite(nowS)) throw new Error(`a job of ${trace.name} does not fit into the cluster`);
    if (endS <= arrivalS) collectEnded(live, endS, ended);
    for (; trace.jobs[arrived]?.submitS === nowS; arrived += 1) {
      const job = trace.jobs[arrived] as TraceJob;
      live.push({ job, remaining: job.iterations, running: false, checkedS: nowS, heldS: 0, preemptions: 0 });
    }
    for (const run of live) advance(run, nowS);
    live.sort((a, b) => keyOf(a) - keyOf(b));
    fill(live);
  }
  return { policy, jobs: ended };
}

function collectEnded(live: Run[], endS: number, ended: JobOutcome[]): void {
  for (let at = 0; at < live.length; ) {
    const run = live[at] as Run;
    if (run.running && run.checkedS + run.remaining * run.job.iterationS === endS) {
      const heldS = run.heldS + endS - run.checkedS;
      ended.push({ job: run.job, endS, heldS, preemptions: run.preemptions });
      live.splice(at, 1);
    } else {
      at += 1;
    }
  }
}

function advance(run: Run, nowS: number): void {
  if (run.running) {
    run.remaining -= Math.max(nowS - run.checkedS - run.job.overheadS, 0) / run.job.iterationS;
    run.heldS += nowS - run.checkedS;
  }
  run.checkedS = nowS;
}

/** Up to one host: the first with room. More: whole idle hosts. What does not fit is skipped. */
function fill(live: readonly Run[]): void {
  const free = Array.from({ length: HOSTS }, () => GPUS_PER_HOST);
  for (const run of live) {
    const fits = take(free, run.job.gpus);
    if (!fits && run.running) run.preemptions += 1;
    run.running = fits;
  }
}

function take(free: number[], gpus: number): boolean {
  if (gpus <= GPUS_PER_HOST) {
    const host = free.findIndex((left) => left >= gpus);
    if (host >= 0) free[host] = (free[host] as number) - gpus;
    return host >= 0;
  }
  const idle = [...free.keys()].filter((host) => free[host] === GPUS_PER_HOST);
  const need = Math.ceil(gpus / GPUS_PER_HOST);
  if (idle.length < need) return false;
  for (const host of idle.slice(0, need)) free[host] = 0;
  return true;
}
