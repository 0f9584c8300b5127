/**
 * Whole messages of the agent's control stream between wire and domain: one switch per direction, so a message
 * added to the schema breaks the build here.
 */
import { create } from '@bufbuild/protobuf';
import type { HostId } from '../domain/ids.ts';
import {
  type AgentMessage,
  type ControllerEnvelope,
  type ControllerMessage,
  type DesiredMessage,
  type HelloMessage,
  PROOF_LENGTH_MAX,
} from '../domain/session.ts';
import { assertNever } from '../errors/cluster-error.ts';
import * as wire from '../gen/nabla/v1/agent_pb.ts';
import {
  fromWireDesiredTask,
  fromWireInventory,
  fromWireTaskObservations,
  toWireDesiredTask,
  toWireInventory,
  toWireTaskObservation,
} from './agent-wire.ts';
import { failField, fromCount, fromInt64, toInt64 } from './scalar-wire.ts';

function toWireHello(hello: HelloMessage): wire.Hello {
  return create(wire.HelloSchema, {
    hostId: hello.hostId,
    hostName: hello.hostName,
    bootId: hello.bootId,
    sessionId: hello.sessionId,
    agentVersion: hello.agentVersion,
    maxEpoch: toInt64(hello.maxEpoch),
    maxSeenSeq: toInt64(hello.maxSeenSeq),
    appliedRevision: toInt64(hello.appliedRevision),
    inventory: toWireInventory(hello.inventory),
    tasks: hello.tasks.map(toWireTaskObservation),
    stateId: hello.stateId,
    clusterId: hello.clusterId,
    proof: hello.proof ?? '',
  });
}

function fromWireHello(hello: wire.Hello): HelloMessage {
  return {
    kind: 'hello',
    hostId: hello.hostId as HostId,
    hostName: hello.hostName,
    bootId: hello.bootId,
    sessionId: hello.sessionId,
    agentVersion: hello.agentVersion,
    maxEpoch: fromInt64(hello.maxEpoch, 'hello.maxEpoch'),
    maxSeenSeq: fromInt64(hello.maxSeenSeq, 'hello.maxSeenSeq'),
    appliedRevision: fromInt64(hello.appliedRevision, 'hello.appliedRevision'),
    inventory: fromWireInventory(hello.inventory, 'hello.inventory'),
    tasks: fromWireTaskObservations(hello.tasks, 'hello.tasks'),
    stateId: hello.stateId,
    clusterId: hello.clusterId,
    ...fromWireProof(hello.proof, 'hello.proof'),
  };
}

/** Empty: none was given. */
function fromWireProof(proof: string, path: string): { readonly proof?: string } {
  if (proof.length > PROOF_LENGTH_MAX) failField(path, `must be at most ${PROOF_LENGTH_MAX} characters`);
  return proof === '' ? {} : { proof };
}

function toWireAgentCase(message: AgentMessage): wire.SessionRequest['message'] {
  switch (message.kind) {
    case 'hello':
      return { case: 'hello', value: toWireHello(message) };
    case 'observed': {
      const value = create(wire.ObservedSchema, {
        reportSeq: toInt64(message.reportSeq),
        revisionApplied: toInt64(message.revisionApplied),
        complete: message.complete,
        tasks: message.tasks.map(toWireTaskObservation),
      });
      return { case: 'observed', value };
    }
    case 'heartbeat':
      return {
        case: 'heartbeat',
        value: create(wire.HeartbeatSchema, { nonce: toInt64(message.nonce) }),
      };
    case 'resync-request': {
      const appliedRevision = toInt64(message.appliedRevision);
      return { case: 'resync', value: create(wire.ResyncRequestSchema, { appliedRevision }) };
    }
    case 'fenced':
      return { case: 'fenced', value: create(wire.FencedSchema, { maxEpoch: toInt64(message.maxEpoch) }) };
    case 'inventory':
      return { case: 'inventory', value: toWireInventory(message.inventory) };
    case 'data-connection-failed': {
      const { connectionId, message: text } = message;
      const value = create(wire.DataConnectionFailedSchema, { connectionId, message: text });
      return { case: 'dataConnectionFailed', value };
    }
    case 'mass-stop-held': {
      const { count, liveCount, hash } = message;
      return { case: 'massStopHeld', value: create(wire.MassStopHeldSchema, { count, liveCount, hash }) };
    }
    default:
      return assertNever(message);
  }
}

export function toWireAgentMessage(message: AgentMessage): wire.SessionRequest {
  return create(wire.SessionRequestSchema, { message: toWireAgentCase(message) });
}

/** @throws ClusterError invalid for an empty message or one of a newer agent, and for any bad field. */
export function fromWireAgentMessage(request: wire.SessionRequest): AgentMessage {
  const { message } = request;
  switch (message.case) {
    case 'hello':
      return fromWireHello(message.value);
    case 'observed':
      return {
        kind: 'observed',
        reportSeq: fromInt64(message.value.reportSeq, 'observed.reportSeq'),
        revisionApplied: fromInt64(message.value.revisionApplied, 'observed.revisionApplied'),
        complete: message.value.complete,
        tasks: fromWireTaskObservations(message.value.tasks, 'observed.tasks'),
      };
    case 'heartbeat':
      return { kind: 'heartbeat', nonce: fromInt64(message.value.nonce, 'heartbeat.nonce') };
    case 'resync': {
      const appliedRevision = fromInt64(message.value.appliedRevision, 'resync.appliedRevision');
      return { kind: 'resync-request', appliedRevision };
    }
    case 'fenced':
      return { kind: 'fenced', maxEpoch: fromInt64(message.value.maxEpoch, 'fenced.maxEpoch') };
    case 'inventory':
      return { kind: 'inventory', inventory: fromWireInventory(message.value) };
    case 'dataConnectionFailed': {
      const { connectionId, message: text } = message.value;
      return { kind: 'data-connection-failed', connectionId, message: text };
    }
    case 'massStopHeld':
      return {
        kind: 'mass-stop-held',
        count: fromCount(message.value.count, 'massStopHeld.count'),
        liveCount: fromCount(message.value.liveCount, 'massStopHeld.liveCount'),
        hash: message.value.hash,
      };
    case undefined:
      return failField('message', 'is empty or of an unknown kind');
    default:
      return assertNever(message);
  }
}

function toWireDesired(desired: DesiredMessage): wire.Desired {
  return create(wire.DesiredSchema, {
    baseRevision: toInt64(desired.baseRevision),
    revision: toInt64(desired.revision),
    complete: desired.complete,
    count: desired.count,
    hash: desired.hash,
    tasks: desired.tasks.map(toWireDesiredTask),
  });
}

function fromWireDesired(desired: wire.Desired): DesiredMessage {
  return {
    kind: 'desired',
    baseRevision: fromInt64(desired.baseRevision, 'desired.baseRevision'),
    revision: fromInt64(desired.revision, 'desired.revision'),
    complete: desired.complete,
    count: fromCount(desired.count, 'desired.count'),
    hash: desired.hash,
    tasks: desired.tasks.map((task, index) => fromWireDesiredTask(task, `desired.tasks[${index}]`)),
  };
}

function toWireControllerCase(message: ControllerMessage): wire.SessionResponse['message'] {
  switch (message.kind) {
    case 'welcome': {
      const value = create(wire.WelcomeSchema, {
        clusterId: message.clusterId,
        heartbeatMs: toInt64(message.heartbeatMs),
        selfFenceMs: toInt64(message.selfFenceMs),
        httpPort: message.httpPort,
        proof: message.proof ?? '',
      });
      return { case: 'welcome', value };
    }
    case 'desired':
      return { case: 'desired', value: toWireDesired(message) };
    case 'ack': {
      const reportSeq = toInt64(message.reportSeq);
      const committedSeq = toInt64(message.committedSeq);
      return {
        case: 'ack',
        value: create(wire.AckSchema, { reportSeq, committedSeq, proof: message.proof ?? '' }),
      };
    }
    case 'heartbeat-ack':
      return {
        case: 'heartbeatAck',
        value: create(wire.HeartbeatAckSchema, { nonce: toInt64(message.nonce) }),
      };
    case 'open-data-connection': {
      const { connectionId, ticket } = message;
      const value = create(wire.OpenDataConnectionSchema, { connectionId, ticket });
      return { case: 'openDataConnection', value };
    }
    case 'stop-consent': {
      const { count, hash } = message;
      return { case: 'stopConsent', value: create(wire.StopConsentSchema, { count, hash }) };
    }
    default:
      return assertNever(message);
  }
}

export function toWireControllerMessage(envelope: ControllerEnvelope): wire.SessionResponse {
  return create(wire.SessionResponseSchema, {
    epoch: toInt64(envelope.epoch),
    message: toWireControllerCase(envelope.message),
  });
}

function fromWireControllerCase(message: wire.SessionResponse['message']): ControllerMessage {
  switch (message.case) {
    case 'welcome':
      return {
        kind: 'welcome',
        clusterId: message.value.clusterId,
        heartbeatMs: fromInt64(message.value.heartbeatMs, 'welcome.heartbeatMs'),
        selfFenceMs: fromInt64(message.value.selfFenceMs, 'welcome.selfFenceMs'),
        httpPort: fromCount(message.value.httpPort, 'welcome.httpPort'),
        ...fromWireProof(message.value.proof, 'welcome.proof'),
      };
    case 'desired':
      return fromWireDesired(message.value);
    case 'ack':
      return {
        kind: 'ack',
        reportSeq: fromInt64(message.value.reportSeq, 'ack.reportSeq'),
        committedSeq: fromInt64(message.value.committedSeq, 'ack.committedSeq'),
        ...fromWireProof(message.value.proof, 'ack.proof'),
      };
    case 'heartbeatAck':
      return { kind: 'heartbeat-ack', nonce: fromInt64(message.value.nonce, 'heartbeatAck.nonce') };
    case 'openDataConnection': {
      const { connectionId, ticket } = message.value;
      return { kind: 'open-data-connection', connectionId, ticket };
    }
    case 'stopConsent': {
      const count = fromCount(message.value.count, 'stopConsent.count');
      return { kind: 'stop-consent', count, hash: message.value.hash };
    }
    case undefined:
      return failField('message', 'is empty or of an unknown kind');
    default:
      return assertNever(message);
  }
}

/** @throws ClusterError invalid for an empty message or one of a newer controller, and for any bad field. */
export function fromWireControllerMessage(response: wire.SessionResponse): ControllerEnvelope {
  return { epoch: fromInt64(response.epoch, 'epoch'), message: fromWireControllerCase(response.message) };
}
