/**
 * What may be read of users, tokens and members. Implemented by controller/state. Lookups cost no more than the log
 * of the number of records, listings what they list.
 */
import type { Member, ProjectRole, Token, User } from '../../../proto/domain/identity.ts';
import type { ProjectId, TokenId, UserId } from '../../../proto/domain/ids.ts';
import type { Lookup } from '../view.ts';

export interface IdentityView {
  /** Sequence of the last change of a user, a token or a member; the head's after a start. */
  readonly revision: number;
  readonly userCount: number;
  /** Users that are administrators and not revoked; the built-in one is no user. */
  readonly adminCount: number;

  /** By id, name, or unambiguous prefix of the id; revoked ones included. */
  findUser(ref: string): Lookup<User>;
  user(id: UserId): User | undefined;
  users(): Iterable<User>;

  token(id: TokenId): Token | undefined;
  /** By the sha256 of the token, hex; expired ones included. O(1), whatever is kept. */
  tokenOf(digest: string): Token | undefined;
  /** In id order. */
  tokens(userId?: UserId): Iterable<Token>;

  roleIn(projectId: ProjectId, userId: UserId): ProjectRole | undefined;
  /** In order of user ids. */
  members(projectId: ProjectId): readonly Member[];
  /** In order of project ids. */
  memberships(userId: UserId): readonly Member[];
}
