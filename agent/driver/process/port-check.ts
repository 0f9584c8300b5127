/**
 * Ports of a plain process: it listens itself, so nothing can be mapped, only looked at beforehand.
 */
import { createServer } from 'node:net';
import type { PortMapping } from '../../../proto/domain/job.ts';
import { portInUse, unsupported } from '../driver-error.ts';

/**
 * The ports as they will be bound: each on its own number.
 *
 * @throws ClusterError PORT_MAPPING_UNAVAILABLE when another host port is asked for, PORT_IN_USE when it is taken
 */
export async function checkPorts(ports: readonly PortMapping[]): Promise<readonly PortMapping[]> {
  for (const { containerPort, hostPort } of ports) {
    if (hostPort !== 0 && hostPort !== containerPort) {
      throw unsupported(
        'PORT_MAPPING_UNAVAILABLE',
        'a plain process cannot have its port mapped to another one',
        'ask for the same number on both sides, or give an image',
      );
    }
    await checkFree(containerPort);
  }
  return ports.map(({ containerPort }) => ({ containerPort, hostPort: containerPort }));
}

async function checkFree(port: number): Promise<void> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: '127.0.0.1', port, exclusive: true }, resolve);
    });
  } catch (error) {
    throw portInUse(port, error);
  } finally {
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}
