/**
 * Listening that outlives its errors: what fails before the port is open is the caller's to know, what fails afterwards
 * (no descriptor left for one more connection) is logged, and the port stays open for when it is over.
 */
import type { Server } from 'node:net';
import type { Logger } from '../ports/index.ts';

/** A port that cannot accept fails with every attempt. */
const TOLD_EVERY_MS = 10_000;

/** Port 0 picks a free one. Returns the port. Rejects with Node's own error. */
export function listenOn(server: Server, host: string, port: number, logger: Logger): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const bound = server.address();
      const opened = typeof bound === 'object' && bound !== null ? bound.port : port;
      keepOpen(server, opened, logger);
      resolve(opened);
    });
  });
}

function keepOpen(server: Server, port: number, logger: Logger): void {
  let toldAtMs = Number.NEGATIVE_INFINITY;
  let count = 0;
  server.on('error', (error) => {
    count += 1;
    const nowMs = performance.now();
    if (nowMs - toldAtMs < TOLD_EVERY_MS) return;
    logger.error('a port could not accept connections', { port, count, error });
    toldAtMs = nowMs;
    count = 0;
  });
}
