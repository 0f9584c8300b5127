/** The answer to why a job waits: what binds it, what hosts lack, who is in the way, when, and what to try instead. */
import type { JobExplanation } from '../../../proto/domain/explain-views.ts';
import type { Job } from '../../../proto/domain/job.ts';
import { queueOf } from '../job/model.ts';
import type { ClusterReader } from '../reader.ts';
import { type Answer, type AskInput, askPlanner, type NewPlanner } from './ask-planner.ts';
import { ChangeSearch } from './change-search.ts';
import { laddersFor } from './change-ladders.ts';
import { groupHosts, judgeHosts } from './host-groups.ts';
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
export function explainJob(
  newPlanner: NewPlanner,
  input: ExplainInput,
  job: Job,
  sees: SeesJob,
): Explaining {
  const { view } = input;
  const about = { jobId: job.id, state: job.state, queue: queueOf(job) };
  const readyCount = view.queue().length;
  const rest = { readyCount, changes: [], incomplete: false };
  if (job.state !== 'queued') {
    const nobody = { holders: NO_JOBS, ahead: NO_JOBS, victims: NO_JOBS };
    const said = { code: job.reason, message: job.reasonMessage };
    return { explanation: { ...about, ...said, position: 0, hosts: [], ...nobody, ...rest, plans: 0 } };
  }
  const gate = view.gateOf(job.id);
  const judged = judgeHosts(input, job);
  const answer: Answer =
    gate === undefined ? askPlanner(newPlanner, input, [job])[0]! : { ...gate, victims: [] };
  const position = view.queuePosition(job.id);
  const { code, message, estimate, victims, placement } = answer;
  const explanation: JobExplanation = {
    ...about,
    code,
    message,
    position,
    hosts: groupHosts(judged),
    holders: veilHolders(view, judged, sees),
    ahead: veilAhead(view, position, sees),
    victims: veilJobs(view, victims, sees),
    ...(estimate === undefined ? {} : { estimate }),
    ...rest,
    plans: gate === undefined ? 1 : 0,
  };
  // While it pauses after a failure nothing else binds it, and a start that is due is not to be hurried.
  if (placement !== undefined || code === 'PAUSED') return { explanation };
  const ladders = laddersFor({ reader: view, job, judged }, gate !== undefined);
  return { explanation, search: new ChangeSearch(ladders, answer) };
}

/** With what the search found until now. */
export function withChanges(explanation: JobExplanation, search: ChangeSearch): JobExplanation {
  const { changes, incomplete } = search;
  return { ...explanation, changes, incomplete, plans: explanation.plans + search.plans };
}
