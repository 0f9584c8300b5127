/** Whether a job would be among those that may start, were it as it is asked about: room is not asked for here. */
import type { Job } from '../../../proto/domain/job.ts';
import { isActive, queueOf } from '../job/model.ts';
import { findCaps, findOwnGate, type Gate } from '../job/readiness.ts';
import type { ClusterReader } from '../reader.ts';

/**
 * What would keep it back; undefined: nothing. In doubt about a cap it says that the cap does: of a user's jobs it is not
 * asked which of them would come first. O(dependencies, elements of its array).
 */
export function gateLeft(reader: ClusterReader, job: Job): Gate | undefined {
  const own = findOwnGate(job, reader);
  if (own !== undefined) return own;
  for (const { code, most } of findCaps(job, (name) => reader.scheduling.findQueue(name))) {
    if (code === 'ARRAY_LIMIT' && elementsBefore(reader, job) >= most) {
      return { code, message: `waits: ${most} elements of its array may run at once` };
    }
    if (code === 'USER_LIMIT' && othersOfUser(reader, job) >= most) {
      return { code, message: `waits: a user may run ${most} jobs at once in queue ${queueOf(job)}` };
    }
  }
  return undefined;
}

/** Elements that run, or may start before it. */
function elementsBefore(reader: ClusterReader, { id, spec }: Job): number {
  if (spec.array === undefined) return 0;
  const others = reader.arrayJobs(spec.array.arrayId).filter((one) => one.id !== id);
  return others.filter((one) => isActive(one) || reader.isReady(one.id)).length;
}

function othersOfUser(reader: ClusterReader, job: Job): number {
  const known = reader.job(job.id);
  const isThere = known !== undefined && queueOf(known) === queueOf(job);
  return reader.unfinishedOf(queueOf(job), job.createdBy) - (isThere ? 1 : 0);
}
