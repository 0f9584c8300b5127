/**
 * The messages of the agent's control stream in domain terms (agent.proto on the wire): two closed unions,
 * one per direction.
 */
import type { GpuTelemetry, HostTelemetry, Inventory } from './catalog.ts';
import type { GpuUuid, HostId, TaskKey } from './ids.ts';
import type { DesiredTask, TaskObservation } from './task.ts';

/** Of a proof of history, in characters. */
export const PROOF_LENGTH_MAX = 256;

export interface HelloMessage {
  readonly kind: 'hello';
  readonly hostId: HostId;
  readonly hostName: string;
  /** Changes with every boot of the machine. */
  readonly bootId: string;
  /** Changes with every start of the agent process. */
  readonly sessionId: string;
  readonly agentVersion: string;
  readonly maxEpoch: number;
  readonly maxSeenSeq: number;
  readonly appliedRevision: number;
  readonly inventory: Inventory;
  readonly tasks: readonly TaskObservation[];
  /** Changes when the agent's journal was lost. */
  readonly stateId: string;
  /** Cluster that the agent belongs to, and whose commits it has seen; empty before its first welcome. */
  readonly clusterId: string;
  /** The newest that the cluster gave it; absent when none did. */
  readonly proof?: string;
}

export interface ObservedMessage {
  readonly kind: 'observed';
  /** Strictly rising per stateId; acknowledged once durable. */
  readonly reportSeq: number;
  readonly revisionApplied: number;
  /** True: the list is everything on the host. False: only what changed. */
  readonly complete: boolean;
  readonly tasks: readonly TaskObservation[];
}

/** Agent to controller. */
export type AgentMessage =
  | HelloMessage
  | ObservedMessage
  | { readonly kind: 'heartbeat'; readonly nonce: number }
  | { readonly kind: 'resync-request'; readonly appliedRevision: number }
  | { readonly kind: 'fenced'; readonly maxEpoch: number }
  | { readonly kind: 'inventory'; readonly inventory: Inventory }
  | { readonly kind: 'data-connection-failed'; readonly connectionId: string; readonly message: string }
  | MassStopMessage;

/** A full set drops so many live tasks at once that the agent waits for a person's word; count 0: no longer. */
export interface MassStopMessage {
  readonly kind: 'mass-stop-held';
  /** Tasks that would be stopped, of so many that live. */
  readonly count: number;
  readonly liveCount: number;
  /** sha256 over the names of the tasks, {@link massStopLines}. */
  readonly hash: string;
}

export interface DesiredMessage {
  readonly kind: 'desired';
  /** Applies on top of this revision; ignored when complete. */
  readonly baseRevision: number;
  readonly revision: number;
  readonly complete: boolean;
  /** With complete: number of tasks and hash over {@link desiredHashLines}. */
  readonly count: number;
  readonly hash: string;
  readonly tasks: readonly DesiredTask[];
}

/** Controller to agent, without the leader epoch that every message carries. */
export type ControllerMessage =
  | {
      readonly kind: 'welcome';
      readonly clusterId: string;
      readonly heartbeatMs: number;
      readonly selfFenceMs: number;
      readonly httpPort: number;
      readonly proof?: string;
    }
  | DesiredMessage
  | {
      readonly kind: 'ack';
      readonly reportSeq: number;
      readonly committedSeq: number;
      /** What the agent says in its next hello; opaque to it, at most {@link PROOF_LENGTH_MAX} characters. */
      readonly proof?: string;
    }
  | { readonly kind: 'heartbeat-ack'; readonly nonce: number }
  /** A person wants exactly the stop that was held: so many tasks, of this hash. */
  | { readonly kind: 'stop-consent'; readonly count: number; readonly hash: string }
  | { readonly kind: 'open-data-connection'; readonly connectionId: string; readonly ticket: string };

/** A controller message with the epoch of the leader that sent it; agents refuse older ones. */
export interface ControllerEnvelope {
  readonly epoch: number;
  readonly message: ControllerMessage;
}

export interface TaskUsage {
  readonly key: TaskKey;
  readonly cpuPercent?: number;
  readonly memoryBytes?: number;
}

/** One telemetry report: never committed, newest wins. */
export interface TelemetryReport {
  readonly hostId: HostId;
  readonly host?: HostTelemetry;
  readonly gpus: readonly { readonly uuid: GpuUuid; readonly telemetry: GpuTelemetry }[];
  readonly tasks: readonly TaskUsage[];
}

/** The lines whose sha256 names a mass stop: one task name each, sorted. */
export function massStopLines(names: readonly string[]): string {
  return [...names]
    .sort()
    .map((name) => `${name}\n`)
    .join('');
}

/** The lines whose sha256 is `Desired.hash`: `name generation phase specHash`, sorted by task name. */
export function desiredHashLines(
  tasks: readonly Pick<DesiredTask, 'key' | 'generation' | 'phase' | 'specHash'>[],
): string {
  const lines = tasks.map(
    ({ key, generation, phase, specHash }) =>
      `${key.jobId}.${key.attempt}.${key.task} ${generation} ${phase} ${specHash}\n`,
  );
  return lines.sort().join('');
}
