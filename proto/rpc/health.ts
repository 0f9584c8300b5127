/**
 * The standard gRPC health service (grpc.health.v1): Check and Watch over one small table of services.
 */

import { ClusterError } from '../errors/cluster-error.ts';
import {
  type Health,
  HealthCheckResponse_ServingStatus as Serving,
} from '../gen/grpc/health/v1/health_pb.ts';
import { createMessageQueue } from './message-queue.ts';
import type { ServiceHandlers } from './method-types.ts';

/** Watchers at once; a further one is refused. */
const WATCHERS_MAX = 256;

export interface HealthBoard {
  /** Says whether a service (empty: the whole server) serves; watchers hear of changes. */
  set(service: string, serving: boolean): void;
  readonly handlers: ServiceHandlers<typeof Health>;
}

type Status = (typeof Serving)[keyof typeof Serving];

/** Every named service and the whole server start as not serving. */
export function createHealthBoard(services: readonly string[]): HealthBoard {
  const table = new Map<string, Status>(['', ...services].map((name) => [name, Serving.NOT_SERVING]));
  const watchers = new Set<{ readonly service: string; notify(status: Status): void }>();

  async function* watch(service: string, signal: AbortSignal) {
    if (watchers.size >= WATCHERS_MAX) {
      throw new ClusterError('quota', 'TOO_MANY_WATCHERS', 'too many health watches are open');
    }
    // A slow reader only ever needs the newest status: a full queue of one is replaced by the next look.
    const queue = createMessageQueue<true>({ capacity: 1 });
    const watcher = { service, notify: () => void queue.push(true) };
    const stop = (): void => queue.end();
    watchers.add(watcher);
    signal.addEventListener('abort', stop);
    try {
      let last: Status | undefined;
      queue.push(true);
      for await (const _ of queue) {
        const status = table.get(service) ?? Serving.SERVICE_UNKNOWN;
        if (status === last) continue;
        last = status;
        yield { status };
      }
    } finally {
      watchers.delete(watcher);
      signal.removeEventListener('abort', stop);
    }
  }

  return {
    set(service, serving) {
      const status = serving ? Serving.SERVING : Serving.NOT_SERVING;
      if (table.get(service) === status) return;
      table.set(service, status);
      for (const watcher of watchers) if (watcher.service === service) watcher.notify(status);
    },
    handlers: {
      async check({ service }) {
        const status = table.get(service);
        if (status !== undefined) return { status };
        throw new ClusterError('not-found', 'SERVICE_UNKNOWN', 'the service is not known here', {
          details: { service: service.slice(0, 128) },
        });
      },
      watch: ({ service }, context) => watch(service, context.signal),
    },
  };
}
