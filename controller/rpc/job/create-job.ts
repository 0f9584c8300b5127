/**
 * Accepting a job: the whole request is checked, passwords are sealed, and only then a command is given. A dry run
 * goes the same way up to the decision and stores nothing.
 */
import type { ArrayId, JobId, Principal, SecretId } from '../../../proto/domain/ids.ts';
import type { Credentials, Job, JobSpec } from '../../../proto/domain/job.ts';
import { type ArrayRange, checkArrayRange, toIndices } from '../../../proto/domain/job-array.ts';
import { requireJobSpec } from '../../../proto/domain/job-validation.ts';
import type { DryRunPlan } from '../../../proto/domain/views.ts';
import { ClusterError, invariant } from '../../../proto/errors/cluster-error.ts';
import type { CreateJobRequest } from '../../../proto/gen/nabla/v1/job_pb.ts';
import type { CallContext } from '../../../proto/rpc/call-context.ts';
import { sha256Hex } from '../../../proto/runtime/sha256.ts';
import { fromWireJobSpec, redactJobSpec } from '../../../proto/wire/job-spec-wire.ts';
import { workspaceKey } from '../../blobs/blob-layout.ts';
import type { Command, NewArray, SealedSecret } from '../../core/command.ts';
import { decide } from '../../core/decide.ts';
import type { ClusterEvent } from '../../core/event.ts';
import { planDryRun } from '../../core/explain/dry-run.ts';
import { foundProject } from '../../core/found-record.ts';
import type { ClusterReader } from '../../core/reader.ts';
import { checkRequestId, failRequest, projectReference } from '../request-field.ts';
import { planInputOf, seesOf } from '../service/explain-service.ts';
import type { ServicePorts } from '../service-ports.ts';

type CreateJobCommand = Extract<Command, { readonly type: 'create-job' }>;

type CreateJobPorts = Pick<ServicePorts, 'engine' | 'blobs' | 'ids' | 'seal'>;

/** The command for this request. @throws ClusterError with every wrong field named */
export async function toCreateJobCommand(
  ports: CreateJobPorts,
  request: CreateJobRequest,
): Promise<CreateJobCommand> {
  const project = projectReference(request.project);
  if (request.spec === undefined) return failRequest('spec', 'is required');
  const asked = requireJobSpec(fromWireJobSpec(request.spec));
  // A dry run stores nothing, so its archive cannot have been uploaded.
  if (!request.dryRun) await requireWorkspace(ports, project, asked);
  await requireHosts(ports, asked);
  const requestId = checkRequestId(request.requestId);
  const range = readRange(request);
  const ids = mintIds(ports, range);
  const { spec, secrets } = await sealPasswords(ports, asked);
  return {
    type: 'create-job',
    id: ids[0]!,
    project,
    spec,
    secrets,
    ...(request.hold ? { hold: true } : {}),
    ...(range === undefined ? {} : { array: newArray(ports, range, ids) }),
    ...(requestId === ''
      ? {}
      : { request: { requestId, contentHash: hashContent(project, asked, request) } }),
  };
}

/** @throws ClusterError invalid REQUEST_INVALID */
function readRange({ array }: CreateJobRequest): ArrayRange | undefined {
  if (array === undefined) return undefined;
  const { first, last, step, concurrency } = array;
  const range = { first, last, step: step === 0 ? 1 : step, concurrency };
  const reason = checkArrayRange(range);
  return reason === undefined ? range : failRequest('array', reason);
}

/** Ids rise with the indices, so that elements are served in their order. */
function mintIds({ ids }: CreateJobPorts, range: ArrayRange | undefined): readonly JobId[] {
  const count = range === undefined ? 1 : toIndices(range).length;
  return Array.from({ length: count }, () => ids.mint('job') as JobId);
}

function newArray({ ids }: CreateJobPorts, range: ArrayRange, jobIds: readonly JobId[]): NewArray {
  return {
    id: ids.mint('array') as ArrayId,
    elements: toIndices(range).map((index, at) => ({ id: jobIds[at]!, index })),
    concurrency: range.concurrency,
  };
}

/**
 * Passwords are left out: a hash of a guessable one would stand in the log for ever. Reading a request fixes the order
 * of its fields and sorts its maps, so equal requests have equal text.
 */
function hashContent(project: string, spec: JobSpec, { hold, array }: CreateJobRequest): string {
  const how = array === undefined ? '' : `\n${array.first}-${array.last}:${array.step}%${array.concurrency}`;
  const text = `create-job\n${project}\n${JSON.stringify(redactJobSpec(spec))}${how}${hold ? '\nhold' : ''}`;
  return sha256Hex(text);
}

/** The archive must be there before the job is: an attempt without its workspace could only fail. */
async function requireWorkspace(ports: CreateJobPorts, projectRef: string, spec: JobSpec): Promise<void> {
  const { workspace } = spec;
  if (workspace?.kind !== 'blob') return;
  const { id } = await ports.engine.read((view) => foundProject(view, projectRef));
  const blob = await ports.blobs.stat(workspaceKey(id, workspace.sha256));
  if (blob === undefined) {
    throw new ClusterError('precondition', 'WORKSPACE_NOT_STORED', 'the workspace was not uploaded', {
      fields: [{ path: 'spec.workspace', reason: 'names content that is not stored in the project' }],
      hint: 'upload it first',
      details: { sha256: workspace.sha256 },
    });
  }
  if (blob.sizeBytes !== workspace.sizeBytes) {
    failRequest('spec.workspace.sizeBytes', `must be ${blob.sizeBytes}, the size of what is stored`);
  }
}

/** A misspelt host would be excluded in vain. Who waits for hosts may mean one that is yet to come. */
async function requireHosts({ engine }: CreateJobPorts, spec: JobSpec): Promise<void> {
  if (spec.waitForHosts || spec.excludeHosts.length === 0) return;
  const unknown = await engine.read((view) => {
    const known = new Set([...view.hosts()].flatMap(({ id, name }) => [id as string, name]));
    return spec.excludeHosts.find((host) => !known.has(host));
  });
  if (unknown === undefined) return;
  const reason = `names no known host: ${unknown}`;
  throw new ClusterError('invalid', 'HOST_UNKNOWN', `spec.excludeHosts ${reason}`, {
    fields: [{ path: 'spec.excludeHosts', reason }],
    hint: 'nabla hosts list shows the hosts; with --wait-for-hosts one may be named that is yet to come',
  });
}

interface SealedSpec {
  readonly spec: JobSpec;
  readonly secrets: readonly SealedSecret[];
}

async function sealPasswords(ports: CreateJobPorts, asked: JobSpec): Promise<SealedSpec> {
  const secrets: SealedSecret[] = [];
  const seal = async (credentials: Credentials, name: string): Promise<Credentials> => {
    const { password, ...rest } = credentials;
    if (password === undefined) return rest;
    const id = ports.ids.mint('secret') as SecretId;
    secrets.push({ id, name, sealed: await ports.seal(id, Buffer.from(password)) });
    return { ...rest, secretId: id };
  };
  let spec = asked;
  if (spec.registry !== undefined) spec = { ...spec, registry: await seal(spec.registry, 'registry') };
  const { workspace } = spec;
  if (workspace?.kind === 'git' && workspace.credentials !== undefined) {
    const credentials = await seal(workspace.credentials, 'git');
    spec = { ...spec, workspace: { ...workspace, credentials } };
  }
  return { spec, secrets };
}

/** What would become of the command now. @throws ClusterError as the real submission would */
export async function dryRunJob(
  ports: ServicePorts,
  command: CreateJobCommand,
  context: CallContext,
): Promise<DryRunPlan> {
  const { request: _replayed, ...fresh } = command;
  const { principal } = context.caller;
  return ports.questions.ask(principal, context.signal, () =>
    ports.engine.read((view) => {
      // The state behind the engine implements the wider reader; deciding changes nothing.
      const reader = view as ClusterReader;
      const input = planInputOf(ports);
      const decision = decide(reader, fresh, { principal, nowMs: input.nowMs });
      if (!decision.ok) {
        const { kind, code, message, ...options } = decision.error;
        throw new ClusterError(kind, code, message, options);
      }
      const jobs = decision.events.flatMap((event) =>
        event.type === 'job-queued' ? [toQueuedJob(event, principal, input.nowMs)] : [],
      );
      const [first, ...others] = jobs;
      invariant(first !== undefined, 'JOB_NOT_QUEUED');
      const sees = seesOf(ports, view, context);
      return planDryRun(ports.askPlanner, { view: reader, ...input }, [first, ...others], sees);
    }),
  );
}

type JobQueued = Extract<ClusterEvent, { readonly type: 'job-queued' }>;

/** As the state would keep it. */
function toQueuedJob({ jobId, projectId, spec, held }: JobQueued, createdBy: Principal, nowMs: number): Job {
  return {
    id: jobId,
    projectId,
    createdBy,
    createdAtMs: nowMs,
    spec,
    state: 'queued',
    reason: 'QUEUED',
    reasonMessage: '',
    attempts: [],
    startedAtMs: 0,
    finishedAtMs: 0,
    revision: 0,
    stopRequested: false,
    manualRetries: 0,
    ...(held === undefined ? {} : { held }),
  };
}
