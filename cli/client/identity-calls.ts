/**
 * Calls about users, their tokens and the members of projects over gRPC, wire to domain.
 */
import type { ClusterRole, Member, ProjectRole, Token, User } from '../../proto/domain/identity.ts';
import type { ListOptions } from '../../proto/domain/list-query.ts';
import { MemberService, TokenService, UserService } from '../../proto/gen/nabla/v1/identity_pb.ts';
import type { RpcChannel } from '../../proto/rpc/channel.ts';
import { createClient } from '../../proto/rpc/client.ts';
import { toWireListOptions } from '../../proto/wire/catalog-wire.ts';
import { clusterRoleBridge, projectRoleBridge } from '../../proto/wire/enum-wire.ts';
import { fromWireMember, fromWireToken, fromWireUser } from '../../proto/wire/identity-wire.ts';
import { fromPresent } from '../../proto/wire/scalar-wire.ts';
import { relabel, type Whereabouts } from './connection-error.ts';
import type { Page } from './page.ts';

export interface UserCalls {
  create(name: string, role: ClusterRole): Promise<User>;
  get(user: string): Promise<User>;
  list(options: ListOptions): Promise<Page<User>>;
  changeRole(user: string, role: ClusterRole): Promise<User>;
  revoke(user: string): Promise<User>;
}

export interface TokenCalls {
  /** `value` is told this once. An empty user is the caller; a lifetime of 0 has no end. */
  create(request: {
    readonly name: string;
    readonly user: string;
    readonly lifetimeMs: number;
  }): Promise<{ readonly token: Token; readonly value: string }>;
  get(token: string): Promise<Token>;
  list(options: ListOptions): Promise<Page<Token>>;
  revoke(token: string): Promise<void>;
}

export interface MemberCalls {
  /** Also changes the role of who is a member already. */
  add(project: string, user: string, role: ProjectRole): Promise<Member>;
  remove(project: string, user: string): Promise<void>;
  list(project: string, options: ListOptions): Promise<Page<Member>>;
}

export interface IdentityCalls {
  readonly users: UserCalls;
  readonly tokens: TokenCalls;
  readonly members: MemberCalls;
}

export function createIdentityCalls(channel: RpcChannel, told: Whereabouts): IdentityCalls {
  return {
    users: createUserCalls(channel, told),
    tokens: createTokenCalls(channel, told),
    members: createMemberCalls(channel, told),
  };
}

function createUserCalls(channel: RpcChannel, told: Whereabouts): UserCalls {
  const client = createClient(UserService, channel);
  const read = ({ user }: { readonly user?: Parameters<typeof fromWireUser>[0] | undefined }): User =>
    fromWireUser(fromPresent(user, 'user'));
  return {
    create: async (name, role) =>
      read(await relabel(client.createUser({ name, role: clusterRoleBridge.toWire(role) }), told)),
    get: async (user) => read(await relabel(client.getUser({ user }), told)),
    async list(options) {
      const answer = await relabel(client.listUsers({ options: toWireListOptions(options) }), told);
      return { records: answer.users.map((user) => fromWireUser(user)), nextPageToken: answer.nextPageToken };
    },
    changeRole: async (user, role) =>
      read(await relabel(client.updateUser({ user, role: clusterRoleBridge.toWire(role) }), told)),
    revoke: async (user) => read(await relabel(client.revokeUser({ user }), told)),
  };
}

function createTokenCalls(channel: RpcChannel, told: Whereabouts): TokenCalls {
  const client = createClient(TokenService, channel);
  return {
    async create({ lifetimeMs, ...request }) {
      const answer = await relabel(client.createToken({ ...request, lifetimeMs: BigInt(lifetimeMs) }), told);
      return { token: fromWireToken(fromPresent(answer.token, 'token')), value: answer.value };
    },
    async get(token) {
      const answer = await relabel(client.getToken({ token }), told);
      return fromWireToken(fromPresent(answer.token, 'token'));
    },
    async list(options) {
      const answer = await relabel(client.listTokens({ options: toWireListOptions(options) }), told);
      const records = answer.tokens.map((token) => fromWireToken(token));
      return { records, nextPageToken: answer.nextPageToken };
    },
    async revoke(token) {
      await relabel(client.revokeToken({ token }), told);
    },
  };
}

function createMemberCalls(channel: RpcChannel, told: Whereabouts): MemberCalls {
  const client = createClient(MemberService, channel);
  return {
    async add(project, user, role) {
      const request = { project, user, role: projectRoleBridge.toWire(role) };
      const answer = await relabel(client.addMember(request), told);
      return fromWireMember(fromPresent(answer.member, 'member'));
    },
    async remove(project, user) {
      await relabel(client.removeMember({ project, user }), told);
    },
    async list(project, options) {
      const answer = await relabel(
        client.listMembers({ project, options: toWireListOptions(options) }),
        told,
      );
      const records = answer.members.map((member) => fromWireMember(member));
      return { records, nextPageToken: answer.nextPageToken };
    },
  };
}
