/**
 * What every worker on a task shares: the ports it acts through and the table it tells.
 */

import type { HostId } from '../../proto/domain/ids.ts';
import type { Clock, Logger, Rng } from '../../proto/ports/index.ts';
import type { Driver } from '../core/driver-port.ts';
import type { LogStore } from '../core/log-port.ts';
import type { TaskStorage } from '../core/storage-port.ts';
import type { ConditionBoard } from './condition-board.ts';
import type { TaskTable } from './task-table.ts';

export interface TaskContext {
  readonly hostId: HostId;
  /** Of the cluster that the last welcome named. */
  readonly clusterId: () => string;
  /** The driver that runs tasks whose spec names `name`; undefined when this host has none of that name. */
  readonly driverOf: (name: string) => Driver | undefined;
  readonly storage: TaskStorage;
  readonly logs: LogStore;
  readonly table: TaskTable;
  readonly conditions: ConditionBoard;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  /** This boot of the machine: what was accepted in another one was cut off by that. */
  readonly bootId: string;
  /** Fires when the agent stops; tasks go on without it. */
  readonly signal: AbortSignal;
}
