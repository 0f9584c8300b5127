/**
 * Who the controller takes the caller for.
 */
import { identityJson } from '../../../proto/domain/record-json.ts';
import type { RecordLook } from '../../render/records.ts';
import type { CommandContext } from '../command-tree.ts';

const LOOK: RecordLook = {
  id: (record) => String(record['principal']),
  columns: () => [
    { header: 'PRINCIPAL', value: (record) => String(record['principal']) },
    { header: 'ROLES', value: (record) => [record['roles']].flat().join(', ') },
    { header: 'CONTROLLER', value: (record) => String(record['controller']) },
    { header: 'CLUSTER', value: (record) => String(record['clusterId']) },
    { header: 'VERSION', value: (record) => String(record['serverVersion']) },
    { header: 'PROJECT', value: (record) => String(record['defaultProjectId'] ?? '-') },
  ],
  none: '',
};

export async function runWhoAmI(context: CommandContext): Promise<number> {
  const client = await context.connect();
  const identity = await client.whoAmI();
  await context.printRecord({ ...identityJson(identity), controller: client.grpcAddress }, LOOK);
  return 0;
}
