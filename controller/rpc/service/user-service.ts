/**
 * UserService: who may use the cluster. For administrators only, so nothing here is hidden from its callers.
 */
import type { UserId } from '../../../proto/domain/ids.ts';
import { USER_LIST } from '../../../proto/domain/record-list.ts';
import { type User, UserSchema, type UserService } from '../../../proto/gen/nabla/v1/identity_pb.ts';
import type { ServiceHandlers } from '../../../proto/rpc/method-types.ts';
import { clusterRoleBridge } from '../../../proto/wire/enum-wire.ts';
import { toWireUser } from '../../../proto/wire/identity-wire.ts';
import { found } from '../../core/found-record.ts';
import { listPage } from '../list-page.ts';
import { requireReference } from '../request-field.ts';
import { commandContext, type ServicePorts } from '../service-ports.ts';

export function createUserService(ports: ServicePorts): ServiceHandlers<typeof UserService> {
  const { engine } = ports;
  const show = (ref: string): Promise<User> =>
    engine.read((view) =>
      toWireUser(found(view.identity.findUser(ref), { ref, noun: 'user', list: 'users list' })),
    );
  return {
    async createUser({ name, role }, context) {
      const id = ports.ids.mint('user') as UserId;
      const { subject } = await engine.submit(
        {
          type: 'create-user',
          id,
          name: requireReference(name, 'name'),
          role: clusterRoleBridge.fromWireOptional(role, 'role') ?? 'user',
        },
        commandContext(ports, context),
      );
      return { user: await show(subject) };
    },
    async getUser({ user }) {
      return { user: await show(requireReference(user, 'user')) };
    },
    async listUsers({ options }) {
      const records = await engine.read((view) => [...view.identity.users()]);
      const page = listPage({ kind: USER_LIST, records, schema: UserSchema, toWire: toWireUser }, options);
      return { users: page.records, nextPageToken: page.nextPageToken };
    },
    async updateUser({ user, role }, context) {
      const { subject } = await engine.submit(
        {
          type: 'change-user-role',
          user: requireReference(user, 'user'),
          role: clusterRoleBridge.fromWire(role, 'role'),
        },
        commandContext(ports, context),
      );
      return { user: await show(subject) };
    },
    async revokeUser({ user }, context) {
      const { subject } = await engine.submit(
        { type: 'revoke-user', user: requireReference(user, 'user') },
        commandContext(ports, context),
      );
      return { user: await show(subject) };
    },
  };
}
