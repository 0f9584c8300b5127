/**
 * Users, tokens, members and the caller's own identity between wire and domain.
 */
import { create } from '@bufbuild/protobuf';
import type { Member, Token, User } from '../domain/identity.ts';
import type { Principal, ProjectId, TokenId, UserId } from '../domain/ids.ts';
import type { Identity, ProjectMembership } from '../domain/views.ts';
import * as catalog from '../gen/nabla/v1/catalog_pb.ts';
import * as wire from '../gen/nabla/v1/identity_pb.ts';
import { clusterRoleBridge, projectRoleBridge, userStateBridge } from './enum-wire.ts';
import { fromCount, fromInt64, present, toInt64 } from './scalar-wire.ts';

const orAbsent = (timeMs: number): number | undefined => (timeMs === 0 ? undefined : timeMs);

export function toWireUser(user: User): wire.User {
  return create(wire.UserSchema, {
    id: user.id,
    name: user.name,
    role: clusterRoleBridge.toWire(user.role),
    state: userStateBridge.toWire(user.state),
    createdBy: user.createdBy,
    createdAtMs: toInt64(user.createdAtMs),
    revokedAtMs: toInt64(user.revokedAtMs ?? 0),
    revision: toInt64(user.revision),
  });
}

export function fromWireUser(user: wire.User, path = 'user'): User {
  return {
    id: user.id as UserId,
    name: user.name,
    role: clusterRoleBridge.fromWire(user.role, `${path}.role`),
    state: userStateBridge.fromWire(user.state, `${path}.state`),
    createdBy: user.createdBy as Principal,
    createdAtMs: fromInt64(user.createdAtMs, `${path}.createdAtMs`),
    ...present('revokedAtMs', orAbsent(fromInt64(user.revokedAtMs, `${path}.revokedAtMs`))),
    revision: fromInt64(user.revision, `${path}.revision`),
  };
}

export function toWireToken(token: Token): wire.Token {
  return create(wire.TokenSchema, {
    id: token.id,
    name: token.name,
    userId: token.userId,
    userName: token.userName,
    createdBy: token.createdBy,
    createdAtMs: toInt64(token.createdAtMs),
    expiresAtMs: toInt64(token.expiresAtMs ?? 0),
  });
}

export function fromWireToken(token: wire.Token, path = 'token'): Token {
  return {
    id: token.id as TokenId,
    name: token.name,
    userId: token.userId as UserId,
    userName: token.userName,
    createdBy: token.createdBy as Principal,
    createdAtMs: fromInt64(token.createdAtMs, `${path}.createdAtMs`),
    ...present('expiresAtMs', orAbsent(fromInt64(token.expiresAtMs, `${path}.expiresAtMs`))),
  };
}

export function toWireMember(member: Member): wire.Member {
  return create(wire.MemberSchema, {
    projectId: member.projectId,
    userId: member.userId,
    userName: member.userName,
    role: projectRoleBridge.toWire(member.role),
    addedBy: member.addedBy,
    addedAtMs: toInt64(member.addedAtMs),
  });
}

export function fromWireMember(member: wire.Member, path = 'member'): Member {
  return {
    projectId: member.projectId as ProjectId,
    userId: member.userId as UserId,
    userName: member.userName,
    role: projectRoleBridge.fromWire(member.role, `${path}.role`),
    addedBy: member.addedBy as Principal,
    addedAtMs: fromInt64(member.addedAtMs, `${path}.addedAtMs`),
  };
}

export function toWireIdentity(identity: Identity): catalog.WhoAmIResponse {
  return create(catalog.WhoAmIResponseSchema, {
    principal: identity.principal,
    roles: [...identity.roles],
    clusterId: identity.clusterId,
    serverVersion: identity.serverVersion,
    defaultProjectId: identity.defaultProjectId ?? '',
    httpPort: identity.httpPort,
    memberships: identity.memberships.map(({ role, ...project }) => ({
      ...project,
      role: projectRoleBridge.toWire(role),
    })),
  });
}

export function fromWireIdentity(identity: catalog.WhoAmIResponse, path = 'identity'): Identity {
  const { defaultProjectId } = identity;
  return {
    principal: identity.principal as Principal,
    roles: identity.roles,
    clusterId: identity.clusterId,
    serverVersion: identity.serverVersion,
    ...present('defaultProjectId', defaultProjectId === '' ? undefined : (defaultProjectId as ProjectId)),
    httpPort: fromCount(identity.httpPort, `${path}.httpPort`),
    memberships: identity.memberships.map((membership, index) =>
      fromWireMembership(membership, `${path}.memberships[${index}]`),
    ),
  };
}

function fromWireMembership(membership: wire.ProjectMembership, path: string): ProjectMembership {
  return {
    projectId: membership.projectId as ProjectId,
    projectName: membership.projectName,
    role: projectRoleBridge.fromWire(membership.role, `${path}.role`),
  };
}
