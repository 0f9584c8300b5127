/** The answer to why a job waits: what binds it, what hosts lack, who is in the way, when, and what to try instead. */
import type { JobExplanation } from '../../../proto/domain/explain-views.ts';
import type { Job } from '../../../proto/domain/job.ts';
import { queueOf } from '../job/model.ts';
import type { Planner } from '../planner.ts';
import type { ClusterReader } from '../reader.ts';
import { type Answer, type AskInput, askPlanner } from './ask-planner.ts';
import { laddersFor } from './change-ladders.ts';
import { ChangeSearch } from './change-search.ts';
import { groupHosts, judgeHosts } from './host-groups.ts';
import { forecastStart, whyUnknown } from './start-forecast.ts';
import { NO_JOBS, type SeesJob, veilAhead, veilHolders, veilJobs } from './veiled-jobs.ts';

export interface ExplainInput extends AskInput {
  readonly view: ClusterReader;
}

export interface Explaining {
  /** Whole but for the changes. */
  readonly explanation: JobExplanation;
  /** Undefined: there is nothing to seek. */
  readonly search?: ChangeSearch;
}

/** One plan, and O(hosts × GPUs + place in the queue). */
export function explainJob(planner: Planner, input: ExplainInput, job: Job, sees: SeesJob): Explaining {
  const { view } = input;
  if (job.state !== 'queued') return { explanation: notWaiting(job, view) };
  const gate = view.gateOf(job.id);
  const judged = judgeHosts(input, job);
  const answer: Answer =
    gate === undefined ? askPlanner(planner, input, [job])[0]! : { ...gate, victims: [] };
  const { code, message, victims, placement } = answer;
  const position = view.queuePosition(job.id);
  const isDue = placement !== undefined;
  const estimate = answer.estimate ?? (isDue ? undefined : forecastStart(input, job, position, judged));
  const explanation: JobExplanation = {
    ...notWaiting(job, view),
    code,
    message,
    position,
    hosts: groupHosts(judged),
    holders: veilHolders(view, judged, sees),
    ahead: veilAhead(view, position, sees),
    victims: veilJobs(view, victims, sees),
    ...(estimate === undefined ? {} : { estimate }),
    unknownBecause: isDue || estimate !== undefined ? '' : whyUnknown(code, job, judged),
    plans: gate === undefined ? 1 : 0,
  };
  // While it pauses after a failure nothing else binds it, and a start that is due is not to be hurried.
  if (isDue || code === 'PAUSED') return { explanation };
  const ladders = laddersFor({ reader: view, job, judged, nowMs: input.nowMs }, gate !== undefined);
  return { explanation, search: new ChangeSearch(ladders, answer) };
}

/** Of a job that waits for nothing: the state's own words. */
function notWaiting(job: Job, view: ClusterReader): JobExplanation {
  return {
    jobId: job.id,
    state: job.state,
    queue: queueOf(job),
    code: job.reason,
    message: job.reasonMessage,
    position: 0,
    readyCount: view.queue().length,
    hosts: [],
    holders: NO_JOBS,
    ahead: NO_JOBS,
    victims: NO_JOBS,
    unknownBecause: '',
    changes: [],
    plans: 0,
    incomplete: false,
  };
}

/** With what the search found until now. */
export function withChanges(explanation: JobExplanation, search: ChangeSearch): JobExplanation {
  const { changes, incomplete } = search;
  return { ...explanation, changes, incomplete, plans: explanation.plans + search.plans };
}
