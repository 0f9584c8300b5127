/** The door to decisions about queues, quotas, the policy and reservations. */
import { assertNever } from '../../../proto/errors/cluster-error.ts';
import type { CommandContext } from '../command.ts';
import type { Decision } from '../decision.ts';
import type { ClusterReader } from '../reader.ts';
import type { SchedulingCommand } from './commands.ts';
import { decideSetPolicy } from './decide-policy.ts';
import { decideCreateQueue, decideDeleteQueue, decideUpdateQueue } from './decide-queue.ts';
import { decideDeleteQuota, decideSetQuota } from './decide-quota.ts';
import { decideCreateReservation, decideDeleteReservation } from './decide-reservation.ts';

export function decideScheduling(
  reader: ClusterReader,
  command: SchedulingCommand,
  context: CommandContext,
): Decision {
  switch (command.type) {
    case 'create-queue':
      return decideCreateQueue(reader, command);
    case 'update-queue':
      return decideUpdateQueue(reader, command);
    case 'delete-queue':
      return decideDeleteQueue(reader, command);
    case 'set-quota':
      return decideSetQuota(reader, command);
    case 'delete-quota':
      return decideDeleteQuota(reader, command);
    case 'set-policy':
      return decideSetPolicy(reader, command);
    case 'create-reservation':
      return decideCreateReservation(reader, command, context);
    case 'delete-reservation':
      return decideDeleteReservation(reader, command);
    default:
      return assertNever(command);
  }
}
