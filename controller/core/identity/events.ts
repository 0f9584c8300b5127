/**
 * Facts about users, tokens and members. The `type` strings are stored for ever. The end of a user ends its tokens
 * and memberships, the end of a project its memberships, without events of their own.
 */
import type { ClusterRole, ProjectRole } from '../../../proto/domain/identity.ts';
import type { ProjectId, TokenId, UserId } from '../../../proto/domain/ids.ts';

export interface UserCreated {
  readonly type: 'user-created';
  readonly userId: UserId;
  readonly name: string;
  readonly role: ClusterRole;
}
export interface UserRoleChanged {
  readonly type: 'user-role-changed';
  readonly userId: UserId;
  readonly name: string;
  readonly role: ClusterRole;
}
export interface UserRevoked {
  readonly type: 'user-revoked';
  readonly userId: UserId;
  readonly name: string;
}

export interface TokenCreated {
  readonly type: 'token-created';
  readonly tokenId: TokenId;
  readonly userId: UserId;
  readonly userName: string;
  readonly name: string;
  /** sha256 of the token, hex. */
  readonly digest: string;
  readonly expiresAtMs?: number;
}
export interface TokenRevoked {
  readonly type: 'token-revoked';
  readonly tokenId: TokenId;
  readonly userName: string;
  readonly name: string;
}

/** Of a new member, or a new role of an old one. */
export interface MemberAdded {
  readonly type: 'member-added';
  readonly projectId: ProjectId;
  readonly userId: UserId;
  readonly userName: string;
  readonly role: ProjectRole;
}
export interface MemberRemoved {
  readonly type: 'member-removed';
  readonly projectId: ProjectId;
  readonly userId: UserId;
  readonly userName: string;
}

export type IdentityEvent =
  | UserCreated
  | UserRoleChanged
  | UserRevoked
  | TokenCreated
  | TokenRevoked
  | MemberAdded
  | MemberRemoved;

/** Words of the events that only administrators see: they tell of people. */
export const IDENTITY_EVENT_TYPES: readonly IdentityEvent['type'][] = [
  'user-created',
  'user-role-changed',
  'user-revoked',
  'token-created',
  'token-revoked',
];
