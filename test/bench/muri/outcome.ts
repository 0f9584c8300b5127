/**
 * What a replay came to: one outcome per job, and the figures that are printed and compared. One definition for all
 * policies, so that a comparison is one.
 */
import { percentile } from '../bench-report.ts';
import type { TraceJob } from './trace.ts';

/** Shorter work counts as this long in a slowdown, in seconds: waiting a minute for a second of work is no scandal. */
export const SLOWDOWN_WORK_MIN_S = 600;

export interface JobOutcome {
  readonly job: TraceJob;
  readonly endS: number;
  /** Time with GPUs, in seconds, overheads included. */
  readonly heldS: number;
  /** How often its GPUs were taken away. */
  readonly preemptions: number;
}

export interface Outcome {
  readonly policy: string;
  readonly jobs: readonly JobOutcome[];
}

export interface Figures {
  readonly avgJctS: number;
  readonly makespanS: number;
  readonly p99JctS: number;
  readonly preemptionsPerJob: number;
  readonly slowdownP50: number;
  readonly slowdownP99: number;
  /** The most that one job waited without GPUs, all its waits together. */
  readonly maxWaitS: number;
}

export function jctOf({ job, endS }: JobOutcome): number {
  return endS - job.submitS;
}

export function slowdownOf(outcome: JobOutcome): number {
  return jctOf(outcome) / Math.max(outcome.job.workS, SLOWDOWN_WORK_MIN_S);
}

export function figuresOf({ jobs }: Outcome): Figures {
  const jcts = jobs.map(jctOf);
  const slowdowns = jobs.map(slowdownOf);
  return {
    avgJctS: mean(jcts),
    makespanS: Math.max(...jobs.map((one) => one.endS)),
    p99JctS: percentile(jcts, 99),
    preemptionsPerJob: mean(jobs.map((one) => one.preemptions)),
    slowdownP50: percentile(slowdowns, 50),
    slowdownP99: percentile(slowdowns, 99),
    maxWaitS: Math.max(...jobs.map((one) => jctOf(one) - one.heldS)),
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
