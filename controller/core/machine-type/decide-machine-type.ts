/** Operator-made machine types and aliases. Derived ones follow the inventory and cannot be made or deleted. */
import type { Command } from '../command.ts';
import type { Decision } from '../decision.ts';
import { accept, refuse, refuseField } from '../decision.ts';
import { ALIASES_MAX, MACHINE_TYPES_MAX } from '../limits.ts';
import { requireMachineType } from '../lookup.ts';
import { isMachineTypeName } from '../names.ts';
import type { ClusterReader } from '../reader.ts';

type Of<T extends Command['type']> = Extract<Command, { readonly type: T }>;

export function decideCreateMachineType(reader: ClusterReader, command: Of<'create-machine-type'>): Decision {
  const { name, capacity, description } = command;
  const bad = refuseName(reader, name, 'name');
  if (bad !== undefined) return bad;
  const figures = [
    capacity.gpuCount,
    capacity.gpuMemoryBytes,
    capacity.cpuMilli,
    capacity.memoryBytes,
    capacity.diskBytes,
  ];
  if (figures.some((figure) => !Number.isSafeInteger(figure) || figure < 0)) {
    const field = { path: 'capacity', reason: 'holds a figure that is not a whole number' };
    return refuseField('invalid', 'BAD_CAPACITY', field, 'give whole numbers that are not negative');
  }
  if (reader.ownMachineTypeCount >= MACHINE_TYPES_MAX) {
    return refuse('quota', 'MACHINE_TYPES_MAX', 'there are too many machine types', { hint: 'delete one' });
  }
  return accept(name, [{ type: 'machine-type-created', name, capacity, description }]);
}

function refuseName(reader: ClusterReader, name: string, path: string): Decision | undefined {
  if (!isMachineTypeName(name)) {
    const field = { path, reason: 'is not a machine type name' };
    return refuseField('invalid', 'BAD_MACHINE_TYPE_NAME', field, 'use up to 63 letters, digits, . _ and -');
  }
  if (!reader.findMachineType(name).found) return undefined;
  return refuse('exists', 'MACHINE_TYPE_EXISTS', 'there is a machine type or alias of that name', {
    hint: 'choose another name',
    details: { name },
  });
}

export function decideDeleteMachineType(reader: ClusterReader, command: Of<'delete-machine-type'>): Decision {
  const found = requireMachineType(reader, command.name);
  if (!found.ok) return found;
  const { name, aliases } = found.record;
  if (reader.ownMachineType(name) === undefined) {
    return refuse(
      'precondition',
      'MACHINE_TYPE_DERIVED',
      'this machine type comes from the hosts and cannot be deleted',
      {
        hint: 'it goes away with the last host that has such GPUs',
        details: { name },
      },
    );
  }
  return accept(name, [
    ...aliases.map((alias) => ({ type: 'machine-type-unaliased' as const, name, alias })),
    { type: 'machine-type-deleted', name },
  ]);
}

export function decideAliasMachineType(reader: ClusterReader, command: Of<'alias-machine-type'>): Decision {
  const found = requireMachineType(reader, command.name);
  const target = reader.aliasTarget(command.alias);
  if (command.remove) {
    if (target === undefined || (found.ok && target !== found.record.name)) {
      return refuse('not-found', 'ALIAS_NOT_FOUND', 'there is no such alias', {
        hint: 'list them with nabla machine-types list',
        details: { alias: command.alias },
      });
    }
    return accept(target, [{ type: 'machine-type-unaliased', name: target, alias: command.alias }]);
  }
  if (!found.ok) return found;
  const { name } = found.record;
  if (target === name) return accept(name, []);
  const bad = refuseName(reader, command.alias, 'alias');
  if (bad !== undefined) return bad;
  if (reader.aliasCount >= ALIASES_MAX) {
    return refuse('quota', 'ALIASES_MAX', 'there are too many aliases', { hint: 'remove one' });
  }
  return accept(name, [{ type: 'machine-type-aliased', name, alias: command.alias }]);
}
