/**
 * References that people type (id, prefix, name) to records, or a refusal that says what was meant and what exists.
 */
import type { Host, MachineType, Project } from '../../proto/domain/catalog.ts';
import type { ProjectId } from '../../proto/domain/ids.ts';
import type { Refused } from './decision.ts';
import { refuse } from './decision.ts';
import type { JobRecord } from './job/model.ts';
import type { ClusterReader } from './reader.ts';
import type { Lookup } from './view.ts';

export type Required<T> = { readonly ok: true; readonly record: T } | Refused;

export function requireProject(reader: ClusterReader, ref: string): Required<Project> {
  return toRequired(reader.findProject(ref), ref, 'project', 'list them with nabla projects list');
}

export function requireJob(reader: ClusterReader, projectId: ProjectId, ref: string): Required<JobRecord> {
  return toRequired(reader.findJob(projectId, ref), ref, 'job', 'list them with nabla jobs list');
}

export function requireHost(reader: ClusterReader, ref: string): Required<Host> {
  return toRequired(reader.findHost(ref), ref, 'host', 'list them with nabla hosts list');
}

export function requireMachineType(reader: ClusterReader, ref: string): Required<MachineType> {
  const found = reader.findMachineType(ref);
  return toRequired(found, ref, 'machine type', 'list them with nabla machine-types list');
}

export function toRequired<T>(found: Lookup<T>, ref: string, noun: string, hint: string): Required<T> {
  if (found.found) return { ok: true, record: found.record };
  const word = noun.toUpperCase().replace(' ', '_');
  if (found.why === 'absent') {
    return refuse('not-found', `${word}_NOT_FOUND`, `there is no such ${noun}`, { hint, details: { ref } });
  }
  return refuse('invalid', `${word}_AMBIGUOUS`, `more than one ${noun} matches`, {
    hint: `write more of the id: ${found.matches.join(', ')}`,
    details: { ref, matches: found.matches.join(',') },
  });
}
