/** Events about users, tokens and members as people read them. Digests stay out of it. */
import { assertNever } from '../../../proto/errors/cluster-error.ts';
import type { Description } from '../description.ts';
import type { IdentityEvent } from './events.ts';

export function describeIdentity(event: IdentityEvent): Description {
  switch (event.type) {
    case 'user-created':
      return {
        subject: event.userId,
        message: 'a user was made',
        fields: { name: event.name, role: event.role },
      };
    case 'user-role-changed':
      return {
        subject: event.userId,
        message: 'the role of a user changed',
        fields: { name: event.name, role: event.role },
      };
    case 'user-revoked':
      return { subject: event.userId, message: 'a user was revoked', fields: { name: event.name } };
    case 'token-created':
      return {
        subject: event.tokenId,
        message: 'a token was made',
        fields: { name: event.name, user: event.userName },
      };
    case 'token-revoked':
      return {
        subject: event.tokenId,
        message: 'a token was revoked',
        fields: { name: event.name, user: event.userName },
      };
    case 'member-added':
      return {
        subject: event.userId,
        projectId: event.projectId,
        message: 'a user was given a role in the project',
        fields: { user: event.userName, role: event.role },
      };
    case 'member-removed':
      return {
        subject: event.userId,
        projectId: event.projectId,
        message: 'a user was removed from the project',
        fields: { user: event.userName },
      };
    default:
      return assertNever(event);
  }
}
