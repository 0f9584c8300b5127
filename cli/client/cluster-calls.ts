/**
 * ClusterClient over an open channel: wire messages stop here. Loading it builds the descriptors of all messages, so
 * it is imported while the connection is being made.
 */
import {
  EventService,
  HostService,
  IdentityService,
  MachineTypeService,
  ProjectService,
  SecretService,
} from '../../proto/gen/nabla/v1/catalog_pb.ts';
import { JobService } from '../../proto/gen/nabla/v1/job_pb.ts';
import type { RpcChannel } from '../../proto/rpc/channel.ts';
import { createClient } from '../../proto/rpc/client.ts';
import { fromWireEventRecord } from '../../proto/wire/catalog-wire.ts';
import { fromWireIdentity } from '../../proto/wire/identity-wire.ts';
import type { AdminCalls } from './admin-calls.ts';
import { createCatalogCalls } from './catalog-calls.ts';
import type { ClusterClient } from './cluster-client.ts';
import { relabel, relabelStream, type Whereabouts } from './connection-error.ts';
import type { ConnectionTarget } from './connection-target.ts';
import { createHostOrderCalls } from './host-order-calls.ts';
import { createIdentityCalls } from './identity-calls.ts';
import { createJobCalls } from './job-calls.ts';

/** Closing the client closes the channel. */
export function createClusterCalls(channel: RpcChannel, target: ConnectionTarget): ClusterClient {
  const identity = createClient(IdentityService, channel);
  const events = createClient(EventService, channel);
  const told = { where: target.grpcAddress, foundBy: target.foundBy };
  const whoAmI = async () => fromWireIdentity(await relabel(identity.whoAmI({}), told));
  return {
    grpcAddress: target.grpcAddress,
    jobs: createJobCalls(createClient(JobService, channel), told),
    ...createCatalogCalls(
      {
        projects: createClient(ProjectService, channel),
        secrets: createClient(SecretService, channel),
        machineTypes: createClient(MachineTypeService, channel),
        hosts: createClient(HostService, channel),
      },
      told,
    ),
    hostOrders: createHostOrderCalls(channel, told),
    ...createIdentityCalls(channel, told),
    admin: createAdmin(channel, told),
    whoAmI,
    events: (query, signal) =>
      relabelStream(
        events.watchEvents(
          { ...query, types: [...query.types], afterSeq: BigInt(query.afterSeq) },
          { signal },
        ),
        told,
        ({ event }) => (event === undefined ? undefined : fromWireEventRecord(event)),
      ),
    // Their messages are built for those who send them.
    explain: async () => (await import('./explain-calls.ts')).createExplainCalls(channel, told),
    scheduling: async () => (await import('./scheduling-calls.ts')).createSchedulingCalls(channel, told),
    async bulk() {
      const { openBulkClient } = await import('./bulk-client.ts');
      const httpAddress = target.httpAddress ?? withPort(target.grpcAddress, (await whoAmI()).httpPort);
      return openBulkClient({ ...target, httpAddress });
    },
    close: () => channel.close(),
  };
}

/** The messages of operators are built for those who send them. */
function createAdmin(channel: RpcChannel, told: Whereabouts): AdminCalls {
  const load = async () => (await import('./admin-calls.ts')).createAdminCalls(channel, told);
  return {
    status: async () => (await load()).status(),
    fsck: async () => (await load()).fsck(),
    async *backup(signal) {
      yield* (await load()).backup(signal);
    },
  };
}

function withPort(address: string, port: number): string {
  return `${address.slice(0, address.lastIndexOf(':'))}:${port}`;
}
