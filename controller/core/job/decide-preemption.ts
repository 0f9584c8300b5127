/**
 * Stops running attempts so that a waiting job gets their room. The planner chose on a snapshot; here each is looked at
 * again, so that nothing is stopped for a job that no longer waits, nothing twice, and nothing while preemption is off.
 */
import type { Command } from '../command.ts';
import type { Decision } from '../decision.ts';
import type { ClusterEvent } from '../event.ts';
import type { ClusterReader } from '../reader.ts';
import { latestAttempt } from './model.ts';

/** Preempted: the jobs are queued again once they stopped, and no retry of theirs is spent. */
export function decidePreemption(
  reader: ClusterReader,
  { evictions }: Extract<Command, { readonly type: 'preempt-jobs' }>,
): Decision {
  const isOn = reader.scheduling.policy.policy.preemption;
  const stopped = new Set<string>();
  const events: ClusterEvent[] = [];
  for (const { jobId, attempt, forJobId, graceMs } of isOn ? evictions : []) {
    const job = reader.job(jobId);
    const latest = job === undefined ? undefined : latestAttempt(job);
    if (job === undefined || latest === undefined || stopped.has(jobId)) continue;
    if (latest.number !== attempt || latest.phase === 'ended' || latest.stopCause !== undefined) continue;
    if (jobId === forJobId || !reader.isReady(forJobId)) continue;
    stopped.add(jobId);
    const ids = { jobId, projectId: job.projectId, attempt };
    events.push({ type: 'attempt-stop-requested', ...ids, cause: 'preempted', graceMs });
  }
  const ignored = evictions.length - events.length;
  const subject = evictions[0]?.jobId ?? '';
  return { ok: true, events, outcome: { subject, replayed: false, ...(ignored === 0 ? {} : { ignored }) } };
}
