/**
 * Tiresias (NSDI'19, 2D-LAS without oracle) as the published simulator runs it: three queues by attained GPU-seconds,
 * first come first served with skipping, running jobs before waiting ones inside a queue; GPUs are counted, not placed;
 * every running job loses its start overhead at every event. This is what the production policy is measured against.
 */
import type { JobOutcome, Outcome } from './outcome.ts';
import type { Trace, TraceJob } from './trace.ts';

const GPUS = 64;
/** Attained GPU-seconds at which a job leaves the first and the second queue. */
const QUEUE_LIMITS = [3_250, 7_200] as const;
/** In seconds. Without it a job can be short of a limit by less than the clock's last digit, and time stands still. */
const CROSSING_SLACK_S = 1e-6;

interface Run {
  readonly job: TraceJob;
  remaining: number;
  running: boolean;
  queue: number;
  checkedS: number;
  heldS: number;
  preemptions: number;
}

export function replayTiresias(trace: Trace): Outcome {
  const ended: JobOutcome[] = [];
  const queues: Run[][] = [[], [], []];
  const live: Run[] = [];
  let arrived = 0;
  while (arrived < trace.jobs.length || live.length > 0) {
    const arrivalS = trace.jobs[arrived]?.submitS ?? Number.POSITIVE_INFINITY;
    let endS = Number.POSITIVE_INFINITY;
    let jumpS = Number.POSITIVE_INFINITY;
    for (const run of live) {
      if (!run.running) continue;
      endS = Math.min(endS, endOf(run));
      jumpS = Math.min(jumpS, jumpOf(run));
    }
    const nowS = Math.min(arrivalS, endS, jumpS);
    if (!Number.isFinite(nowS)) throw new Error(`a job of ${trace.name} does not fit into the cluster`);
    // A crossing that falls together with an arrival or an end is dealt with by that one.
    if (endS === nowS) {
      for (const run of live.filter((one) => one.running && endOf(one) === endS)) {
        ended.push({
          job: run.job,
          endS,
          heldS: run.heldS + endS - run.checkedS,
          preemptions: run.preemptions,
        });
        remove(live, run);
        remove(queues[run.queue] as Run[], run);
      }
    }
    if (arrivalS === nowS) {
      for (; trace.jobs[arrived]?.submitS === nowS; arrived += 1) {
        const run = startOf(trace.jobs[arrived] as TraceJob);
        live.push(run);
        queues[0]?.push(run);
      }
    }
    for (const run of live) advance(run, nowS, queues);
    fill(queues);
  }
  return { policy: 'tiresias', jobs: ended };
}

function startOf(job: TraceJob): Run {
  const { submitS, iterations } = job;
  return {
    job,
    remaining: iterations,
    running: false,
    queue: 0,
    checkedS: submitS,
    heldS: 0,
    preemptions: 0,
  };
}

function endOf(run: Run): number {
  return run.checkedS + run.remaining * run.job.iterationS;
}

function jumpOf(run: Run): number {
  const limit = QUEUE_LIMITS[run.queue];
  if (limit === undefined) return Number.POSITIVE_INFINITY;
  return Math.ceil(limit / run.job.gpus) - run.heldS + run.checkedS;
}

function advance(run: Run, nowS: number, queues: readonly Run[][]): void {
  if (run.running) {
    run.remaining -= Math.max(nowS - run.checkedS - run.job.overheadS, 0) / run.job.iterationS;
    run.heldS += nowS - run.checkedS;
    const limit = QUEUE_LIMITS[run.queue];
    if (limit !== undefined && (run.heldS + CROSSING_SLACK_S) * run.job.gpus >= limit) {
      remove(queues[run.queue] as Run[], run);
      run.queue += 1;
      queues[run.queue]?.push(run);
    }
  }
  run.checkedS = nowS;
}

function fill(queues: readonly Run[][]): void {
  let free = GPUS;
  for (const queue of queues) {
    for (const run of queue) {
      const fits = free >= run.job.gpus;
      if (fits) free -= run.job.gpus;
      else if (run.running) run.preemptions += 1;
      run.running = fits;
    }
    const waiting = queue.filter((run) => !run.running);
    queue.splice(0, queue.length, ...queue.filter((run) => run.running), ...waiting);
  }
}

function remove(runs: Run[], run: Run): void {
  const at = runs.indexOf(run);
  if (at >= 0) runs.splice(at, 1);
}
