/** Setting hosts or GPUs aside for a project and a time, and giving them back. */
import type { HostId } from '../../../proto/domain/ids.ts';
import { LIMITS } from '../../../proto/domain/limits.ts';
import { checkSlug, checkText } from '../../../proto/domain/names.ts';
import { formatDuration, formatGpus } from '../../../proto/domain/units.ts';
import { createViolations } from '../../../proto/domain/violations.ts';
import type { Command, CommandContext } from '../command.ts';
import type { Decision, Refused } from '../decision.ts';
import { accept, refuse } from '../decision.ts';
import { RESERVATION_KEPT_MS, RESERVATIONS_MAX } from '../limits.ts';
import { type Required, requireHost, requireProject, toRequired } from '../lookup.ts';
import type { ClusterReader } from '../reader.ts';

type Of<T extends Command['type']> = Extract<Command, { readonly type: T }>;

export function decideCreateReservation(
  reader: ClusterReader,
  command: Of<'create-reservation'>,
  { nowMs }: CommandContext,
): Decision {
  const { id, name, gpuMilli, gpuModel, endMs } = command;
  const startMs = command.startMs === 0 ? nowMs : command.startMs;
  const project = requireProject(reader, command.project);
  if (!project.ok) return project;
  const objection = objectToFields(command, startMs, nowMs);
  if (objection !== undefined) return objection;
  const hosts = findHosts(reader, command.hosts);
  if (!hosts.ok) return hosts;
  const all = reader.scheduling.reservations();
  const over = all.filter((one) => one.endMs + RESERVATION_KEPT_MS <= nowMs);
  const others = all.filter((one) => !over.includes(one));
  const taken = others.find((one) => one.name === name);
  if (taken !== undefined) {
    return refuse('exists', 'RESERVATION_EXISTS', 'there is a reservation of that name', {
      hint: 'choose another name, or delete that one first',
      details: { reservationId: taken.id },
    });
  }
  if (others.length >= RESERVATIONS_MAX) {
    return refuse('quota', 'RESERVATIONS_MAX', 'there are too many reservations', {
      hint: 'delete one first',
    });
  }
  const clash = others.find(
    (one) =>
      one.startMs < endMs && startMs < one.endMs && one.hostIds.some((host) => hosts.record.includes(host)),
  );
  if (clash !== undefined) {
    return refuse('precondition', 'RESERVATION_CLASH', 'a host is reserved in that time already', {
      hint: 'nabla reservations list shows the reservations',
      details: { reservationId: clash.id },
    });
  }
  const { id: projectId } = project.record;
  const shape = { hostIds: hosts.record, gpuMilli, gpuModel, startMs, endMs };
  return accept(id, [
    ...over.map((one) => ({
      type: 'reservation-deleted' as const,
      reservationId: one.id,
      projectId: one.projectId,
      name: one.name,
    })),
    { type: 'reservation-created', reservationId: id, projectId, name, ...shape },
  ]);
}

export function decideDeleteReservation(reader: ClusterReader, command: Of<'delete-reservation'>): Decision {
  const lookup = reader.scheduling.findReservation(command.reservation);
  const hint = 'list them with nabla reservations list';
  const found = toRequired(lookup, command.reservation, 'reservation', hint);
  if (!found.ok) return found;
  const { id: reservationId, projectId, name } = found.record;
  return accept(reservationId, [{ type: 'reservation-deleted', reservationId, projectId, name }]);
}

function objectToFields(
  command: Of<'create-reservation'>,
  startMs: number,
  nowMs: number,
): Refused | undefined {
  const { name, hosts, gpuMilli, gpuModel, endMs } = command;
  const violations = createViolations();
  violations.add('name', checkSlug(name));
  violations.requireRange(gpuMilli, 0, LIMITS.quotaGpuMilli, 'gpuMilli', formatGpus);
  violations.require(gpuMilli % 1000 === 0, 'gpuMilli', 'must be whole GPUs');
  violations.add('gpuModel', checkText(gpuModel, LIMITS.gpuModelCharacters));
  violations.require(
    hosts.length > 0 !== gpuMilli > 0,
    'hosts',
    'must be named, or a number of GPUs, not both',
  );
  violations.require(gpuModel === '' || gpuMilli > 0, 'gpuModel', 'must come with a number of GPUs');
  violations.require(
    hosts.length <= LIMITS.reservationHosts,
    'hosts',
    `must be at most ${LIMITS.reservationHosts}`,
  );
  violations.require(endMs > nowMs, 'endMs', 'must lie in the future');
  violations.requireRange(
    endMs - startMs,
    1,
    LIMITS.reservationMs,
    'endMs',
    (ms) => `${formatDuration(ms)} after the start`,
  );
  violations.require(
    startMs - nowMs <= LIMITS.reservationMs,
    'startMs',
    `must be within ${formatDuration(LIMITS.reservationMs)}`,
  );
  if (violations.fields.length === 0) return undefined;
  return refuse('invalid', 'RESERVATION_INVALID', 'the reservation is not valid', {
    fields: violations.fields,
    hint: 'correct the fields that are named',
  });
}

function findHosts(reader: ClusterReader, refs: readonly string[]): Required<readonly HostId[]> {
  const ids = new Set<HostId>();
  for (const ref of refs) {
    const found = requireHost(reader, ref);
    if (!found.ok) return found;
    ids.add(found.record.id);
  }
  return { ok: true, record: [...ids].sort() };
}
