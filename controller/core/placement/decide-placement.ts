/**
 * Takes a planner's proposals one by one: each is checked against what is left after those before it, the ones that
 * hold become events, the rest are named in the outcome for the next plan.
 */
import { SELF_FENCE_DEFAULT_MS } from '../../../proto/domain/fencing.ts';
import type { HostId } from '../../../proto/domain/ids.ts';
import type { Command } from '../command.ts';
import type { Decision } from '../decision.ts';
import type { RefusedPlacement } from '../engine.ts';
import type { ClusterEvent } from '../event.ts';
import { type JobRecord, queueOf } from '../job/model.ts';
import { CapCount } from '../job/readiness.ts';
import { secretIdsOf } from '../job/secret-references.ts';
import type { ClusterReader } from '../reader.ts';
import { checkPlacement } from './check-placement.ts';
import type { Room } from './room.ts';
import { openRoom, takeRoom } from './room.ts';

export function decidePlacement(
  reader: ClusterReader,
  command: Extract<Command, { readonly type: 'place-jobs' }>,
): Decision {
  const { selfFenceMs = SELF_FENCE_DEFAULT_MS } = command;
  const rooms = new Map<HostId, Room | undefined>();
  const placed = new Set<string>();
  const taken = new Set<string>();
  const caps = new CapCount({
    findQueue: (name) => reader.scheduling.findQueue(name),
    activeCount: (key) => reader.activeCount(key),
  });
  const events: ClusterEvent[] = [];
  const refused: RefusedPlacement[] = [];
  const roomOf = (hostId: HostId): Room | undefined => {
    if (!rooms.has(hostId)) rooms.set(hostId, roomFor(reader, hostId));
    return rooms.get(hostId);
  };
  for (const placement of command.placements) {
    const { jobId, hostId } = placement;
    const job = placed.has(jobId) ? undefined : reader.job(jobId);
    const room = roomOf(hostId);
    const check = objectToStart(reader, caps, job) ?? checkPlacement(job, placement, room);
    const clash = placement.gpuUuids.some((uuid) => taken.has(uuid));
    if (!check.ok || clash || job === undefined || room === undefined) {
      refused.push({ jobId, hostId, code: check.ok ? 'NO_FREE_GPU' : check.code });
      continue;
    }
    placed.add(jobId);
    caps.take(job);
    const gpuUuids = check.gpus.map((gpu) => gpu.uuid);
    for (const uuid of gpuUuids) taken.add(uuid);
    takeRoom(room, check.need, gpuUuids);
    events.push({
      type: 'attempt-placed',
      jobId,
      projectId: job.projectId,
      attempt: placement.attempt,
      hostId,
      gpuUuids,
      gpusSimulated: check.gpus.some((gpu) => gpu.simulated),
      driver: check.need.driver,
      ports: job.spec.ports,
      secretIds: secretIdsOf(reader, job.projectId, job.spec),
      projectName: reader.project(job.projectId)?.name ?? '',
      bootId: room.host.bootId,
      queue: queueOf(job),
      ...(job.spec.onDisconnect === undefined || selfFenceMs === 0 ? {} : { selfFenceMs }),
    });
  }
  const subject = command.placements[0]?.jobId ?? '';
  return {
    ok: true,
    events,
    outcome: { subject, replayed: false, ...(refused.length === 0 ? {} : { refused }) },
  };
}

/** What other jobs have to say to its start, those that were placed just before included. */
function objectToStart(
  reader: ClusterReader,
  caps: CapCount,
  job: JobRecord | undefined,
): { readonly ok: false; readonly code: string } | undefined {
  if (job?.state !== 'queued') return undefined;
  if (!reader.isReady(job.id)) return { ok: false, code: 'JOB_NOT_READY' };
  const full = caps.findFull(job);
  return full === undefined ? undefined : { ok: false, code: full.code };
}

function roomFor(reader: ClusterReader, hostId: HostId): Room | undefined {
  const host = reader.host(hostId);
  // What is placed on a host that may not speak would wait there for a person.
  if (host === undefined || reader.hostIdentity(hostId)?.revoked === true) return undefined;
  return openRoom(host, reader.use(hostId), (uuid) => reader.gpuHolder(uuid) !== undefined);
}
