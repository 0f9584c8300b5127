/**
 * What is told of jobs that a pass left waiting: what is missing on how many hosts where room is the trouble, otherwise
 * which rule holds them back, and when and on what grounds they are thought to start.
 */
import type { Job } from '../../../proto/domain/job.ts';
import { summariseCounts } from '../placement/explain.ts';
import { FIT_REASONS } from '../placement/fit.ts';
import type { StartEstimate, WaitReason } from '../planner.ts';
import {
  type EstimateBasis,
  type PlannedWait,
  WAIT_MESSAGES,
  type WaitCode,
} from '../scheduling/pass-plan.ts';
import type { ClusterDraft } from './cluster-draft.ts';

/** Clauses after "expected to start in about …". */
const BASES: Readonly<Record<EstimateBasis, string>> = {
  eviction: 'once evicted work is gone',
  'time-limits': 'by the time limits of what runs',
  'assumed-ends': 'by how long work without a time limit is taken to run',
  'work-ahead': 'by the work that stands before it',
  'not-before': 'after its pause',
  unknown: '',
};

/** Here the hosts say it better than the rule. */
const ROOM_CODES: ReadonlySet<WaitCode> = new Set(['NO_ROOM', 'RESERVED_START', 'BEHIND']);

type Summary = Omit<WaitReason, 'jobId'>;

/** Waits of one plan; `draft` has the plan's own starts taken. Equal needs share one look at the hosts. */
export class WaitReasons {
  readonly #draft: Pick<ClusterDraft, 'shapes' | 'packing'>;
  readonly #summaries = new Map<number, Summary>();

  constructor(draft: Pick<ClusterDraft, 'shapes' | 'packing'>) {
    this.#draft = draft;
  }

  reasonFor(job: Job, wait: PlannedWait): WaitReason {
    const estimate = estimateOf(wait);
    const told = estimate === undefined ? {} : { estimate };
    if (wait.code === 'NOT_BEFORE') return { ...pausing(job), ...told };
    if (!ROOM_CODES.has(wait.code)) return { jobId: job.id, ...ruleOf(wait), hostsByReason: {}, ...told };
    const { code, message, hostsByReason } = this.missingFor(job);
    const rule = ruleOf(wait);
    // Some host would do now, yet not while room there is kept for others or for as long as it runs.
    if (code === 'QUEUED') return { jobId: job.id, ...rule, hostsByReason, ...told };
    const kept = wait.code === 'RESERVED_START' ? '; room is kept for it' : '';
    return { jobId: job.id, code, message: message + kept, hostsByReason, ...told };
  }

  /** What the hosts lack for it. */
  missingFor(job: Job): Summary {
    const { shapes, packing } = this.#draft;
    const shape = shapes.numberOf(job);
    const known = this.#summaries.get(shape);
    if (known !== undefined) return known;
    const { counts, openCount, only } = packing.countReasons(shape);
    const told = FIT_REASONS.flatMap((reason, at) => {
      const count = counts[at + 1] as number;
      return count === 0 ? [] : [[reason, count] as const];
    });
    const made = summariseCounts(Object.fromEntries(told), openCount, only);
    this.#summaries.set(shape, made);
    return made;
  }
}

export function pausing(job: Job): WaitReason {
  return { jobId: job.id, code: 'PAUSED', message: 'pauses after a failed attempt', hostsByReason: {} };
}

function ruleOf({ code, quotaNode, quotaResource }: PlannedWait): { code: WaitCode; message: string } {
  const bound = quotaNode === undefined ? '' : ` (${quotaResource} of ${quotaNode})`;
  return { code, message: WAIT_MESSAGES[code] + bound };
}

function estimateOf({ startMs, basis, code }: PlannedWait): StartEstimate | undefined {
  if (startMs === undefined || code === 'NOT_BEFORE') return undefined;
  return { startMs, basis: BASES[basis] };
}
