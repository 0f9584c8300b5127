/**
 * Making, promoting and revoking users. A name stays taken after its user is gone, because records and events go on
 * naming who made them; and the last administrator stays one, because nobody could make another.
 */
import { BUILT_IN_ADMIN, type User } from '../../../proto/domain/identity.ts';
import type { Command } from '../command.ts';
import type { Decision, Refused } from '../decision.ts';
import { accept, refuse, refuseField } from '../decision.ts';
import { USERS_MAX } from '../limits.ts';
import { type Required, toRequired } from '../lookup.ts';
import { isUserName } from '../names.ts';
import type { ClusterReader } from '../reader.ts';

type Of<T extends Command['type']> = Extract<Command, { readonly type: T }>;

export function decideCreateUser(reader: ClusterReader, command: Of<'create-user'>): Decision {
  const { id, name, role } = command;
  if (!isUserName(name)) {
    const field = { path: 'name', reason: 'is not a user name' };
    const hint = 'use up to 63 lower-case letters, digits and . _ - @, beginning with a letter or digit';
    return refuseField('invalid', 'BAD_USER_NAME', field, hint);
  }
  const taken = reader.identity.findUser(name);
  if (name === BUILT_IN_ADMIN || (taken.found && taken.record.name === name)) {
    return refuse('exists', 'USER_EXISTS', 'that user name is taken', {
      hint: 'choose another name; those of revoked users are not given again',
      details: { name },
    });
  }
  if (reader.identity.userCount >= USERS_MAX) {
    return refuse('quota', 'USERS_MAX', 'there are too many users', {
      hint: 'change the role of one that is there',
    });
  }
  return accept(id, [{ type: 'user-created', userId: id, name, role }]);
}

export function decideChangeUserRole(reader: ClusterReader, command: Of<'change-user-role'>): Decision {
  const found = requireActiveUser(reader, command.user);
  if (!found.ok) return found;
  const { id, name, role } = found.record;
  if (role === command.role) return accept(id, []);
  if (isLastAdmin(reader, found.record)) return refuseLastAdmin('demoted');
  return accept(id, [{ type: 'user-role-changed', userId: id, name, role: command.role }]);
}

/** Of one that is revoked already: nothing more to do. */
export function decideRevokeUser(reader: ClusterReader, command: Of<'revoke-user'>): Decision {
  const found = requireUser(reader, command.user);
  if (!found.ok) return found;
  const { id, name, state } = found.record;
  if (state === 'revoked') return accept(id, []);
  if (isLastAdmin(reader, found.record)) return refuseLastAdmin('revoked');
  return accept(id, [{ type: 'user-revoked', userId: id, name }]);
}

/** The user that a reference means, revoked or not. */
export function requireUser(reader: ClusterReader, ref: string): Required<User> {
  if (ref === BUILT_IN_ADMIN) {
    return refuse('precondition', 'USER_BUILT_IN', 'the built-in administrator is no user', {
      hint: 'name another user; its one token is in admin.token in the data folder of the controller',
    });
  }
  return toRequired(reader.identity.findUser(ref), ref, 'user', 'list them with nabla users list');
}

export function requireActiveUser(reader: ClusterReader, ref: string): Required<User> {
  const found = requireUser(reader, ref);
  if (!found.ok || found.record.state === 'active') return found;
  return refuse('precondition', 'USER_REVOKED', 'the user was revoked', {
    hint: 'make a user of another name',
    details: { userId: found.record.id, name: found.record.name },
  });
}

function isLastAdmin(reader: ClusterReader, user: User): boolean {
  return user.role === 'admin' && user.state === 'active' && reader.identity.adminCount === 1;
}

function refuseLastAdmin(what: string): Refused {
  return refuse('precondition', 'LAST_ADMIN', `the last administrator cannot be ${what}`, {
    hint: 'make another administrator first; nabla tokens revoke takes the tokens of this one',
  });
}
