/**
 * What comes after what: references to jobs resolved and checked when they are given, and the end of those whose
 * dependency can no longer be met, in the commit that made it so or in those that follow.
 */
import type { ArrayId, JobId, ProjectId } from '../../../proto/domain/ids.ts';
import { ID_PREFIXES } from '../../../proto/domain/ids.ts';
import { EXIT_CODES } from '../../../proto/domain/job.ts';
import type { Dependency } from '../../../proto/domain/scheduling.ts';
import type { Decision, Refused } from '../decision.ts';
import { refuse, refuseField } from '../decision.ts';
import type { ClusterEvent } from '../event.ts';
import { DEPENDENCY_WALK_MAX, DEPENDENTS_ENDED_MAX, DEPENDENTS_MAX } from '../limits.ts';
import { type Required, requireJob } from '../lookup.ts';
import type { ClusterReader } from '../reader.ts';
import type { JobFinished } from './events.ts';
import type { JobRecord } from './model.ts';
import { dependenciesOf, stateOfDependency, tallyOf } from './readiness.ts';

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

/**
 * Refuses dependencies of a job that waits, or is to, through which it would come after itself. O(jobs before it). Who
 * was started waits for nobody, so no way leads through it.
 */
export function objectToCycle(
  reader: ClusterReader,
  job: JobRecord,
  after: readonly Dependency[],
): Refused | undefined {
  const own: readonly (JobId | ArrayId | undefined)[] = [job.id, job.spec.array?.arrayId];
  const seen = new Set<JobId | ArrayId>();
  const open = after.map(({ on }) => on);
  let walked = 0;
  for (let on = open.pop(); on !== undefined; on = open.pop()) {
    if (own.includes(on)) {
      const field = { path: PATH, reason: 'leads back to the job itself' };
      return refuseField('invalid', 'DEPENDENCY_CYCLE', field, 'leave out what comes after this job', {
        jobId: job.id,
      });
    }
    if (seen.has(on)) continue;
    seen.add(on);
    for (const next of jobsOf(reader, on)) {
      if (next.state !== 'queued') continue;
      walked += 1;
      if (walked > DEPENDENCY_WALK_MAX) {
        return refuse('quota', 'DEPENDENCIES_MAX', 'too many jobs come before that one', {
          hint: 'name fewer jobs',
        });
      }
      for (const { on: before } of dependenciesOf(next)) if (!seen.has(before)) open.push(before);
    }
  }
  return undefined;
}

function jobsOf(reader: ClusterReader, on: JobId | ArrayId): readonly JobRecord[] {
  const single = reader.job(on as JobId);
  return single === undefined ? reader.arrayJobs(on as ArrayId) : [single];
}

/**
 * The decision with the ends that it brings about: whoever waits for the success of a job that did not succeed is
 * cancelled with it, and so on down the line. What is more than {@link DEPENDENTS_ENDED_MAX} is left to
 * {@link decideEndDependents}; until then the state knows it by what it relies on, and lets none of it start.
 */
export function withDependents(reader: ClusterReader, decision: Decision): Decision {
  if (!decision.ok) return decision;
  const sources = decision.events.filter(isFailure).flatMap(({ jobId }) => sourcesOf(reader, jobId));
  if (sources.length === 0) return decision;
  const finished = new Set<JobId>(decision.events.filter(isEnd).map(({ jobId }) => jobId));
  const cascade = endReliant(reader, sources, finished);
  return cascade.length === 0 ? decision : { ...decision, events: [...decision.events, ...cascade] };
}

/** The next of those that rely on what failed. Harmless when there are none; may be asked as often as one likes. */
export function decideEndDependents(reader: ClusterReader): Decision {
  const sources: (JobId | ArrayId)[] = [];
  for (const on of reader.brokenDependencies) if (sources.push(on) >= DEPENDENTS_ENDED_MAX) break;
  const events = endReliant(reader, sources, new Set());
  return { ok: true, events, outcome: { subject: events[0]?.jobId ?? '', replayed: false } };
}

function endReliant(
  reader: ClusterReader,
  sources: readonly (JobId | ArrayId)[],
  finished: Set<JobId>,
): readonly JobFinished[] {
  const ends: JobFinished[] = [];
  const open = [...sources];
  for (const on of open) {
    for (const id of reader.reliantOn(on)) {
      if (finished.has(id)) continue;
      if (ends.length >= DEPENDENTS_ENDED_MAX) return ends;
      finished.add(id);
      open.push(...sourcesOf(reader, id));
      ends.push(endOfDependent(reader.job(id)!, on));
    }
  }
  return ends;
}

function sourcesOf(reader: ClusterReader, id: JobId): readonly (JobId | ArrayId)[] {
  const arrayId = reader.job(id)?.spec.array?.arrayId;
  return arrayId === undefined ? [id] : [id, arrayId];
}

/**
 * Refuses to retry or delete a failed job while some that rely on it are yet to be cancelled: they would live on, as if
 * it had not failed.
 */
export function objectToUnsettled(reader: ClusterReader, job: JobRecord): Refused | undefined {
  if (tallyOf(job).failed === 0) return undefined;
  for (const on of sourcesOf(reader, job.id)) {
    for (const _waiting of reader.reliantOn(on)) {
      return refuse(
        'precondition',
        'DEPENDENTS_NOT_ENDED',
        'jobs that rely on it are still being cancelled',
        {
          hint: 'try again in a moment',
          details: { jobId: job.id },
        },
      );
    }
  }
  return undefined;
}

function isEnd(event: ClusterEvent): event is JobFinished {
  return event.type === 'job-finished';
}

function isFailure(event: ClusterEvent): event is JobFinished {
  return event.type === 'job-finished' && event.state !== 'succeeded';
}

function endOfDependent(job: JobRecord, on: JobId | ArrayId): JobFinished {
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
