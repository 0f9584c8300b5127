/**
 * A planner that is asked and never obeyed. It follows the cluster beside the one that plans, so that a question costs
 * what changed since the last one, and keeps nothing of what it answered.
 */
import type { Workload } from '../packing/workload.ts';
import type { Planner } from '../planner.ts';
import { createPlanner } from './plan-cluster.ts';
import { PlannerMemory } from './planner-memory.ts';

/** What the planner that is obeyed learned and promised so far decides here too. */
export function createQuestionPlanner(obeyed: Pick<PlannerMemory, 'workload' | 'promises'>): Planner {
  const learned: Workload = { observe: () => undefined, types: () => obeyed.workload.types() };
  const memory = new PlannerMemory(learned);
  const plan = createPlanner(memory);
  return (input) => {
    memory.recall(obeyed.promises);
    return plan(input);
  };
}
