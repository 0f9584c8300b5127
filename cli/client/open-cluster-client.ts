/**
 * Opens the connection of a ClusterClient. Loading it loads grpc-js, so it is imported when a command first connects;
 * the messages follow while the server answers.
 */
import { rootCertificates } from 'node:tls';
import { openChannel } from '../../proto/rpc/channel.ts';
import { createClock } from '../../proto/runtime/clock.ts';
import { createSystemRng } from '../../proto/runtime/rng.ts';
import type { ClusterClient } from './cluster-client.ts';
import type { ConnectionTarget } from './connection-target.ts';

/** Connects at once, without waiting for it: a connection that cannot be made is told by the first call. */
export async function openClusterClient(target: ConnectionTarget): Promise<ClusterClient> {
  const channel = openChannel({
    address: target.grpcAddress,
    token: target.token,
    tls: { caPem: target.caPem ?? rootCertificates.join('\n') },
    clock: createClock(),
    rng: createSystemRng(),
  });
  channel.client.getChannel().getConnectivityState(true);
  // One turn of the event loop sends the first flight of the handshake; the server answers it while the descriptors
  // of the messages are built here.
  await new Promise((resolve) => setImmediate(resolve));
  const { createClusterCalls } = await import('./cluster-calls.ts');
  return createClusterCalls(channel, target);
}
