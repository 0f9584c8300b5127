/** Facts about hosts. The `type` strings are stored for ever: never rename one. */
import type { Inventory } from '../../../proto/domain/catalog.ts';
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
