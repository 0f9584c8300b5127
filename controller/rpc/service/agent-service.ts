/**
 * AgentService: the control stream and telemetry, between wire and what the effects layer speaks.
 */

import type { HostId } from '../../../proto/domain/ids.ts';
import type { AgentMessage, ControllerEnvelope, TelemetryReport } from '../../../proto/domain/session.ts';
import { ClusterError } from '../../../proto/errors/cluster-error.ts';
import type { AgentService } from '../../../proto/gen/nabla/v1/agent_pb.ts';
import type { CallContext } from '../../../proto/rpc/call-context.ts';
import type { ServiceHandlers } from '../../../proto/rpc/method-types.ts';
import { fromWireTelemetryReport } from '../../../proto/wire/agent-wire.ts';
import { fromWireAgentMessage, toWireControllerMessage } from '../../../proto/wire/session-wire.ts';

export interface AgentServicePorts {
  serveSession(messages: AsyncIterable<AgentMessage>, signal: AbortSignal): AsyncIterable<ControllerEnvelope>;
  acceptTelemetry(report: TelemetryReport): void;
  /** Reports of hosts without a session are dropped: they could fill memory under made-up names. */
  isConnected(hostId: HostId): boolean;
}

export function createAgentService(ports: AgentServicePorts): ServiceHandlers<typeof AgentService> {
  return {
    async *session(requests, context) {
      const messages = mapMessages(requests, (request) => checkHost(fromWireAgentMessage(request), context));
      for await (const envelope of ports.serveSession(messages, context.signal)) {
        yield toWireControllerMessage(envelope);
      }
    },
    async reportTelemetry(requests, context) {
      for await (const request of requests) {
        const report = fromWireTelemetryReport(request);
        requireSameHost(report.hostId, context);
        if (ports.isConnected(report.hostId)) ports.acceptTelemetry(report);
      }
      return {};
    },
  };
}

async function* mapMessages<A, B>(source: AsyncIterable<A>, map: (item: A) => B): AsyncGenerator<B> {
  for await (const item of source) yield map(item);
}

function checkHost(message: AgentMessage, context: CallContext): AgentMessage {
  if (message.kind === 'hello') requireSameHost(message.hostId, context);
  return message;
}

function requireSameHost(hostId: HostId, { caller }: CallContext): void {
  if (hostId === caller.hostId) return;
  throw new ClusterError(
    'forbidden',
    'HOST_MISMATCH',
    'the message names another host than the certificate',
    {
      hint: 'join with the data folder of that host, or remove its host-id file',
    },
  );
}
