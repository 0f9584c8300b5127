/**
 * Who may use the cluster: users with a cluster role, their tokens, and their places in projects. A token's value is
 * in none of these records, only its digest is kept, beside them.
 */
import type { Principal, ProjectId, TokenId, UserId } from './ids.ts';

/** From least to most: `user` may only do what projects let it. */
export const CLUSTER_ROLES = ['user', 'operator', 'admin'] as const;
export type ClusterRole = (typeof CLUSTER_ROLES)[number];

/** From least to most. */
export const PROJECT_ROLES = ['viewer', 'member', 'owner'] as const;
export type ProjectRole = (typeof PROJECT_ROLES)[number];

export const USER_STATES = ['active', 'revoked'] as const;
export type UserState = (typeof USER_STATES)[number];

/** The administrator of the token file that the controller makes: no record, no tokens but that one. */
export const BUILT_IN_ADMIN = 'admin';

/** A revoked one stays, so that its name is never given to somebody else. */
export interface User {
  readonly id: UserId;
  /** Unique; the principal is `user:NAME`. */
  readonly name: string;
  readonly role: ClusterRole;
  readonly state: UserState;
  readonly createdBy: Principal;
  readonly createdAtMs: number;
  /** Present exactly when revoked. */
  readonly revokedAtMs?: number;
  readonly revision: number;
}

/** One bearer token of a user. A revoked one is no record any more. */
export interface Token {
  readonly id: TokenId;
  readonly userId: UserId;
  readonly userName: string;
  /** Unique among the tokens of the user. */
  readonly name: string;
  readonly createdBy: Principal;
  readonly createdAtMs: number;
  /** Absent: good until revoked. */
  readonly expiresAtMs?: number;
}

/** The role of one user in one project. */
export interface Member {
  readonly projectId: ProjectId;
  readonly userId: UserId;
  readonly userName: string;
  readonly role: ProjectRole;
  readonly addedBy: Principal;
  readonly addedAtMs: number;
}

/** Whether `role` is `least` or more. */
export function isAtLeast<R extends string>(order: readonly R[], role: R, least: R): boolean {
  return order.indexOf(role) >= order.indexOf(least);
}

/** `user:NAME`. */
export function principalOfUser(name: string): Principal {
  return `user:${name}` as Principal;
}
