/**
 * Whether a loopback port is free to listen on.
 */
import { createServer } from 'node:net';

/** `127.0.0.1:PORT` when the port is free, else `127.0.0.1:0`: any free one. */
export async function loopbackAddress(port: number): Promise<string> {
  return `127.0.0.1:${port !== 0 && (await isFree(port)) ? port : 0}`;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
