/** Facts about hosts. The `type` strings are stored for ever: never rename one. */
import type { DrainMode, Inventory } from '../../../proto/domain/catalog.ts';
import type { HostId } from '../../../proto/domain/ids.ts';

interface OfHost {
  readonly hostId: HostId;
  readonly name: string;
  readonly bootId: string;
  readonly agentVersion: string;
  readonly inventory: Inventory;
}

export interface HostRegistered extends OfHost {
  readonly type: 'host-registered';
}
/** Name, boot, agent or inventory changed. */
export interface HostUpdated extends OfHost {
  readonly type: 'host-updated';
}

export type HostEvent = HostRegistered | HostUpdated;

export interface HostCordoned {
  readonly type: 'host-cordoned';
  readonly hostId: HostId;
  readonly reason: string;
}
/** Takes back a cordon and a drain. */
export interface HostUncordoned {
  readonly type: 'host-uncordoned';
  readonly hostId: HostId;
}
/** Cordons too. */
export interface HostDrainStarted {
  readonly type: 'host-drain-started';
  readonly hostId: HostId;
  readonly mode: DrainMode;
  readonly reason: string;
  /** Epoch milliseconds; absent: none. */
  readonly deadlineMs?: number;
}
/** Its tasks were told to stop; the orders are facts of their own beside this one. */
export interface HostDrainEnforced {
  readonly type: 'host-drain-enforced';
  readonly hostId: HostId;
  readonly attempts: number;
}
export interface HostRemoved {
  readonly type: 'host-removed';
  readonly hostId: HostId;
  readonly name: string;
  /** Attempts that were given up with it. */
  readonly lost: number;
}

/** What operators decide about hosts. */
export type HostOrderEvent =
  | HostCordoned
  | HostUncordoned
  | HostDrainStarted
  | HostDrainEnforced
  | HostRemoved;
