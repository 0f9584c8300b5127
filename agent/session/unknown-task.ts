/**
 * How a container is told that bears our names but that neither journal nor orders explain: as what it is,
 * with generation 0, so that the controller knows that nobody here answers for it.
 */
import { parseTaskName } from '../../proto/domain/ids.ts';
import type { TaskObservation } from '../../proto/domain/task.ts';
import type { DriverTask } from '../core/driver-port.ts';

/** Undefined when the name is not ours or nothing is there. */
export function toUnknownObservation(name: string, task: DriverTask): TaskObservation | undefined {
  const key = parseTaskName(name);
  if (key === undefined || task.state === 'absent') return undefined;
  const started = task.state === 'running' || task.state === 'exited' ? task.started : undefined;
  return {
    key,
    observedGeneration: 0,
    phase: task.state === 'running' ? 'running' : 'unknown',
    containerId: started?.containerId ?? '',
    startedAtMs: started?.startedAtMs ?? 0,
    ports: started?.ports ?? [],
    progress: 'not known to this agent',
    progressBytes: 0,
    progressTotalBytes: 0,
    logBytes: 0,
    stopped: task.state === 'exited' || task.state === 'created',
    logArchived: false,
  };
}
