/**
 * Accepting a job: everything about a request that only state can tell (project, machine type, secrets, whether any
 * host could ever hold it) is checked here, once, with the field that is wrong named.
 */
import type { Project } from '../../../proto/domain/catalog.ts';
import type { JobSpec } from '../../../proto/domain/job.ts';
import type { Command, CommandContext } from '../command.ts';
import type { Decision } from '../decision.ts';
import { accept, refuse, refuseField } from '../decision.ts';
import type { ClusterEvent } from '../event.ts';
import {
  ARRAY_SPEC_CHARACTERS_MAX,
  JOBS_MAX,
  QUEUE_LENGTH_MAX,
  RUN_ATTEMPTS_MAX,
  TAGS_PER_RECORD_MAX,
} from '../limits.ts';
import { requireProject } from '../lookup.ts';
import { applyMachineType } from '../machine-type/apply-machine-type.ts';
import { couldAnyHold, explainNoHolder } from '../placement/could-hold.ts';
import type { ClusterReader } from '../reader.ts';
import { replayRequest } from '../requests.ts';
import { resolveDependencies } from './dependencies.ts';
import { type Entry, enterQueue } from './enter-queue.ts';
import { secretEnvOf } from './secret-references.ts';

type CreateJob = Extract<Command, { readonly type: 'create-job' }>;
/** Undefined: nothing is wrong. */
type Objection = Decision | undefined;

export function decideCreateJob(
  reader: ClusterReader,
  command: CreateJob,
  context: CommandContext,
): Decision {
  const replay = replayRequest(reader, command.request, context);
  if (replay !== undefined) return replay;
  const found = requireProject(reader, command.project);
  if (!found.ok) return found;
  if (reader.job(command.id) !== undefined) {
    return refuse('bug', 'JOB_ID_TAKEN', 'a fresh id was taken already', { details: { jobId: command.id } });
  }
  const resolved = resolveMachineType(reader, command.spec);
  if (!resolved.ok) return resolved.refused;
  const entered = resolveQueue(reader, command, found.record, resolved.spec, context);
  if (!entered.ok) return entered;
  const { spec } = entered;
  const objection =
    objectToRoom(reader, countOf(command)) ??
    objectToArray(command, spec) ??
    objectToUnbuilt(spec) ??
    objectToSecrets(reader, found.record, spec) ??
    objectToHosts(reader, spec);
  if (objection !== undefined) return objection;
  return accept(command.id, eventsFor(command, found.record, spec));
}

function eventsFor(command: CreateJob, project: Project, spec: JobSpec): readonly ClusterEvent[] {
  const owned = command.secrets.map((secret) => ({
    type: 'secret-set' as const,
    secretId: secret.id,
    name: secret.name,
    projectId: project.id,
    ownerJobId: command.id,
  }));
  const held = command.hold === true ? { held: true as const } : {};
  const request = command.request === undefined ? {} : { request: command.request };
  const { array } = command;
  const elements = array?.elements.map(({ id, index }) => ({
    id,
    spec: { ...spec, array: { arrayId: array.id, index, concurrency: array.concurrency } },
  }));
  const queued = (elements ?? [{ id: command.id, spec }]).map(({ id, spec }, at): ClusterEvent => {
    // The answer to a repeated request leads to the whole array by its first element.
    const mark = at === 0 ? request : {};
    return { type: 'job-queued', jobId: id, projectId: project.id, spec, ...held, ...mark };
  });
  return [...owned, ...queued];
}

function countOf({ array }: CreateJob): number {
  return array?.elements.length ?? 1;
}

function resolveQueue(
  reader: ClusterReader,
  command: CreateJob,
  project: Project,
  spec: JobSpec,
  { principal }: CommandContext,
): Entry {
  const count = countOf(command);
  const after = resolveDependencies(reader, project.id, spec.after ?? [], count);
  if (!after.ok) return after;
  const asked = after.record.length === 0 ? spec : { ...spec, after: after.record };
  return enterQueue(reader, { projectId: project.id, user: principal, spec: asked, count });
}

/** Each element is a job of its own in the log and in memory, so an array must not be larger than a job may be. */
function objectToArray({ array, secrets }: CreateJob, spec: JobSpec): Objection {
  if (array === undefined) return undefined;
  if (secrets.length > 0) {
    const field = { path: 'spec', reason: 'carries a password, which an array cannot' };
    const hint = 'submit the jobs one by one, or let the hosts log in to the registry themselves';
    return refuseField('unsupported', 'ARRAY_PASSWORD', field, hint);
  }
  if (JSON.stringify(spec).length * array.elements.length <= ARRAY_SPEC_CHARACTERS_MAX) return undefined;
  return refuse('quota', 'ARRAY_TOO_LARGE', 'the elements of the array are too large together', {
    hint: 'put what is long into the workspace, or make smaller arrays',
  });
}

type Resolved =
  | { readonly ok: true; readonly spec: JobSpec }
  | { readonly ok: false; readonly refused: Decision };

function resolveMachineType(reader: ClusterReader, spec: JobSpec): Resolved {
  if (spec.machineType === '') return { ok: true, spec };
  const found = reader.findMachineType(spec.machineType);
  if (found.found) return { ok: true, spec: applyMachineType(spec, found.record.capacity) };
  const names = reader.machineTypes().map((type) => type.name);
  const field = { path: 'spec.machineType', reason: 'names a machine type that does not exist' };
  const hint = names.length === 0 ? 'no host is registered yet' : `there are ${names.slice(0, 8).join(', ')}`;
  const refused = refuseField('not-found', 'MACHINE_TYPE_NOT_FOUND', field, hint, {
    machineType: spec.machineType,
  });
  return { ok: false, refused };
}

function objectToRoom(reader: ClusterReader, count: number): Objection {
  if (reader.waitingCount + count > QUEUE_LENGTH_MAX) {
    return refuse('quota', 'QUEUE_FULL', 'too many jobs wait', {
      hint: 'try again later',
      retryAfterMs: 5_000,
    });
  }
  if (reader.jobCount + count <= JOBS_MAX) return undefined;
  return refuse('quota', 'JOBS_MAX', 'too many jobs are kept', { hint: 'delete finished jobs' });
}

/** Asked for in a form that the contract has and this version does not build: refused, never ignored. */
function objectToUnbuilt(spec: JobSpec): Objection {
  const { gpuMilli, migProfile } = spec.resources;
  if (gpuMilli < 0 || !Number.isSafeInteger(gpuMilli)) {
    const field = { path: 'spec.resources.gpuMilli', reason: 'is not a whole number' };
    return refuseField('invalid', 'BAD_GPU_COUNT', field, 'ask for 0 or more GPUs');
  }
  if (gpuMilli % 1000 !== 0) {
    const field = {
      path: 'spec.resources.gpuMilli',
      reason: 'asks for a share of a GPU, which is not offered',
    };
    return refuseField('unsupported', 'GPU_SHARES_UNSUPPORTED', field, 'ask for whole GPUs');
  }
  if (migProfile !== '') {
    const field = { path: 'spec.resources.migProfile', reason: 'asks for a MIG slice, which is not offered' };
    return refuseField('unsupported', 'MIG_UNSUPPORTED', field, 'ask for whole GPUs');
  }
  if (spec.tasks !== 1) {
    const field = { path: 'spec.tasks', reason: `asks for ${spec.tasks} tasks; a job has one` };
    return refuseField('unsupported', 'GANGS_UNSUPPORTED', field, 'ask for one task');
  }
  if (spec.maxRunAttempts > RUN_ATTEMPTS_MAX) {
    const field = { path: 'spec.maxRunAttempts', reason: `is over ${RUN_ATTEMPTS_MAX}` };
    return refuseField('invalid', 'BAD_RUN_ATTEMPTS', field, `ask for at most ${RUN_ATTEMPTS_MAX}`);
  }
  if (spec.tags.length <= TAGS_PER_RECORD_MAX) return undefined;
  const field = { path: 'spec.tags', reason: `lists more than ${TAGS_PER_RECORD_MAX}` };
  return refuseField('invalid', 'BAD_TAGS', field, 'use fewer tags');
}

function objectToSecrets(reader: ClusterReader, project: Project, spec: JobSpec): Objection {
  const missing = secretEnvOf(spec).find(([, name]) => reader.findSecret(project.id, name) === undefined);
  if (missing === undefined) return undefined;
  const [env, name] = missing;
  const field = { path: `spec.env.${env}`, reason: 'names a secret that does not exist' };
  return refuseField('not-found', 'SECRET_NOT_FOUND', field, 'set it first with nabla secrets set', {
    secret: name,
  });
}

function objectToHosts(reader: ClusterReader, spec: JobSpec): Objection {
  if (spec.waitForHosts || couldAnyHold(reader.hosts(), spec)) return undefined;
  const none = reader.hostCount === 0;
  const field = none
    ? { path: 'spec.resources', reason: 'cannot be given: no host is registered' }
    : explainNoHolder(reader.hosts(), spec);
  const hint = 'ask for less, or add --wait-for-hosts to queue it until such a host joins';
  return refuseField('precondition', 'NO_HOST_COULD_HOLD', field, hint);
}
