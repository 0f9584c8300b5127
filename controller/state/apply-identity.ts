/**
 * Users, tokens and members after an event. The end of a user takes its tokens and memberships along in the same
 * commit: there is no moment in which a revoked user's token still opens anything.
 */
import type { ProjectId, UserId } from '../../proto/domain/ids.ts';
import { assertNever, invariant } from '../../proto/errors/cluster-error.ts';
import type { StampedEvent } from '../core/event.ts';
import type { IdentityEvent, MemberAdded, TokenCreated, UserCreated } from '../core/identity/events.ts';
import type { IdentityTables } from './identity-tables.ts';
import type { RowKey } from './rows.ts';

type Stamp = Pick<StampedEvent, 'seq' | 'timeMs' | 'principal'>;
type Touch = (row: RowKey) => void;

/** Changes `tables`; every changed or ended row is named to `touch`. */
export function applyIdentity(
  tables: IdentityTables,
  event: IdentityEvent,
  stamp: Stamp,
  touch: Touch,
): void {
  tables.revision = stamp.seq;
  switch (event.type) {
    case 'user-created':
      putUser(tables, event, stamp, touch);
      break;
    case 'user-role-changed':
      changeUser(tables, event.userId, { role: event.role, revision: stamp.seq }, touch);
      break;
    case 'user-revoked':
      revokeUser(tables, event.userId, stamp, touch);
      break;
    case 'token-created':
      putToken(tables, event, stamp, touch);
      break;
    case 'token-revoked':
      tables.deleteToken(event.tokenId);
      touch(`token/${event.tokenId}`);
      break;
    case 'member-added':
      putMember(tables, event, stamp, touch);
      break;
    case 'member-removed':
      tables.deleteMember(event.projectId, event.userId);
      touch(memberRow(event.projectId, event.userId));
      break;
    default:
      assertNever(event);
  }
}

/** What is left of a project that was deleted. */
export function forgetMembers(tables: IdentityTables, projectId: ProjectId, seq: number, touch: Touch): void {
  tables.revision = seq;
  for (const { userId } of tables.members(projectId)) {
    tables.deleteMember(projectId, userId);
    touch(memberRow(projectId, userId));
  }
}

function memberRow(projectId: ProjectId, userId: UserId): RowKey {
  return `member/${projectId}/${userId}`;
}

function putUser(tables: IdentityTables, event: UserCreated, stamp: Stamp, touch: Touch): void {
  const { userId: id, name, role } = event;
  const { seq: revision, timeMs: createdAtMs, principal: createdBy } = stamp;
  tables.putUser({ id, name, role, state: 'active', createdBy, createdAtMs, revision });
  touch(`user/${id}`);
}

function changeUser(
  tables: IdentityTables,
  userId: UserId,
  change: Partial<NonNullable<ReturnType<IdentityTables['user']>>>,
  touch: Touch,
): void {
  const user = tables.user(userId);
  invariant(user !== undefined, 'EVENT_DOES_NOT_FOLLOW', { userId });
  tables.putUser({ ...user, ...change });
  touch(`user/${userId}`);
}

function revokeUser(tables: IdentityTables, userId: UserId, { seq, timeMs }: Stamp, touch: Touch): void {
  changeUser(tables, userId, { state: 'revoked', revokedAtMs: timeMs, revision: seq }, touch);
  for (const id of Array.from(tables.tokens(userId), (token) => token.id)) {
    tables.deleteToken(id);
    touch(`token/${id}`);
  }
  for (const { projectId } of tables.memberships(userId)) {
    tables.deleteMember(projectId, userId);
    touch(memberRow(projectId, userId));
  }
}

function putToken(tables: IdentityTables, event: TokenCreated, stamp: Stamp, touch: Touch): void {
  const { tokenId: id, userId, userName, name, digest, expiresAtMs } = event;
  const { timeMs: createdAtMs, principal: createdBy } = stamp;
  const record = { id, userId, userName, name, digest, createdBy, createdAtMs };
  tables.putToken(expiresAtMs === undefined ? record : { ...record, expiresAtMs });
  touch(`token/${id}`);
}

/** A new role keeps who added the member, and when. */
function putMember(tables: IdentityTables, event: MemberAdded, stamp: Stamp, touch: Touch): void {
  const { projectId, userId, userName, role } = event;
  const before = tables.member(projectId, userId);
  const { addedBy, addedAtMs } = before ?? { addedBy: stamp.principal, addedAtMs: stamp.timeMs };
  tables.putMember({ projectId, userId, userName, role, addedBy, addedAtMs });
  touch(memberRow(projectId, userId));
}
