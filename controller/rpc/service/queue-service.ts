/** QueueService: classes of waiting work, with how much waits and runs in each. */
import type { ProjectId } from '../../../proto/domain/ids.ts';
import type { Queue } from '../../../proto/domain/scheduling.ts';
import { QUEUE_LIST } from '../../../proto/domain/scheduling-list.ts';
import type { QueueView } from '../../../proto/domain/scheduling-views.ts';
import {
  QueueSchema,
  type QueueService,
  type QueueChange as WireChange,
} from '../../../proto/gen/nabla/v1/scheduling_pb.ts';
import type { CallContext } from '../../../proto/rpc/call-context.ts';
import type { ServiceHandlers } from '../../../proto/rpc/method-types.ts';
import { fromMap, fromOptionalInt64, present } from '../../../proto/wire/scalar-wire.ts';
import { toWireQueue } from '../../../proto/wire/scheduling-wire.ts';
import { found } from '../../core/found-record.ts';
import { type Access, projectRoleOf } from '../../core/identity/access.ts';
import type { QueueChange } from '../../core/policy/commands.ts';
import type { ClusterView } from '../../core/view.ts';
import { requireAccess } from '../auth/door.ts';
import { listPage } from '../list-page.ts';
import { requireReference } from '../request-field.ts';
import { commandContext, type ServicePorts } from '../service-ports.ts';

export function createQueueService(ports: ServicePorts): ServiceHandlers<typeof QueueService> {
  const { engine, clock } = ports;
  const look = <T>({ caller }: CallContext, use: (view: ClusterView, access: Access) => T): Promise<T> =>
    engine.read((view) => use(view, requireAccess(view, caller, clock.nowMs())));
  const show = (name: string, context: CallContext) =>
    look(context, (view, access) => {
      const queue = view.scheduling.findQueue(name);
      const lookup = queue === undefined ? ABSENT : ({ found: true, record: queue } as const);
      const record = found(lookup, { ref: name, noun: 'queue', list: 'queues list' });
      return { queue: toWireQueue(toQueueView(view, access, record)) };
    });
  return {
    async createQueue({ name, change }, context) {
      requireReference(name, 'name');
      await engine.submit(
        { type: 'create-queue', name, change: toChange(change) },
        commandContext(ports, context),
      );
      return show(name, context);
    },
    async updateQueue({ name, change }, context) {
      requireReference(name, 'name');
      await engine.submit(
        { type: 'update-queue', name, change: toChange(change) },
        commandContext(ports, context),
      );
      return show(name, context);
    },
    async deleteQueue({ name }, context) {
      requireReference(name, 'name');
      await engine.submit({ type: 'delete-queue', name }, commandContext(ports, context));
      return {};
    },
    getQueue: ({ name }, context) => show(requireReference(name, 'name'), context),
    async listQueues({ options }, context) {
      const records = await look(context, (view, access) =>
        view.scheduling.queues().map((queue) => toQueueView(view, access, queue)),
      );
      const page = listPage({ kind: QUEUE_LIST, records, schema: QueueSchema, toWire: toWireQueue }, options);
      return { queues: page.records, nextPageToken: page.nextPageToken };
    },
  };
}

const ABSENT = { found: false, why: 'absent', matches: [] } as const;

/** Projects that the caller does not see are left out, which must not make the rest look like all there are. */
function toQueueView(view: ClusterView, access: Access, queue: Queue): QueueView {
  const isSeen = (id: ProjectId): boolean => projectRoleOf(view, access, id) !== undefined;
  const allowedProjects = queue.allowedProjects.filter(isSeen);
  const restricted = queue.allowedProjects.length > 0;
  return { ...queue, restricted, allowedProjects, ...view.scheduling.queueLoad(queue.name) };
}

/** @throws ClusterError invalid, with the field's path */
function toChange(change: WireChange | undefined): QueueChange {
  if (change === undefined) return { limits: {} };
  const { description, priorityBand, allowedProjects, hostSelector } = change;
  return {
    ...present('description', description),
    ...present('priorityBand', priorityBand),
    limits: {
      ...present('timeLimitMs', fromOptionalInt64(change.timeLimitMs, 'limits.timeLimitMs')),
      ...present('gpuMilliPerJob', fromOptionalInt64(change.gpuMilliPerJob, 'limits.gpuMilliPerJob')),
      ...present('runningPerUser', fromOptionalInt64(change.runningPerUser, 'limits.runningPerUser')),
      ...present('jobsPerUser', fromOptionalInt64(change.jobsPerUser, 'limits.jobsPerUser')),
    },
    ...present('allowedProjects', allowedProjects?.projects),
    ...present('hostSelector', hostSelector && fromMap(hostSelector.labels, 'hostSelector')),
  };
}
