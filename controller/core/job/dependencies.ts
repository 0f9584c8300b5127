/**
 * What comes after what: references to jobs resolved and checked when they are given, and the end of those whose
 * dependency can no longer be met, in the commit that made it so.
 */
import type { ArrayId, JobId, ProjectId } from '../../../proto/domain/ids.ts';
import { ID_PREFIXES } from '../../../proto/domain/ids.ts';
import { EXIT_CODES } from '../../../proto/domain/job.ts';
import type { Dependency } from '../../../proto/domain/scheduling.ts';
import type { Decision, Refused } from '../decision.ts';
import { refuse, refuseField } from '../decision.ts';
import type { ClusterEvent } from '../event.ts';
import { DEPENDENCY_WALK_MAX, DEPENDENTS_MAX } from '../limits.ts';
import { type Required, requireJob } from '../lookup.ts';
import type { ClusterReader } from '../reader.ts';
import type { JobFinished } from './events.ts';
import type { JobRecord } from './model.ts';
import { stateOfDependency } from './readiness.ts';

const PATH = 'spec.after';

/** The dependencies with ids in place of what people wrote, each named once, or what is wrong with one. */
export function resolveDependencies(
  reader: ClusterReader,
  projectId: ProjectId,
  asked: readonly Dependency[],
  jobs = 1,
): Required<readonly Dependency[]> {
  const found = new Map<string, Dependency>();
  for (const { on: ref, when } of asked) {
    const on = resolveOne(reader, projectId, ref);
    if (!on.ok) return on;
    const dependency: Dependency = { on: on.record, when };
    const others = found.get(dependency.on);
    // Said twice: the stricter counts.
    if (others === undefined || when === 'ok') found.set(dependency.on, dependency);
    const objection = objectTo(reader, dependency, jobs);
    if (objection !== undefined) return objection;
  }
  return { ok: true, record: [...found.values()] };
}

function resolveOne(
  reader: ClusterReader,
  projectId: ProjectId,
  ref: string,
): { readonly ok: true; readonly record: JobId | ArrayId } | Refused {
  const array = ref.startsWith(ID_PREFIXES.array) ? reader.findArray(projectId, ref) : undefined;
  if (array?.found) return { ok: true, record: array.record };
  const job = requireJob(reader, projectId, ref);
  if (job.ok) return { ok: true, record: job.record.id };
  const { kind, code, hint, details } = job.error;
  const reason = code === 'JOB_AMBIGUOUS' ? 'means more than one job' : 'names a job that does not exist';
  return refuseField(kind, code, { path: PATH, reason }, hint, details);
}

function objectTo(reader: ClusterReader, dependency: Dependency, jobs: number): Refused | undefined {
  const { on } = dependency;
  if (stateOfDependency(dependency, reader) === 'broken') {
    const field = { path: PATH, reason: 'names a job that has not succeeded, so this one would never start' };
    const hint = 'retry that job first, or write JOB:any to start whatever its end';
    return refuseField('precondition', 'DEPENDENCY_FAILED', field, hint, { on });
  }
  if (reader.dependentCount(on) + jobs <= DEPENDENTS_MAX) return undefined;
  return refuse('quota', 'DEPENDENTS_MAX', 'too many jobs wait for that job', {
    hint: 'submit them once it has finished',
    details: { on },
  });
}

/** Refuses dependencies of a waiting job through which it would come after itself. O(jobs before it). */
export function objectToCycle(
  reader: ClusterReader,
  job: JobRecord,
  after: readonly Dependency[],
): Refused | undefined {
  const seen = new Set<JobId>();
  const open = after.flatMap(({ on }) => jobsOf(reader, on));
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next.id === job.id) {
      const field = { path: PATH, reason: 'leads back to the job itself' };
      return refuseField('invalid', 'DEPENDENCY_CYCLE', field, 'leave out what comes after this job', {
        jobId: job.id,
      });
    }
    if (seen.has(next.id) || next.state !== 'queued') continue;
    seen.add(next.id);
    if (seen.size > DEPENDENCY_WALK_MAX) {
      return refuse('quota', 'DEPENDENCIES_MAX', 'too many jobs come before that one', {
        hint: 'name fewer jobs',
      });
    }
    for (const { on } of next.spec.after ?? []) open.push(...jobsOf(reader, on));
  }
  return undefined;
}

function jobsOf(reader: ClusterReader, on: JobId | ArrayId): readonly JobRecord[] {
  const single = reader.job(on as JobId);
  return single === undefined ? reader.arrayJobs(on as ArrayId) : [single];
}

/**
 * The decision with the ends that it brings about: whoever waits for the success of a job that did not succeed is
 * cancelled with it, and so on down the line.
 */
export function withDependents(reader: ClusterReader, decision: Decision): Decision {
  if (!decision.ok) return decision;
  const ended = decision.events.filter(isFailure);
  if (ended.length === 0) return decision;
  const finished = new Set<JobId>(decision.events.filter(isEnd).map(({ jobId }) => jobId));
  const cascade: ClusterEvent[] = [];
  const open = ended.map(({ jobId }) => jobId);
  for (let id = open.shift(); id !== undefined; id = open.shift()) {
    for (const job of dependentsOf(reader, id)) {
      if (finished.has(job.id)) continue;
      finished.add(job.id);
      open.push(job.id);
      cascade.push(endOfDependent(job, id));
    }
  }
  return { ...decision, events: [...decision.events, ...cascade] };
}

function isEnd(event: ClusterEvent): event is JobFinished {
  return event.type === 'job-finished';
}

function isFailure(event: ClusterEvent): event is JobFinished {
  return event.type === 'job-finished' && event.state !== 'succeeded';
}

function* dependentsOf(reader: ClusterReader, id: JobId): IterableIterator<JobRecord> {
  const arrayId = reader.job(id)?.spec.array?.arrayId;
  for (const on of arrayId === undefined ? [id] : [id, arrayId]) {
    for (const job of reader.dependents(on)) {
      if (job.spec.after?.some((one) => one.on === on && one.when === 'ok')) yield job;
    }
  }
}

function endOfDependent(job: JobRecord, on: JobId): JobFinished {
  return {
    type: 'job-finished',
    jobId: job.id,
    projectId: job.projectId,
    state: 'cancelled',
    reason: 'DEPENDENCY_FAILED',
    message: `was to start only if ${on} succeeded, which it did not`,
    exitCode: EXIT_CODES.nabla,
  };
}
