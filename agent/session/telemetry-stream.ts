/**
 * Telemetry on a stream of its own, newest wins: a report that cannot go out is dropped, never queued behind
 * the next, and never in the way of control.
 */
import type { TelemetryReport } from '../../proto/domain/session.ts';
import { toClusterError } from '../../proto/errors/cluster-error.ts';
import { AgentService } from '../../proto/gen/nabla/v1/agent_pb.ts';
import type { Clock, Logger } from '../../proto/ports/index.ts';
import type { RpcChannel } from '../../proto/rpc/channel.ts';
import { createClient } from '../../proto/rpc/client.ts';
import { createMessageQueue, type MessageQueue } from '../../proto/rpc/message-queue.ts';
import { toWireTelemetryReport } from '../../proto/wire/agent-wire.ts';
import { pause } from './pause.ts';

export const TELEMETRY_EVERY_MS = 5_000;

export interface TelemetryOptions {
  readonly openChannel: () => RpcChannel;
  readonly collect: () => Promise<TelemetryReport>;
  /** Telemetry follows the control lane: nothing is dialled while that is down. */
  readonly connected: () => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly everyMs?: number;
}

/** Starts reporting; `close` ends the stream and waits for a look that is under way. */
export function startTelemetry(options: TelemetryOptions): { close(): Promise<void> } {
  const { clock, logger } = options;
  const closing = new AbortController();
  let open: { readonly queue: MessageQueue<TelemetryReport>; readonly close: () => void } | undefined;

  function openStream(): NonNullable<typeof open> {
    const channel = options.openChannel();
    // One report waits at most: an older one is worth nothing.
    const queue = createMessageQueue<TelemetryReport>({ capacity: 1 });
    const stream = {
      queue,
      close(): void {
        queue.end();
        channel.close();
        if (open === stream) open = undefined;
      },
    };
    const requests = (async function* () {
      for await (const report of queue) yield toWireTelemetryReport(report);
    })();
    createClient(AgentService, channel)
      .reportTelemetry(requests)
      .catch((error: unknown) => logger.debug('telemetry stream ended', { code: toClusterError(error).code }))
      .finally(() => stream.close());
    return stream;
  }

  async function run(): Promise<void> {
    while (!closing.signal.aborted) {
      if (options.connected()) {
        const report = await options.collect();
        if (closing.signal.aborted) return;
        open ??= openStream();
        open.queue.push(report);
      }
      await pause(clock, options.everyMs ?? TELEMETRY_EVERY_MS, closing.signal);
    }
  }

  const running = run();
  return {
    async close() {
      closing.abort();
      open?.close();
      await running;
    },
  };
}
