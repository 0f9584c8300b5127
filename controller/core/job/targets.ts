/** The jobs that an order means: one job by its reference, or every element of an array by the array's id. */
import { ID_PREFIXES } from '../../../proto/domain/ids.ts';
import type { Required } from '../lookup.ts';
import { requireJob, requireProject, toRequired } from '../lookup.ts';
import type { ClusterReader } from '../reader.ts';
import type { JobRecord } from './model.ts';

export interface JobReference {
  readonly project: string;
  readonly job: string;
}

/** The one job; the id of an array is none. */
export function requireJobIn(reader: ClusterReader, { project, job }: JobReference): Required<JobRecord> {
  const found = requireProject(reader, project);
  return found.ok ? requireJob(reader, found.record.id, job) : found;
}

export interface Targets {
  /** Never empty; elements of an array in order of their indices. */
  readonly jobs: readonly JobRecord[];
  readonly isArray: boolean;
}

export function requireTargets(reader: ClusterReader, reference: JobReference): Required<Targets> {
  const { project, job: ref } = reference;
  const found = requireProject(reader, project);
  if (!found.ok) return found;
  if (ref.startsWith(ID_PREFIXES.array)) {
    const lookup = reader.findArray(found.record.id, ref);
    const array = toRequired(lookup, ref, 'array', 'list jobs with nabla jobs list');
    return array.ok ? { ok: true, record: { jobs: reader.arrayJobs(array.record), isArray: true } } : array;
  }
  const job = requireJob(reader, found.record.id, ref);
  return job.ok ? { ok: true, record: { jobs: [job.record], isArray: false } } : job;
}
