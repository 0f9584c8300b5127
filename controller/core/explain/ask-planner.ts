/** Questions to the planner: what would it do now, were one job other than it is, or were there one more. */
import type { JobId } from '../../../proto/domain/ids.ts';
import type { Job } from '../../../proto/domain/job.ts';
import type { StartEstimate } from '../../../proto/domain/views.ts';
import type { Placement } from '../command.ts';
import { BACKOFF_MAX_MS } from '../limits.ts';
import type { PlanInput, Planner } from '../planner.ts';
import { changedView } from './changed-view.ts';
import { QUEUE_SHOWN_MAX } from './explain-limits.ts';

/** A planner that remembers nothing of other questions. */
export type NewPlanner = () => Planner;

/** State and hosts at the moment of asking. */
export type AskInput = Pick<PlanInput, 'view' | 'readyHosts' | 'nowMs' | 'seed'>;

export interface Answer {
  /** Absent: it would wait. */
  readonly placement?: Placement;
  /** Why it would wait; `STARTS_NOW` if it would not. */
  readonly code: string;
  readonly message: string;
  /** Absent: nothing can be said, or it would start at once. */
  readonly estimate?: StartEstimate;
  /** Whose work would be stopped for it. */
  readonly victims: readonly JobId[];
}

const STARTS_NOW = { code: 'STARTS_NOW', message: 'fits now, and would be started at once' } as const;
const UNSEEN = { code: 'QUEUED', message: 'waits for its turn' } as const;

/** What would become of each of `jobs`, were they as they are here. One plan, with all that waits. */
export function askPlanner(newPlanner: NewPlanner, input: AskInput, jobs: readonly Job[]): readonly Answer[] {
  const view = changedView(input.view, jobs);
  const plan = newPlanner()({ ...input, view, placementsMax: QUEUE_SHOWN_MAX + jobs.length });
  const { evictions = [] } = plan;
  return jobs.map((job): Answer => {
    const placement = plan.placements.find(({ jobId }) => jobId === job.id);
    if (placement !== undefined) return { placement, ...STARTS_NOW, victims: [] };
    const victims = evictions.filter(({ forJobId }) => forJobId === job.id).map(({ jobId }) => jobId);
    const wait = plan.waiting.find(({ jobId }) => jobId === job.id) ?? plan.reasonOf?.(job.id) ?? UNSEEN;
    const estimate = ('estimate' in wait ? wait.estimate : undefined) ?? pauseOf(job, input.nowMs);
    const { code, message } = wait;
    return { code, message, victims, ...(estimate === undefined ? {} : { estimate }) };
  });
}

/** As planners keep it. */
function pauseOf({ notBeforeMs = 0 }: Job, nowMs: number): StartEstimate | undefined {
  if (notBeforeMs <= nowMs || notBeforeMs - nowMs > BACKOFF_MAX_MS) return undefined;
  return { startMs: notBeforeMs, basis: 'after its pause' };
}
