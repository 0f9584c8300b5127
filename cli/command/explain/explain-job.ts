/** `why`: asks the controller, and prints its answer. */
import { explanationJson } from '../../../proto/domain/explain-json.ts';
import { EXPLANATION_LOOK } from '../../render/explanation-look.ts';
import type { CommandContext } from '../command-tree.ts';

export async function explainJob(context: CommandContext): Promise<number> {
  const { explainJob: ask } = await (await context.connect()).explain();
  const project = await context.project();
  const withoutChanges = context.values.flag('quick');
  const explanation = await ask({ project, job: context.argument('job'), withoutChanges });
  await context.printRecord(explanationJson(explanation), EXPLANATION_LOOK);
  return 0;
}
