/** QuotaService: the quota tree. Operators see all of it, others the branches of their projects. */
import type { ProjectId } from '../../../proto/domain/ids.ts';
import type { QuotaNode } from '../../../proto/domain/scheduling.ts';
import { QUOTA_LIST } from '../../../proto/domain/scheduling-list.ts';
import type { QuotaView } from '../../../proto/domain/scheduling-views.ts';
import { QuotaNodeSchema, type QuotaService } from '../../../proto/gen/nabla/v1/scheduling_pb.ts';
import type { CallContext } from '../../../proto/rpc/call-context.ts';
import type { ServiceHandlers } from '../../../proto/rpc/method-types.ts';
import { quotaKindBridge } from '../../../proto/wire/enum-wire.ts';
import { present } from '../../../proto/wire/scalar-wire.ts';
import { fromWireShare, toWireQuota } from '../../../proto/wire/scheduling-wire.ts';
import { found } from '../../core/found-record.ts';
import { type Access, projectRoleOf, seesAll } from '../../core/identity/access.ts';
import type { ClusterView } from '../../core/view.ts';
import { requireAccess } from '../auth/door.ts';
import { listPage } from '../list-page.ts';
import { requireReference } from '../request-field.ts';
import { commandContext, type ServicePorts } from '../service-ports.ts';
import { noteExcess } from '../view/quota-use.ts';

export function createQuotaService(ports: ServicePorts): ServiceHandlers<typeof QuotaService> {
  const { engine, clock } = ports;
  const look = <T>({ caller }: CallContext, use: (view: ClusterView, access: Access) => T): Promise<T> =>
    engine.read((view) => use(view, requireAccess(view, caller, clock.nowMs())));
  return {
    async setQuota({ name, kind, parent, shares, removeShares, weight }, context) {
      const { subject } = await engine.submit(
        {
          type: 'set-quota',
          name: requireReference(name, 'name'),
          kind: quotaKindBridge.fromWire(kind, 'kind'),
          ...present('parent', parent),
          shares: shares.map((share, index) => fromWireShare(share, `shares[${index}]`)),
          removeShares,
          ...present('weight', weight),
        },
        commandContext(ports, context),
      );
      return engine.read((view) => {
        const node = view.scheduling.quota(subject);
        if (node === undefined) return {};
        return { quota: toWireQuota(toQuotaView(view, node)), notes: [...noteExcess(view, node)] };
      });
    },
    async deleteQuota({ name }, context) {
      requireReference(name, 'name');
      await engine.submit({ type: 'delete-quota', name }, commandContext(ports, context));
      return {};
    },
    getQuota: ({ name }, context) =>
      look(context, (view, access) => {
        requireReference(name, 'name');
        const isMeant = (quota: QuotaView): boolean => quota.name === name || quota.projectName === name;
        const quota = visibleQuotas(view, access).find(isMeant);
        const lookup = quota === undefined ? ABSENT : ({ found: true, record: quota } as const);
        return { quota: toWireQuota(found(lookup, { ref: name, noun: 'quota', list: 'quotas list' })) };
      }),
    async listQuotas({ options }, context) {
      const records = await look(context, visibleQuotas);
      const kind = { kind: QUOTA_LIST, records, schema: QuotaNodeSchema, toWire: toWireQuota };
      const page = listPage(kind, options);
      return { quotas: page.records, nextPageToken: page.nextPageToken };
    },
  };
}

const ABSENT = { found: false, why: 'absent', matches: [] } as const;

function toQuotaView(view: ClusterView, node: QuotaNode): QuotaView {
  const project = node.kind === 'project' ? view.project(node.name as ProjectId) : undefined;
  return project === undefined ? node : { ...node, projectName: project.name };
}

/** Of the projects that the caller sees, and of the groups above them. */
function visibleQuotas(view: ClusterView, access: Access): readonly QuotaView[] {
  const all = view.scheduling.quotas();
  const shown = new Set<string>();
  for (const node of seesAll(access) ? [] : all) {
    const isSeen =
      node.kind === 'project' && projectRoleOf(view, access, node.name as ProjectId) !== undefined;
    if (!isSeen) continue;
    for (let at = node.name; at !== ''; at = view.scheduling.quota(at)?.parent ?? '') shown.add(at);
  }
  const nodes = seesAll(access) ? all : all.filter(({ name }) => shown.has(name));
  return nodes.map((node) => toQuotaView(view, node));
}
