/**
 * A network between two processes that can be cut: a TCP relay on loopback that stops carrying bytes in one direction
 * or in both. As on a real wire nobody is told: connections stay open and silent, and go on when the cut is healed.
 */
import { connect, createServer, type Socket } from 'node:net';

/** `up` is from the side that dials to the one that listens. */
export type Cut = 'none' | 'up' | 'down' | 'both';

export interface CutProxy {
  /** `host:port` to dial instead of the real one. */
  readonly address: string;
  cut(which: Cut): void;
  /** Breaks every connection. */
  reset(): void;
  close(): Promise<void>;
}

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
}

/** Relays to `target` (`host:port`), which need not listen yet. */
export async function openCutProxy(target: string): Promise<CutProxy> {
  const at = target.lastIndexOf(':');
  const far = { host: target.slice(0, at), port: Number(target.slice(at + 1)) };
  const pairs = new Set<Pair>();
  let now: Cut = 'none';
  const server = createServer({ pauseOnConnect: true }, (near) => {
    const pair = { near, far: connect(far) };
    pairs.add(pair);
    join(
      pair,
      () => apply(pair, now),
      () => pairs.delete(pair),
    );
    apply(pair, now);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const reset = (): void => {
    for (const pair of pairs) pair.near.destroy();
  };
  return {
    address: `127.0.0.1:${port}`,
    cut(which) {
      now = which;
      for (const pair of pairs) apply(pair, which);
    },
    reset,
    async close() {
      reset();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** An end is carried like bytes: whoever is cut off does not hear of it. */
function join(pair: Pair, onDrain: () => void, onGone: () => void): void {
  for (const [from, to] of [
    [pair.near, pair.far],
    [pair.far, pair.near],
  ] as const) {
    from.on('data', (chunk) => {
      if (!to.write(chunk)) from.pause();
    });
    to.on('drain', onDrain);
    from.on('end', () => to.end());
    from.on('error', () => to.destroy());
    from.on('close', () => {
      to.destroy();
      onGone();
    });
  }
}

/** A socket that is not read makes its sender wait, as packets that never arrive do. */
function apply({ near, far }: Pair, cut: Cut): void {
  if (cut === 'up' || cut === 'both') near.pause();
  else near.resume();
  if (cut === 'down' || cut === 'both') far.pause();
  else far.resume();
}
