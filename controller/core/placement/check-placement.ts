/**
 * The check at commit: whatever a planner proposed, on whatever snapshot, a placement is taken only if it holds
 * against present state. This is the line that makes double allocation impossible.
 */
import type { Gpu } from '../../../proto/domain/catalog.ts';
import type { Placement } from '../command.ts';
import type { JobRecord } from '../job/model.ts';
import { latestAttempt } from '../job/model.ts';
import { suitsNeed, whyNot } from './fit.ts';
import type { Need } from './need.ts';
import { needOf } from './need.ts';
import type { Room } from './room.ts';

export type PlacementCheck =
  | { readonly ok: true; readonly need: Need; readonly gpus: readonly Gpu[] }
  | { readonly ok: false; readonly code: string };

/** `room`: the host's free room after the placements taken before this one; undefined: no such host. Never throws. */
export function checkPlacement(
  job: JobRecord | undefined,
  placement: Placement,
  room: Room | undefined,
): PlacementCheck {
  if (job === undefined || job.state !== 'queued' || job.stopRequested)
    return { ok: false, code: 'JOB_NOT_QUEUED' };
  if (placement.attempt !== (latestAttempt(job)?.number ?? 0) + 1)
    return { ok: false, code: 'ATTEMPT_STALE' };
  if (room === undefined) return { ok: false, code: 'HOST_NOT_FOUND' };
  const need = needOf(job.spec);
  if (placement.driver !== need.driver) return { ok: false, code: 'NO_DRIVER' };
  const reason = whyNot(need, room);
  if (reason !== undefined) return { ok: false, code: reason };
  return checkGpus(need, placement, room);
}

function checkGpus(need: Need, placement: Placement, room: Room): PlacementCheck {
  const uuids = new Set(placement.gpuUuids);
  if (uuids.size !== placement.gpuUuids.length || uuids.size !== need.gpuCount) {
    return { ok: false, code: 'GPU_COUNT' };
  }
  const chosen = room.freeGpus.filter((gpu) => uuids.has(gpu.uuid) && suitsNeed(need, gpu));
  if (chosen.length !== need.gpuCount) return { ok: false, code: 'NO_FREE_GPU' };
  return { ok: true, need, gpus: chosen };
}
