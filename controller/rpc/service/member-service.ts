/**
 * MemberService: who may do what in one project. The door has made sure of the caller's role and put the project's
 * id into the request; everybody may leave but
 * its last owner, and owners alone may remove others.
 */
import type { ProjectId, UserId } from '../../../proto/domain/ids.ts';
import { MEMBER_LIST } from '../../../proto/domain/record-list.ts';
import { MemberSchema, type MemberService } from '../../../proto/gen/nabla/v1/identity_pb.ts';
import type { Caller } from '../../../proto/rpc/call-context.ts';
import type { ServiceHandlers } from '../../../proto/rpc/method-types.ts';
import { projectRoleBridge } from '../../../proto/wire/enum-wire.ts';
import { toWireMember } from '../../../proto/wire/identity-wire.ts';
import { type Access, mayInProject } from '../../core/identity/access.ts';
import type { ClusterView } from '../../core/view.ts';
import { methodForbidden } from '../auth/authorisation.ts';
import { requireAccess } from '../auth/door.ts';
import { listPage } from '../list-page.ts';
import { requireReference } from '../request-field.ts';
import { commandContext, type ServicePorts } from '../service-ports.ts';

/** By whole name or id. */
function isOneself(view: ClusterView, { userId }: Access, ref: string): boolean {
  if (userId === undefined) return false;
  return ref === userId || ref === view.identity.user(userId)?.name;
}

export function createMemberService(ports: ServicePorts): ServiceHandlers<typeof MemberService> {
  const { engine } = ports;
  const isAdmin = (caller: Caller): boolean =>
    engine.peek((view) => requireAccess(view, caller, ports.clock.nowMs()).role === 'admin');
  const membersOf = (project: string) => engine.read((view) => view.identity.members(project as ProjectId));
  return {
    async addMember({ project, user, role }, context) {
      const { subject } = await engine.submit(
        {
          type: 'add-member',
          project,
          user: requireReference(user, 'user'),
          role: projectRoleBridge.fromWire(role, 'role'),
          byAdmin: isAdmin(context.caller),
        },
        commandContext(ports, context),
      );
      const members = await membersOf(project);
      const member = members.find(({ userId }) => userId === (subject as UserId));
      return member === undefined ? {} : { member: toWireMember(member) };
    },
    async removeMember({ project, user }, context) {
      const ref = requireReference(user, 'user');
      engine.peek((view) => {
        const access = requireAccess(view, context.caller, ports.clock.nowMs());
        if (isOneself(view, access, ref)) return;
        if (mayInProject(view, access, project as ProjectId, 'owner')) return;
        throw methodForbidden('/nabla.v1.MemberService/RemoveMember', { least: 'owner', project: 'named' });
      });
      const byAdmin = isAdmin(context.caller);
      await engine.submit(
        { type: 'remove-member', project, user: ref, byAdmin },
        commandContext(ports, context),
      );
      return {};
    },
    async listMembers({ project, options }) {
      const records = await membersOf(project);
      const source = { kind: MEMBER_LIST, records, schema: MemberSchema, toWire: toWireMember };
      const page = listPage(source, options);
      return { members: page.records, nextPageToken: page.nextPageToken };
    },
  };
}
