/**
 * Users, tokens and members in memory, with the indexes that lookups need: tokens by digest, members by project and
 * by user. Changed only by apply-identity.ts and by loading rows.
 */
import type { Member, ProjectRole, Token, User } from '../../proto/domain/identity.ts';
import type { ProjectId, TokenId, UserId } from '../../proto/domain/ids.ts';
import { ID_PREFIXES } from '../../proto/domain/ids.ts';
import type { IdentityView, Lookup } from '../core/view.ts';
import { NamedTable } from './catalog-tables.ts';
import { SortedIds } from './sorted-ids.ts';

/** A token as it is kept: with the digest by which it is found. */
export interface TokenRecord extends Token {
  /** sha256 of the token, hex. */
  readonly digest: string;
}

export class IdentityTables implements IdentityView {
  revision = 0;
  readonly #users = new NamedTable<UserId, User>(ID_PREFIXES.user);
  readonly #tokens = new Map<TokenId, TokenRecord>();
  readonly #tokenIds = new SortedIds<TokenId>();
  readonly #byDigest = new Map<string, TokenRecord>();
  readonly #tokensOf = new Map<UserId, SortedIds<TokenId>>();
  readonly #ofProject = new Map<ProjectId, Map<UserId, Member>>();
  readonly #ofUser = new Map<UserId, Map<ProjectId, Member>>();
  #adminCount = 0;
  #memberCount = 0;

  get userCount(): number {
    return this.#users.size;
  }

  get adminCount(): number {
    return this.#adminCount;
  }

  /** Rows that the store must hold for these tables. */
  get rowCount(): number {
    return this.#users.size + this.#tokens.size + this.#memberCount;
  }

  findUser(ref: string): Lookup<User> {
    const found = this.#users.find(ref);
    // A mistyped name must not happen to be the beginning of somebody's id.
    const isMeant = ref.startsWith(ID_PREFIXES.user) || (found.found && found.record.name === ref);
    return isMeant ? found : { found: false, why: 'absent', matches: [] };
  }

  user(id: UserId): User | undefined {
    return this.#users.get(id);
  }

  users(): Iterable<User> {
    return this.#users.list();
  }

  token(id: TokenId): TokenRecord | undefined {
    return this.#tokens.get(id);
  }

  tokenOf(digest: string): TokenRecord | undefined {
    return this.#byDigest.get(digest);
  }

  *tokens(userId?: UserId): IterableIterator<TokenRecord> {
    const ids = userId === undefined ? this.#tokenIds : (this.#tokensOf.get(userId) ?? []);
    for (const id of ids) yield this.#tokens.get(id)!;
  }

  roleIn(projectId: ProjectId, userId: UserId): ProjectRole | undefined {
    return this.#ofProject.get(projectId)?.get(userId)?.role;
  }

  member(projectId: ProjectId, userId: UserId): Member | undefined {
    return this.#ofProject.get(projectId)?.get(userId);
  }

  members(projectId: ProjectId): readonly Member[] {
    const members = this.#ofProject.get(projectId)?.values() ?? [];
    return [...members].sort((left, right) => (left.userId < right.userId ? -1 : 1));
  }

  memberships(userId: UserId): readonly Member[] {
    const members = this.#ofUser.get(userId)?.values() ?? [];
    return [...members].sort((left, right) => (left.projectId < right.projectId ? -1 : 1));
  }

  *allMembers(): IterableIterator<Member> {
    for (const members of this.#ofProject.values()) yield* members.values();
  }

  putUser(user: User): void {
    this.#adminCount += countsAsAdmin(user) - countsAsAdmin(this.#users.get(user.id));
    this.#users.put(user);
  }

  putToken(token: TokenRecord): void {
    this.deleteToken(token.id);
    this.#tokens.set(token.id, token);
    this.#tokenIds.add(token.id);
    this.#byDigest.set(token.digest, token);
    const own = this.#tokensOf.get(token.userId) ?? new SortedIds<TokenId>();
    own.add(token.id);
    this.#tokensOf.set(token.userId, own);
  }

  deleteToken(id: TokenId): void {
    const token = this.#tokens.get(id);
    if (token === undefined) return;
    this.#tokens.delete(id);
    this.#tokenIds.delete(id);
    this.#byDigest.delete(token.digest);
    const own = this.#tokensOf.get(token.userId);
    own?.delete(id);
    if (own?.size === 0) this.#tokensOf.delete(token.userId);
  }

  putMember(member: Member): void {
    this.deleteMember(member.projectId, member.userId);
    const ofProject = this.#ofProject.get(member.projectId) ?? new Map<UserId, Member>();
    this.#ofProject.set(member.projectId, ofProject.set(member.userId, member));
    const ofUser = this.#ofUser.get(member.userId) ?? new Map<ProjectId, Member>();
    this.#ofUser.set(member.userId, ofUser.set(member.projectId, member));
    this.#memberCount += 1;
  }

  deleteMember(projectId: ProjectId, userId: UserId): void {
    const ofProject = this.#ofProject.get(projectId);
    if (ofProject?.delete(userId) !== true) return;
    if (ofProject.size === 0) this.#ofProject.delete(projectId);
    const ofUser = this.#ofUser.get(userId);
    ofUser?.delete(projectId);
    if (ofUser?.size === 0) this.#ofUser.delete(userId);
    this.#memberCount -= 1;
  }
}

function countsAsAdmin(user: User | undefined): number {
  return user?.role === 'admin' && user.state === 'active' ? 1 : 0;
}
