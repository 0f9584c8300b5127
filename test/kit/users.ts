/** Users of a controller under test: made by its built-in administrator, each with a token and clients of its own. */
import {
  ClusterRole,
  MemberService,
  TokenService,
  UserService,
} from '../../proto/gen/nabla/v1/identity_pb.ts';
import { createClient } from '../../proto/rpc/client.ts';
import type { ServiceClient } from '../../proto/rpc/method-types.ts';
import type { Clients, RunningController } from './running-controller.ts';

export interface IdentityClients {
  readonly users: ServiceClient<typeof UserService>;
  readonly tokens: ServiceClient<typeof TokenService>;
  readonly members: ServiceClient<typeof MemberService>;
}

export interface TestUser extends Clients, IdentityClients {
  readonly name: string;
  readonly token: string;
  readonly tokenId: string;
}

export function identityClients({ channel }: Clients): IdentityClients {
  return {
    users: createClient(UserService, channel),
    tokens: createClient(TokenService, channel),
    members: createClient(MemberService, channel),
  };
}

export async function makeUser(
  nabla: RunningController,
  name: string,
  {
    role = ClusterRole.USER,
    lifetimeMs = 0n,
  }: { readonly role?: ClusterRole; readonly lifetimeMs?: bigint } = {},
): Promise<TestUser> {
  const root = identityClients(nabla);
  await root.users.createUser({ name, role });
  const { token, value } = await root.tokens.createToken({ name: 'laptop', user: name, lifetimeMs });
  const clients = nabla.clientsWith(value);
  return { ...clients, ...identityClients(clients), name, token: value, tokenId: token?.id ?? '' };
}
