/**
 * A host said hello. Says nothing when nothing changed, so that reconnects do not grow the log.
 */
import type { Host, Inventory } from '../../../proto/domain/catalog.ts';
import type { Command } from '../command.ts';
import type { Decision } from '../decision.ts';
import { accept, refuse, refuseField } from '../decision.ts';
import { refuseRevoked } from '../enrol/decide-identity.ts';
import { isSamePlain } from '../equality.ts';
import { GPUS_PER_HOST_MAX, HOSTS_MAX } from '../limits.ts';
import type { ClusterReader } from '../reader.ts';

const GAVE_UP_TASKS = 'was removed while it held tasks; uncordon it once none of them is left';

type RegisterHost = Extract<Command, { readonly type: 'register-host' }>;

export function decideRegisterHost(reader: ClusterReader, command: RegisterHost): Decision {
  const { hostId, name, bootId, agentVersion, inventory } = command;
  const bad = faultOf(inventory);
  if (bad !== undefined) return refuseField('invalid', 'BAD_INVENTORY', bad, 'check the probe of that host');
  // What a session asked for before its host was removed must not bring the host back.
  const silenced = refuseRevoked(reader, hostId);
  if (silenced !== undefined) return silenced;
  const known = reader.host(hostId);
  const fact = { hostId, name, bootId, agentVersion, inventory };
  if (known !== undefined) {
    return accept(hostId, isUnchanged(known, command) ? [] : [{ type: 'host-updated', ...fact }]);
  }
  if (reader.hostCount >= HOSTS_MAX) {
    return refuse('quota', 'HOSTS_MAX', 'there are too many hosts', { hint: 'run a second cluster' });
  }
  const registered = { type: 'host-registered' as const, ...fact };
  if (reader.hostIdentity(hostId)?.gaveUpTasks !== true) return accept(hostId, [registered]);
  // Its GPUs may still be in use by what was given up, and the state no longer says so: a person has to look.
  return accept(hostId, [registered, { type: 'host-cordoned', hostId, reason: GAVE_UP_TASKS }]);
}

function isUnchanged(known: Host, command: RegisterHost): boolean {
  return (
    known.name === command.name &&
    known.bootId === command.bootId &&
    known.agentVersion === command.agentVersion &&
    isSamePlain(known.inventory, command.inventory)
  );
}

function faultOf(inventory: Inventory): { readonly path: string; readonly reason: string } | undefined {
  const { gpus, capacity } = inventory;
  if (gpus.length > GPUS_PER_HOST_MAX) {
    return { path: 'inventory.gpus', reason: `lists more than ${GPUS_PER_HOST_MAX} GPUs` };
  }
  if (new Set(gpus.map((gpu) => gpu.uuid)).size !== gpus.length) {
    return { path: 'inventory.gpus', reason: 'lists a GPU twice' };
  }
  const figures = [capacity.cpuMilli, capacity.memoryBytes, capacity.diskBytes];
  if (figures.some((figure) => !Number.isSafeInteger(figure) || figure < 0)) {
    return { path: 'inventory.capacity', reason: 'holds a figure that is not a whole number' };
  }
  return undefined;
}
