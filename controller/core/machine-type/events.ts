/** Facts about operator-made machine types and aliases. The `type` strings are stored for ever. */
import type { Capacity } from '../../../proto/domain/catalog.ts';

export interface MachineTypeCreated {
  readonly type: 'machine-type-created';
  readonly name: string;
  readonly capacity: Capacity;
  readonly description: string;
}
export interface MachineTypeDeleted {
  readonly type: 'machine-type-deleted';
  readonly name: string;
}
export interface MachineTypeAliased {
  readonly type: 'machine-type-aliased';
  readonly name: string;
  readonly alias: string;
}
export interface MachineTypeUnaliased {
  readonly type: 'machine-type-unaliased';
  readonly name: string;
  readonly alias: string;
}

export type MachineTypeEvent =
  | MachineTypeCreated
  | MachineTypeDeleted
  | MachineTypeAliased
  | MachineTypeUnaliased;
