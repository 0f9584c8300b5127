/**
 * Who may be evicted for whom. Two grounds: the project of the waiting job is guaranteed the room and another project
 * borrows it (reclaim), or the victim is preemptible and worth less (priority). Work that its project is guaranteed is
 * never taken by another project, whatever the priorities: a guarantee that gives way is none.
 */
import type { Claim, QuotaLedger } from '../quota/quota-ledger.ts';
import type { RunningJob } from './pass-jobs.ts';

/** Running work with what its eviction depends on. */
export interface Victim {
  readonly job: RunningJob;
  readonly node: number;
  readonly claim: Claim;
  readonly band: number;
}

/** How long it has run. */
export function ranFor({ isPreparing = false, startedMs }: RunningJob, nowMs: number): number {
  return isPreparing ? 0 : Math.max(0, nowMs - startedMs);
}

/** Thousandths of GPUs times milliseconds that an eviction throws away at most. */
export function lostWith({ job }: Victim, nowMs: number): number {
  return job.demand.gpuMilli * ranFor(job, nowMs);
}

export interface Preemptor {
  readonly node: number;
  readonly claim: Claim;
  readonly band: number;
  readonly priority: number;
  readonly isEntitled: boolean;
}

export interface VictimPolicy {
  readonly nowMs: number;
  readonly minRuntimeMs: number;
  /** May be shorter than the other, because lent quota must be back in time. */
  readonly reclaimMinRuntimeMs: number;
}

/** Lowest band and priority first, then the youngest, then by id. */
export function compareVictims(a: Victim, b: Victim): number {
  return (
    a.band - b.band ||
    a.job.priority - b.job.priority ||
    b.job.startedMs - a.job.startedMs ||
    (a.job.id < b.job.id ? -1 : 1)
  );
}

/**
 * The ground on which a victim may go, as things stand in `ledger` (what is already to go left out); undefined: none.
 */
export function groundOf(
  victim: Victim,
  preemptor: Preemptor,
  ledger: QuotaLedger,
  policy: VictimPolicy,
): 'reclaim' | 'priority' | undefined {
  if (victim.job.stopsByMs !== undefined) return undefined;
  const ranMs = ranFor(victim.job, policy.nowMs);
  const isOwn = victim.node === preemptor.node;
  const isLent = !isOwn && ledger.isBorrowing(victim.node, preemptor.node, preemptor.claim);
  if (isLent && preemptor.isEntitled && ranMs >= policy.reclaimMinRuntimeMs) return 'reclaim';
  if (!victim.job.isPreemptible || ranMs < policy.minRuntimeMs) return undefined;
  const isWorthLess =
    victim.band < preemptor.band ||
    (victim.band === preemptor.band && victim.job.priority < preemptor.priority);
  return isWorthLess && (isOwn || isLent) ? 'priority' : undefined;
}
