/**
 * Jobs, attempts, exits, artifacts and dry-run plans between wire and domain.
 */
import { create } from '@bufbuild/protobuf';
import type { GpuUuid, HostId, JobId, Principal, ProjectId } from '../domain/ids.ts';
import type { Exit } from '../domain/job.ts';
import type {
  Artifact,
  AttemptView,
  DryRunPlan,
  JobView,
  StartEstimate,
  VeiledJobs,
} from '../domain/views.ts';
import * as wire from '../gen/nabla/v1/job_pb.ts';
import { attemptOutcomeBridge, attemptPhaseBridge, jobStateBridge, verdictBridge } from './enum-wire.ts';
import { fromWireJobSpec, fromWirePorts, redactJobSpec, toWireJobSpec, toWirePort } from './job-spec-wire.ts';
import { fromCount, fromInt64, fromPresent, present, toInt64 } from './scalar-wire.ts';

export function toWireExit(exit: Exit): wire.Exit {
  return create(wire.ExitSchema, {
    ...present('code', exit.code),
    signal: exit.signal,
    outOfMemory: exit.outOfMemory,
    verdict: verdictBridge.toWireOptional(exit.verdict === 'none' ? undefined : exit.verdict),
    reason: exit.reason,
    message: exit.message,
    finishedAtMs: toInt64(exit.finishedAtMs),
  });
}

export function fromWireExit(exit: wire.Exit, path: string): Exit {
  return {
    ...present('code', exit.code),
    signal: fromCount(exit.signal, `${path}.signal`),
    outOfMemory: exit.outOfMemory,
    verdict: verdictBridge.fromWireOptional(exit.verdict, `${path}.verdict`) ?? 'none',
    reason: exit.reason,
    message: exit.message,
    finishedAtMs: fromInt64(exit.finishedAtMs, `${path}.finishedAtMs`),
  };
}

export function toWireAttempt(attempt: AttemptView): wire.Attempt {
  return create(wire.AttemptSchema, {
    number: attempt.number,
    phase: attemptPhaseBridge.toWire(attempt.phase),
    outcome: attemptOutcomeBridge.toWireOptional(attempt.outcome),
    hostId: attempt.hostId,
    hostName: attempt.hostName ?? '',
    gpuUuids: [...attempt.gpuUuids],
    placedAtMs: toInt64(attempt.placedAtMs),
    startedAtMs: toInt64(attempt.startedAtMs),
    endedAtMs: toInt64(attempt.endedAtMs),
    ...(attempt.exit && { exit: toWireExit(attempt.exit) }),
    ports: attempt.ports.map(toWirePort),
    progress: attempt.progress,
    progressBytes: toInt64(attempt.progressBytes),
    progressTotalBytes: toInt64(attempt.progressTotalBytes),
    logBytes: toInt64(attempt.logBytes),
  });
}

export function fromWireAttempt(attempt: wire.Attempt, path: string): AttemptView {
  const { exit } = attempt;
  return {
    number: fromCount(attempt.number, `${path}.number`),
    phase: attemptPhaseBridge.fromWire(attempt.phase, `${path}.phase`),
    ...present('outcome', attemptOutcomeBridge.fromWireOptional(attempt.outcome, `${path}.outcome`)),
    hostId: attempt.hostId as HostId,
    ...present('hostName', attempt.hostName === '' ? undefined : attempt.hostName),
    gpuUuids: attempt.gpuUuids as GpuUuid[],
    placedAtMs: fromInt64(attempt.placedAtMs, `${path}.placedAtMs`),
    startedAtMs: fromInt64(attempt.startedAtMs, `${path}.startedAtMs`),
    endedAtMs: fromInt64(attempt.endedAtMs, `${path}.endedAtMs`),
    ...present('exit', exit && fromWireExit(exit, `${path}.exit`)),
    ports: fromWirePorts(attempt.ports, `${path}.ports`),
    progress: attempt.progress,
    progressBytes: fromInt64(attempt.progressBytes, `${path}.progressBytes`),
    progressTotalBytes: fromInt64(attempt.progressTotalBytes, `${path}.progressTotalBytes`),
    logBytes: fromInt64(attempt.logBytes, `${path}.logBytes`),
  };
}

/** For replies to users: never carries a password. A committed Job is a JobView. */
export function toWireJob(job: JobView): wire.Job {
  return create(wire.JobSchema, {
    id: job.id,
    projectId: job.projectId,
    createdBy: job.createdBy,
    createdAtMs: toInt64(job.createdAtMs),
    spec: toWireJobSpec(redactJobSpec(job.spec)),
    state: jobStateBridge.toWire(job.state),
    reason: job.reason,
    reasonMessage: job.reasonMessage,
    attempts: job.attempts.map(toWireAttempt),
    startedAtMs: toInt64(job.startedAtMs),
    finishedAtMs: toInt64(job.finishedAtMs),
    revision: toInt64(job.revision),
    ...present('exitCode', job.exitCode),
    queuePosition: job.queuePosition ?? 0,
    stopRequested: job.stopRequested,
    notBeforeMs: toInt64(job.notBeforeMs ?? 0),
    held: job.held ?? false,
  });
}

/** @throws ClusterError invalid, with the field's path. */
export function fromWireJob(job: wire.Job, path = 'job'): JobView {
  return {
    id: job.id as JobId,
    projectId: job.projectId as ProjectId,
    createdBy: job.createdBy as Principal,
    createdAtMs: fromInt64(job.createdAtMs, `${path}.createdAtMs`),
    spec: fromWireJobSpec(fromPresent(job.spec, `${path}.spec`), `${path}.spec`),
    state: jobStateBridge.fromWire(job.state, `${path}.state`),
    reason: job.reason,
    reasonMessage: job.reasonMessage,
    attempts: job.attempts.map((attempt, index) => fromWireAttempt(attempt, `${path}.attempts[${index}]`)),
    startedAtMs: fromInt64(job.startedAtMs, `${path}.startedAtMs`),
    finishedAtMs: fromInt64(job.finishedAtMs, `${path}.finishedAtMs`),
    revision: fromInt64(job.revision, `${path}.revision`),
    ...present('exitCode', job.exitCode),
    queuePosition: fromCount(job.queuePosition, `${path}.queuePosition`),
    stopRequested: job.stopRequested,
    ...present('notBeforeMs', fromInt64(job.notBeforeMs, `${path}.notBeforeMs`) || undefined),
    ...present('held', job.held || undefined),
  };
}

export function toWireArtifact(artifact: Artifact): wire.Artifact {
  return create(wire.ArtifactSchema, {
    path: artifact.path,
    sizeBytes: toInt64(artifact.sizeBytes),
    modifiedAtMs: toInt64(artifact.modifiedAtMs),
    attempt: artifact.attempt,
    sha256: artifact.sha256,
  });
}

export function fromWireArtifact(artifact: wire.Artifact, path = 'artifact'): Artifact {
  return {
    path: artifact.path,
    sizeBytes: fromInt64(artifact.sizeBytes, `${path}.sizeBytes`),
    modifiedAtMs: fromInt64(artifact.modifiedAtMs, `${path}.modifiedAtMs`),
    attempt: fromCount(artifact.attempt, `${path}.attempt`),
    sha256: artifact.sha256,
  };
}

export function toWireDryRunPlan(plan: DryRunPlan): wire.DryRunPlan {
  return create(wire.DryRunPlanSchema, {
    fitsNow: plan.fitsNow,
    hostId: plan.hostId ?? '',
    hostName: plan.hostName,
    gpuUuids: [...plan.gpuUuids],
    reason: plan.reason,
    reasonMessage: plan.reasonMessage,
    position: plan.position,
    ...present('estimate', plan.estimate && toWireEstimate(plan.estimate)),
    unknownBecause: plan.unknownBecause,
    displaced: toWireVeiled(plan.displaced),
    elements: plan.elements,
    elementsStarting: plan.elementsStarting,
  });
}

export function fromWireDryRunPlan(plan: wire.DryRunPlan, path = 'plan'): DryRunPlan {
  return {
    fitsNow: plan.fitsNow,
    ...(plan.hostId === '' ? {} : { hostId: plan.hostId as HostId }),
    hostName: plan.hostName,
    gpuUuids: plan.gpuUuids as GpuUuid[],
    reason: plan.reason,
    reasonMessage: plan.reasonMessage,
    position: fromCount(plan.position, `${path}.position`),
    ...present('estimate', plan.estimate && fromWireEstimate(plan.estimate, `${path}.estimate`)),
    unknownBecause: plan.unknownBecause,
    displaced: fromWireVeiled(plan.displaced, `${path}.displaced`),
    elements: fromCount(plan.elements, `${path}.elements`),
    elementsStarting: fromCount(plan.elementsStarting, `${path}.elementsStarting`),
  };
}

export function toWireEstimate({ startMs, basis }: StartEstimate): wire.StartEstimate {
  return create(wire.StartEstimateSchema, { startMs: toInt64(Math.max(0, Math.round(startMs))), basis });
}

export function fromWireEstimate({ startMs, basis }: wire.StartEstimate, path: string): StartEstimate {
  return { startMs: fromInt64(startMs, `${path}.startMs`), basis };
}

export function toWireVeiled({ jobIds, visibleCount, hiddenCount }: VeiledJobs): wire.VeiledJobs {
  return create(wire.VeiledJobsSchema, { jobIds: [...jobIds], visibleCount, hiddenCount });
}

/** Absent means nobody. */
export function fromWireVeiled(jobs: wire.VeiledJobs | undefined, path: string): VeiledJobs {
  return {
    jobIds: (jobs?.jobIds ?? []) as JobId[],
    visibleCount: fromCount(jobs?.visibleCount ?? 0, `${path}.visibleCount`),
    hiddenCount: fromCount(jobs?.hiddenCount ?? 0, `${path}.hiddenCount`),
  };
}
