/**
 * Who the controller takes the caller for.
 */
import { identityJson } from '../../../proto/domain/record-json.ts';
import { IDENTITY_LOOK } from '../../render/identity-looks.ts';
import type { CommandContext } from '../command-tree.ts';

export async function runWhoAmI(context: CommandContext): Promise<number> {
  const client = await context.connect();
  const identity = await client.whoAmI();
  await context.printRecord({ ...identityJson(identity), controller: client.grpcAddress }, IDENTITY_LOOK);
  return 0;
}
