/**
 * The gRPC implementation of ClusterClient: wire messages stop here. Loading it loads grpc-js and protobuf, so it
 * is imported when a command first connects.
 */
import { rootCertificates } from 'node:tls';
import {
  EventService,
  HostService,
  IdentityService,
  MachineTypeService,
  ProjectService,
  SecretService,
} from '../../proto/gen/nabla/v1/catalog_pb.ts';
import { JobService } from '../../proto/gen/nabla/v1/job_pb.ts';
import { openChannel, type RpcChannel } from '../../proto/rpc/channel.ts';
import { createClient } from '../../proto/rpc/client.ts';
import { createClock } from '../../proto/runtime/clock.ts';
import { createSystemRng } from '../../proto/runtime/rng.ts';
import { fromWireEventRecord } from '../../proto/wire/catalog-wire.ts';
import { fromWireIdentity } from '../../proto/wire/identity-wire.ts';
import { createAdminCalls } from './admin-calls.ts';
import { createCatalogCalls } from './catalog-calls.ts';
import type { ClusterClient } from './cluster-client.ts';
import { relabel, relabelStream } from './connection-error.ts';
import type { ConnectionTarget } from './connection-target.ts';
import { createHostOrderCalls } from './host-order-calls.ts';
import { createIdentityCalls } from './identity-calls.ts';
import { createJobCalls } from './job-calls.ts';

/** Opens lazily: the first call connects. */
export function openClusterClient(target: ConnectionTarget): ClusterClient {
  const channel = openTargetChannel(target);
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
    admin: createAdminCalls(channel, told),
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
    async bulk() {
      const { openBulkClient } = await import('./bulk-client.ts');
      const httpAddress = target.httpAddress ?? withPort(target.grpcAddress, (await whoAmI()).httpPort);
      return openBulkClient({ ...target, httpAddress });
    },
    close: () => channel.close(),
  };
}

function openTargetChannel(target: ConnectionTarget): RpcChannel {
  return openChannel({
    address: target.grpcAddress,
    token: target.token,
    tls: { caPem: target.caPem ?? rootCertificates.join('\n') },
    clock: createClock(),
    rng: createSystemRng(),
  });
}

function withPort(address: string, port: number): string {
  return `${address.slice(0, address.lastIndexOf(':'))}:${port}`;
}
