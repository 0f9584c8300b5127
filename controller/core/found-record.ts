/**
 * The record that a reference means, for shells that answer with an error otherwise. Decisions have their own form
 * of this (lookup.ts), because they refuse with data.
 */
import type { Host, MachineType, Project } from '../../proto/domain/catalog.ts';
import type { Job } from '../../proto/domain/job.ts';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import type { ClusterView, Lookup } from './view.ts';

/** @throws ClusterError not-found PROJECT_NOT_FOUND, invalid PROJECT_AMBIGUOUS */
export function foundProject(view: ClusterView, ref: string): Project {
  return found(view.findProject(ref), { ref, noun: 'project', list: 'projects list' });
}

/** @throws as foundProject; not-found JOB_NOT_FOUND, invalid JOB_AMBIGUOUS */
export function foundJob(view: ClusterView, projectRef: string, ref: string): Job {
  const project = foundProject(view, projectRef);
  return found(view.findJob(project.id, ref), { ref, noun: 'job', list: 'jobs list' });
}

export function foundHost(view: ClusterView, ref: string): Host {
  return found(view.findHost(ref), { ref, noun: 'host', list: 'hosts list' });
}

export function foundMachineType(view: ClusterView, ref: string): MachineType {
  return found(view.findMachineType(ref), { ref, noun: 'machine type', list: 'machine-types list' });
}

export interface Reference {
  readonly ref: string;
  readonly noun: string;
  /** Command that shows what there is. */
  readonly list: string;
}

/** The record, or an error with codes NOUN_NOT_FOUND and NOUN_AMBIGUOUS. */
export function found<T>(lookup: Lookup<T>, { ref, noun, list }: Reference): T {
  if (lookup.found) return lookup.record;
  const word = noun.toUpperCase().replaceAll(' ', '_');
  if (lookup.why === 'absent') {
    throw new ClusterError('not-found', `${word}_NOT_FOUND`, `there is no such ${noun}`, {
      hint: `list them with nabla ${list}`,
      details: { ref },
    });
  }
  throw new ClusterError('invalid', `${word}_AMBIGUOUS`, `more than one ${noun} matches`, {
    hint: `write more of the id: ${lookup.matches.join(', ')}`,
    details: { ref, matches: lookup.matches.join(',') },
  });
}
