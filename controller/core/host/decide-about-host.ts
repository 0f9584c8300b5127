/** The door of commands about hosts, beside what hosts say themselves. */
import { assertNever } from '../../../proto/errors/cluster-error.ts';
import type { CommandContext } from '../command.ts';
import type { Decision } from '../decision.ts';
import { decideNoteContested, decideRenewCertificate, decideRevokeHost } from '../enrol/decide-identity.ts';
import { decideCreateJoinToken, decideJoinHost } from '../enrol/decide-join.ts';
import type { ClusterReader } from '../reader.ts';
import type { HostCommand } from './commands.ts';
import {
  decideCordonHost,
  decideDrainHost,
  decideEnforceDrain,
  decideRemoveHost,
  decideUncordonHost,
} from './decide-host-order.ts';

export function decideAboutHost(
  reader: ClusterReader,
  command: HostCommand,
  context: CommandContext,
): Decision {
  switch (command.type) {
    case 'create-join-token':
      return decideCreateJoinToken(reader, command, context);
    case 'join-host':
      return decideJoinHost(reader, command, context);
    case 'renew-certificate':
      return decideRenewCertificate(reader, command);
    case 'revoke-host':
      return decideRevokeHost(reader, command);
    case 'note-contested':
      return decideNoteContested(reader, command);
    case 'cordon-host':
      return decideCordonHost(reader, command);
    case 'uncordon-host':
      return decideUncordonHost(reader, command);
    case 'drain-host':
      return decideDrainHost(reader, command, context);
    case 'enforce-drain':
      return decideEnforceDrain(reader, command, context);
    case 'remove-host':
      return decideRemoveHost(reader, command, context);
    default:
      return assertNever(command);
  }
}
