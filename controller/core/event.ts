/**
 * Everything that can happen to the cluster, as one closed union of past facts. The fold of these events is the
 * state; their `type` strings and field names are frozen once stored.
 */
import type { Principal } from '../../proto/domain/ids.ts';
import type { EnrolEvent } from './enrol/events.ts';
import type { HostEvent, HostOrderEvent } from './host/events.ts';
import type { IdentityEvent } from './identity/events.ts';
import type { JobEvent } from './job/events.ts';
import type { MachineTypeEvent } from './machine-type/events.ts';
import type { SchedulingEvent } from './policy/events.ts';
import type { ProjectEvent } from './project/events.ts';
import type { SecretEvent } from './secret/events.ts';

/** The first event of every log. */
export interface ClusterFounded {
  readonly type: 'cluster-founded';
  readonly clusterId: string;
}

export type ClusterEvent =
  | ClusterFounded
  | ProjectEvent
  | SecretEvent
  | IdentityEvent
  | MachineTypeEvent
  | HostEvent
  | HostOrderEvent
  | EnrolEvent
  | SchedulingEvent
  | JobEvent;

/** An event with its place in the log, when, and by whom. */
export interface StampedEvent {
  /** Rises by one with each event, from 1. */
  readonly seq: number;
  /** Epoch of the leader that committed it; never falls as seq rises. */
  readonly epoch: number;
  readonly timeMs: number;
  readonly principal: Principal;
  readonly event: ClusterEvent;
}
