/** A stored event as users see it: subject, one sentence, and text fields. Derived, so wording may change freely. */

import type { EventRecord } from '../../proto/domain/catalog.ts';
import type { ProjectId } from '../../proto/domain/ids.ts';
import { assertNever } from '../../proto/errors/cluster-error.ts';
import type { Description } from './description.ts';
import type { ClusterEvent, StampedEvent } from './event.ts';
import { describeHost } from './host/describe-host.ts';
import { describeIdentity } from './identity/describe-identity.ts';
import { describeScheduling } from './policy/describe-scheduling.ts';

export function describeEvent(stamped: StampedEvent): EventRecord {
  const { seq, epoch, timeMs, principal, event } = stamped;
  const { subject, message, projectId, fields = {} } = describe(event);
  const record = { seq, epoch, timeMs, type: event.type, principal, subject, message, fields };
  return projectId === undefined ? record : { ...record, projectId };
}

function describe(event: ClusterEvent): Description {
  if ('jobId' in event) {
    const { message, fields } = describeJob(event);
    return {
      subject: event.jobId,
      projectId: event.projectId,
      message,
      ...(fields === undefined ? {} : { fields }),
    };
  }
  switch (event.type) {
    case 'cluster-founded':
      return { subject: event.clusterId, message: 'the cluster was founded' };
    case 'project-created':
      return ofProject(event, 'the project was made', { name: event.name });
    case 'project-updated':
      return ofProject(event, 'the project was changed', { name: event.name });
    case 'project-deleted':
      return ofProject(event, 'the project was deleted', { name: event.name });
    case 'secret-set':
      return { ...ofSecret(event), message: 'a secret was set' };
    case 'secret-deleted':
      return { ...ofSecret(event), message: 'a secret was erased' };
    case 'user-created':
    case 'user-role-changed':
    case 'user-revoked':
    case 'token-created':
    case 'token-revoked':
    case 'member-added':
    case 'member-removed':
      return describeIdentity(event);
    case 'machine-type-created':
      return { subject: event.name, message: 'a machine type was made' };
    case 'machine-type-deleted':
      return { subject: event.name, message: 'a machine type was deleted' };
    case 'machine-type-aliased':
      return { subject: event.name, message: 'a machine type got an alias', fields: { alias: event.alias } };
    case 'machine-type-unaliased':
      return { subject: event.name, message: 'a machine type lost an alias', fields: { alias: event.alias } };
    case 'queue-created':
    case 'queue-updated':
    case 'queue-deleted':
    case 'quota-set':
    case 'quota-deleted':
    case 'policy-set':
    case 'reservation-created':
    case 'reservation-deleted':
      return describeScheduling(event);
    default:
      return describeHost(event);
  }
}

function ofProject(
  event: { readonly projectId: ProjectId },
  message: string,
  fields: Readonly<Record<string, string>>,
): Description {
  return { subject: event.projectId, projectId: event.projectId, message, fields };
}

function ofSecret(event: {
  readonly secretId: string;
  readonly name: string;
  readonly projectId?: ProjectId;
}): Omit<Description, 'message'> {
  const base = { subject: event.secretId, fields: { name: event.name } };
  return event.projectId === undefined ? base : { ...base, projectId: event.projectId };
}

type OfJob = Extract<ClusterEvent, { readonly jobId: string }>;

function describeJob(event: OfJob): Pick<Description, 'message' | 'fields'> {
  const fields: Record<string, string> = 'attempt' in event ? { attempt: String(event.attempt) } : {};
  switch (event.type) {
    case 'job-queued':
      return { message: 'the job was queued', fields: { name: event.spec.name } };
    case 'job-requeued':
      return { message: event.message, fields: { reason: event.reason } };
    case 'job-retried':
      return { message: 'the job was queued again by hand' };
    case 'job-stop-requested':
      return { message: 'a stop was asked for', fields: { cause: event.cause } };
    case 'job-finished':
      return {
        message: `the job ${event.state === 'cancelled' ? 'was cancelled' : event.state}: ${event.message}`,
        fields: { state: event.state, reason: event.reason, exitCode: String(event.exitCode) },
      };
    case 'job-tagged':
      return { message: 'the tags of the job changed', fields: { tags: event.tags.join(',') } };
    case 'job-held':
      return { message: 'the job is held' };
    case 'job-hold-released':
      return { message: 'the job is no longer held' };
    case 'job-updated':
      return {
        message: 'what the job asks for was changed',
        fields: { changed: Object.keys(event.change).sort().join(',') },
      };
    case 'job-deleted':
      return { message: 'the job was deleted' };
    case 'attempt-placed':
      return {
        message: 'an attempt was placed on a host',
        fields: { ...fields, hostId: event.hostId, gpus: event.gpuUuids.join(',') },
      };
    case 'attempt-accepted':
      return { message: 'the host accepted the attempt', fields };
    case 'attempt-preparing':
    case 'attempt-progressed':
      return {
        message: event.progress === '' ? 'the host prepares the attempt' : `the host is ${event.progress}`,
        fields,
      };
    case 'attempt-started':
      return { message: 'the attempt runs', fields };
    case 'attempt-finalizing':
      return { message: 'the attempt ended and its outputs are stored', fields };
    case 'attempt-stop-requested':
      return { message: 'the host was told to stop the attempt', fields: { ...fields, cause: event.cause } };
    case 'attempt-ended':
      return {
        message: `the attempt ended: ${event.outcome}`,
        fields: { ...fields, outcome: event.outcome },
      };
    case 'attempt-released':
      return { message: 'the host proved that nothing of the attempt is left', fields };
    case 'attempt-log-archived':
      return { message: 'the log of the attempt was stored', fields };
    case 'attempt-forgotten':
      return { message: 'the host has nothing of the attempt any more', fields };
    default:
      return assertNever(event);
  }
}
