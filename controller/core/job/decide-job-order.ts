/** Orders about jobs that exist: stop, delete, retry, tag. */

import { isFinished } from '../../../proto/domain/job.ts';
import type { Command, CommandContext } from '../command.ts';
import type { Decision } from '../decision.ts';
import { accept, refuse, refuseField } from '../decision.ts';
import type { ClusterEvent } from '../event.ts';
import { MANUAL_RETRIES_MAX, QUEUE_LENGTH_MAX } from '../limits.ts';
import { changeTags, sameTexts } from '../names.ts';
import type { ClusterReader } from '../reader.ts';
import { replayRequest } from '../requests.ts';
import { cancelled } from './conclude-attempt.ts';
import { objectToUnsettled } from './dependencies.ts';
import type { JobRecord } from './model.ts';
import { latestAttempt } from './model.ts';
import { objectToReturn } from './return-to-queue.ts';
import { requireJobIn, requireTargets } from './targets.ts';

type Of<T extends Command['type']> = Extract<Command, { readonly type: T }>;

/**
 * A queued job is cancelled at once; a placed one once its host has stopped it. Stopping twice is harmless. Of an
 * array, all that has not finished.
 */
export function decideStopJob(reader: ClusterReader, command: Of<'stop-job'>): Decision {
  const found = requireTargets(reader, command);
  if (!found.ok) return found;
  const { jobs, isArray } = found.record;
  const unfinished = jobs.filter(({ state }) => !isFinished(state));
  const job = unfinished[0] ?? jobs[0]!;
  if (unfinished.length === 0) {
    return refuse('precondition', 'JOB_ALREADY_FINISHED', 'the job has finished and cannot be stopped', {
      hint: 'show it with nabla jobs show',
      details: { jobId: job.id, state: job.state },
    });
  }
  const events = unfinished.flatMap((one) => stopEvents(one, command.graceMs));
  const subjects = isArray ? { subjects: unfinished.map(({ id }) => id) } : {};
  return { ok: true, events, outcome: { subject: job.id, replayed: false, ...subjects } };
}

function stopEvents(job: JobRecord, graceMs = job.spec.graceMs): readonly ClusterEvent[] {
  const ids = { jobId: job.id, projectId: job.projectId };
  if (job.stopRequested) return [];
  const requested: ClusterEvent = { type: 'job-stop-requested', ...ids, cause: 'user' };
  if (job.state === 'queued') return [requested, cancelled(job)];
  const attempt = latestAttempt(job);
  if (attempt === undefined || attempt.phase === 'ended' || attempt.stopCause !== undefined)
    return [requested];
  return [
    requested,
    { type: 'attempt-stop-requested', ...ids, attempt: attempt.number, cause: 'user', graceMs },
  ];
}

/** Deletes a finished job whose resources are proved free, with the secrets that were made for it. */
export function decideDeleteJob(reader: ClusterReader, command: Of<'delete-job'>): Decision {
  const found = requireJobIn(reader, command);
  if (!found.ok) return found;
  const job = found.record;
  if (!isFinished(job.state)) return refuseUnfinished(job, 'deleted', 'stop it first');
  if (job.attempts.some((attempt) => !attempt.released)) {
    return refuse('precondition', 'JOB_NOT_RELEASED', 'its host has not yet proved that it stopped', {
      hint: 'try again once the host is connected',
      details: { jobId: job.id },
    });
  }
  const unsettled = objectToUnsettled(reader, job);
  if (unsettled !== undefined) return unsettled;
  const secrets = reader.secretsOfJob(job.id).map((id) => reader.secret(id)!);
  return accept(job.id, [
    ...secrets.map((secret) => ({
      type: 'secret-deleted' as const,
      secretId: secret.id,
      name: secret.name,
      projectId: job.projectId,
    })),
    { type: 'job-deleted', jobId: job.id, projectId: job.projectId },
  ]);
}

function refuseUnfinished(job: JobRecord, what: string, hint: string): Decision {
  return refuse('precondition', 'JOB_NOT_FINISHED', `a job that has not finished cannot be ${what}`, {
    hint,
    details: { jobId: job.id, state: job.state },
  });
}

/** Queues a finished job for one more attempt beyond its caps. */
export function decideRetryJob(
  reader: ClusterReader,
  command: Of<'retry-job'>,
  context: CommandContext,
): Decision {
  const replay = replayRequest(reader, command.request, context);
  if (replay !== undefined) return replay;
  const found = requireJobIn(reader, command);
  if (!found.ok) return found;
  const job = found.record;
  if (!isFinished(job.state)) return refuseUnfinished(job, 'retried', 'wait for its end, or stop it first');
  if (job.manualRetries >= MANUAL_RETRIES_MAX) {
    return refuse('quota', 'MANUAL_RETRIES_MAX', 'the job was retried too often', {
      hint: 'create a new job',
    });
  }
  const objection = objectToReturn(reader, job);
  if (objection !== undefined) return objection;
  if (reader.waitingCount >= QUEUE_LENGTH_MAX) {
    return refuse('quota', 'QUEUE_FULL', 'too many jobs wait', {
      hint: 'try again later',
      retryAfterMs: 5_000,
    });
  }
  const request = command.request === undefined ? {} : { request: command.request };
  return accept(job.id, [{ type: 'job-retried', jobId: job.id, projectId: job.projectId, ...request }]);
}

export function decideTagJob(reader: ClusterReader, command: Of<'tag-job'>): Decision {
  const found = requireJobIn(reader, command);
  if (!found.ok) return found;
  const job = found.record;
  const tags = changeTags(job.spec.tags, command.add, command.remove);
  if (!tags.ok) return refuseField('invalid', 'BAD_TAGS', tags.field, 'use fewer or shorter tags');
  if (sameTexts(tags.tags, job.spec.tags)) return accept(job.id, []);
  return accept(job.id, [{ type: 'job-tagged', jobId: job.id, projectId: job.projectId, tags: tags.tags }]);
}
