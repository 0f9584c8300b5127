/** Aim: what is told is what keeps the job back. Method: waits of each kind over one full host. */
import t from 'tap';
import { draftCluster } from '../../../../../controller/core/planning/cluster-draft.ts';
import { PlannerMemory } from '../../../../../controller/core/planning/planner-memory.ts';
import { WaitReasons } from '../../../../../controller/core/planning/wait-reasons.ts';
import type { PlannedWait } from '../../../../../controller/core/scheduling/pass-plan.ts';
import { PlannedWorld, planInput } from '../../../../kit/plan-world.ts';

function setting() {
  const planned = new PlannedWorld();
  planned.world.addGpuHost(1);
  planned.job(1);
  planned.step();
  const job = planned.world.job(planned.job(1));
  const reasons = new WaitReasons(draftCluster(planInput(planned.world), new PlannerMemory()));
  return (wait: Omit<PlannedWait, 'jobId' | 'position'>, of = job) =>
    reasons.reasonFor(of, { jobId: of.id, position: 1, ...wait });
}

t.test('where room is missing the hosts say what', async (t) => {
  const reasonOf = setting();
  const lacks = { code: 'NO_FREE_GPU', hostsByReason: { NO_FREE_GPU: 1 } };
  t.match(reasonOf({ code: 'NO_ROOM', basis: 'unknown' }), lacks);
  t.match(reasonOf({ code: 'RESERVED_START', startMs: 5, basis: 'time-limits' }), {
    ...lacks,
    message: /room is kept for it$/,
    estimate: { startMs: 5, basis: 'by the time limits of what runs' },
  });
});

t.test('where a rule keeps it back the rule is named', async (t) => {
  const reasonOf = setting();
  const quota = { code: 'QUOTA_LIMIT', basis: 'unknown', quotaNode: 'group', quotaResource: 'gpu' } as const;
  t.match(reasonOf(quota), { code: 'QUOTA_LIMIT', message: /\(gpu of group\)$/, hostsByReason: {} });
  t.match(reasonOf({ code: 'EVICTION', startMs: 9, basis: 'eviction' }), { code: 'EVICTION' });
  t.match(reasonOf({ code: 'NOT_BEFORE', startMs: 9, basis: 'not-before' }), { code: 'PAUSED' });
  t.equal(reasonOf({ code: 'NO_ROOM', basis: 'unknown' }).estimate, undefined);
});
