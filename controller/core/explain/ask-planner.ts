/** Questions to the planner: what would it do now, were one job other than it is, or were there one more. */
import type { JobId } from '../../../proto/domain/ids.ts';
import type { Job } from '../../../proto/domain/job.ts';
import type { StartEstimate } from '../../../proto/domain/views.ts';
import type { Placement } from '../command.ts';
import type { PlanInput, Planner } from '../planner.ts';
import { pauseOf } from '../planning/waiting-job.ts';
import { changedView } from './changed-view.ts';
import { ASKED_STARTS_MAX } from './explain-limits.ts';

/** State and hosts at the moment of asking. */
export type AskInput = Pick<PlanInput, 'view' | 'readyHosts' | 'nowMs' | 'seed'>;

export interface Answer {
  /** Absent: it would wait. */
  readonly placement?: Placement;
  /** Why it would wait; `STARTS_NOW` if it would not. */
  readonly code: string;
  readonly message: string;
  /** The planner's own; absent: it says nothing, or the job would start at once. */
  readonly estimate?: StartEstimate;
  /** Whose work would be stopped for it. */
  readonly victims: readonly JobId[];
}

const STARTS_NOW = { code: 'STARTS_NOW', message: 'fits now, and would be started at once' } as const;
const UNSEEN = { code: 'QUEUED', message: 'waits for its turn' } as const;

/** What would become of each of `jobs`, were they as they are here. One plan, with all that waits. */
export function askPlanner(planner: Planner, input: AskInput, jobs: readonly Job[]): readonly Answer[] {
  const view = changedView(input.view, jobs);
  const plan = planner({ ...input, view, placementsMax: ASKED_STARTS_MAX });
  const { evictions = [] } = plan;
  const placements = new Map(plan.placements.map((placement) => [placement.jobId, placement]));
  const waits = new Map(plan.waiting.map((wait) => [wait.jobId, wait]));
  return jobs.map((job): Answer => {
    const placement = placements.get(job.id);
    if (placement !== undefined) return { placement, ...STARTS_NOW, victims: [] };
    const victims = evictions.filter(({ forJobId }) => forJobId === job.id).map(({ jobId }) => jobId);
    const { code, message, ...wait } = waits.get(job.id) ?? plan.reasonOf?.(job.id) ?? UNSEEN;
    const said = 'estimate' in wait ? wait.estimate : undefined;
    const estimate = said ?? afterPause(job, input.nowMs);
    const isAhead = estimate !== undefined && estimate.startMs > input.nowMs;
    return { code, message, victims, ...(isAhead ? { estimate } : {}) };
  });
}

function afterPause(job: Job, nowMs: number): StartEstimate | undefined {
  const startMs = pauseOf(job, nowMs);
  return startMs > nowMs ? { startMs, basis: 'after its pause' } : undefined;
}
