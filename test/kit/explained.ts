/** Explanations as the service gives them, without its pauses: every question of a search is answered at once. */
import { type Answer, askPlanner } from '../../controller/core/explain/ask-planner.ts';
import { type ExplainInput, explainJob, withChanges } from '../../controller/core/explain/explain-job.ts';
import type { Planner } from '../../controller/core/planner.ts';
import { PlannerMemory } from '../../controller/core/planning/planner-memory.ts';
import { createQuestionPlanner } from '../../controller/core/planning/question-planner.ts';
import type { JobExplanation } from '../../proto/domain/explain-views.ts';
import type { HostId, JobId } from '../../proto/domain/ids.ts';
import type { Job } from '../../proto/domain/job.ts';
import type { World } from './stores-world.ts';

/** All hosts are there. */
export function askInput(world: World): ExplainInput {
  const readyHosts = new Set<HostId>([...world.state.hosts()].map(({ id }) => id));
  return { view: world.state, readyHosts, nowMs: world.nowMs, seed: 1 };
}

export const newAskedPlanner = (): Planner => createQuestionPlanner(new PlannerMemory());

export interface Explained {
  readonly explanation: JobExplanation;
  /** By flags of the change: the job as the planner was asked about it. */
  readonly asked: readonly Job[];
}

/** Everything, changes included. Default: all is seen, by a planner that was never asked before. */
export function explainWhole(
  world: World,
  id: JobId,
  options: { readonly planner?: Planner; readonly sees?: (job: Job) => boolean } = {},
): Explained {
  const { planner = newAskedPlanner(), sees = () => true } = options;
  const { explanation, search } = explainJob(planner, askInput(world), world.job(id), sees);
  if (search === undefined) return { explanation, asked: [] };
  const asked: Job[] = [];
  const questions = search.questions();
  for (let step = questions.next(); step.done !== true; ) {
    asked.push(step.value);
    step = questions.next(askPlanner(planner, askInput(world), [step.value])[0] as Answer);
  }
  return { explanation: withChanges(explanation, search), asked };
}
