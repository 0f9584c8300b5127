/** Explanations of waiting jobs and the load of the cluster between wire and domain. */
import { create } from '@bufbuild/protobuf';
import {
  CHANGE_KINDS,
  type ClusterLoad,
  type HostLoad,
  type JobExplanation,
  type ProjectLoad,
  type QueueWaiting,
  type StartChange,
} from '../domain/explain-views.ts';
import type { JobId, ProjectId } from '../domain/ids.ts';
import * as wire from '../gen/nabla/v1/explain_pb.ts';
import { jobStateBridge } from './enum-wire.ts';
import { fromWireEstimate, fromWireVeiled, toWireEstimate, toWireVeiled } from './job-wire.ts';
import { fromCount, fromInt64, fromOptionalInt64, present, toInt64 } from './scalar-wire.ts';

export function toWireExplanation(explanation: JobExplanation): wire.JobExplanation {
  const { state, hosts, holders, ahead, victims, estimate, changes, ...rest } = explanation;
  return create(wire.JobExplanationSchema, {
    ...rest,
    state: jobStateBridge.toWire(state),
    hosts: hosts.map((group) => ({ ...group, hostNames: [...group.hostNames] })),
    holders: toWireVeiled(holders),
    ahead: toWireVeiled(ahead),
    victims: toWireVeiled(victims),
    ...present('estimate', estimate && toWireEstimate(estimate)),
    changes: changes.map(toWireChange),
  });
}

function toWireChange({ estimate, ...change }: StartChange): wire.StartChange {
  return create(wire.StartChangeSchema, {
    ...change,
    ...present('estimate', estimate && toWireEstimate(estimate)),
  });
}

/** Kinds of change that a newer peer knows are left out. */
export function fromWireExplanation(explanation: wire.JobExplanation, path = 'explanation'): JobExplanation {
  const { estimate } = explanation;
  return {
    jobId: explanation.jobId as JobId,
    state: jobStateBridge.fromWire(explanation.state, `${path}.state`),
    code: explanation.code,
    message: explanation.message,
    queue: explanation.queue,
    position: fromCount(explanation.position, `${path}.position`),
    readyCount: fromCount(explanation.readyCount, `${path}.readyCount`),
    hosts: explanation.hosts.map(({ code, message, hostCount, hostNames, passesWithTime }, at) => ({
      code,
      message,
      hostCount: fromCount(hostCount, `${path}.hosts[${at}].hostCount`),
      hostNames,
      passesWithTime,
    })),
    holders: fromWireVeiled(explanation.holders, `${path}.holders`),
    ahead: fromWireVeiled(explanation.ahead, `${path}.ahead`),
    victims: fromWireVeiled(explanation.victims, `${path}.victims`),
    ...present('estimate', estimate && fromWireEstimate(estimate, `${path}.estimate`)),
    unknownBecause: explanation.unknownBecause,
    changes: explanation.changes.flatMap((change, at) => fromWireChange(change, `${path}.changes[${at}]`)),
    plans: fromCount(explanation.plans, `${path}.plans`),
    incomplete: explanation.incomplete,
  };
}

function fromWireChange(change: wire.StartChange, path: string): readonly StartChange[] {
  const { flags, message, startsNow, inPlace, estimate } = change;
  const kind = CHANGE_KINDS.find((one) => one === change.kind);
  if (kind === undefined) return [];
  const told = present('estimate', estimate && fromWireEstimate(estimate, `${path}.estimate`));
  return [{ kind, flags, message, startsNow, inPlace, ...told }];
}

export function toWireLoad(load: ClusterLoad): wire.ClusterLoad {
  const { fragmentation } = load;
  const { stuckForWaitingMilli, stuckForTypicalMilli } = fragmentation;
  return create(wire.ClusterLoadSchema, {
    atMs: toInt64(load.atMs),
    hostCount: load.hostCount,
    hostsReady: load.hostsReady,
    cpuMilli: toInt64(load.cpuMilli),
    cpuMilliUsed: toInt64(load.cpuMilliUsed),
    memoryBytes: toInt64(load.memoryBytes),
    memoryBytesUsed: toInt64(load.memoryBytesUsed),
    gpus: load.gpus.map((gpus) => ({ ...gpus })),
    hosts: load.hosts.map(toWireHost),
    hostsLeftOut: load.hostsLeftOut,
    queues: load.queues.map(({ readyGpuMilli, runningGpuMilli, oldestWaitMs, ...queue }) => ({
      ...queue,
      readyGpuMilli: toInt64(readyGpuMilli),
      runningGpuMilli: toInt64(runningGpuMilli),
      oldestWaitMs: toInt64(Math.max(0, oldestWaitMs)),
    })),
    projects: load.projects.map(toWireProject),
    projectsLeftOut: load.projectsLeftOut,
    fragmentation: {
      freeGpuMilli: toInt64(fragmentation.freeGpuMilli),
      ...present('stuckForWaitingMilli', toOptional(stuckForWaitingMilli)),
      ...present('stuckForTypicalMilli', toOptional(stuckForTypicalMilli)),
      waitingShapes: fragmentation.waitingShapes,
      typicalShapes: fragmentation.typicalShapes,
    },
  });
}

function toOptional(value: number | undefined): bigint | undefined {
  return value === undefined ? undefined : toInt64(value);
}

function toWireHost(host: HostLoad): wire.HostLoad {
  const { cpuMilli, cpuMilliUsed, memoryBytes, memoryBytesUsed, ...rest } = host;
  return create(wire.HostLoadSchema, {
    ...rest,
    cpuMilli: toInt64(cpuMilli),
    cpuMilliUsed: toInt64(cpuMilliUsed),
    memoryBytes: toInt64(memoryBytes),
    memoryBytesUsed: toInt64(memoryBytesUsed),
  });
}

function toWireProject(project: ProjectLoad): wire.ProjectLoad {
  return create(wire.ProjectLoadSchema, {
    projectId: project.projectId ?? '',
    projectName: project.projectName,
    running: project.running,
    gpuMilli: toInt64(project.gpuMilli),
    ...present('guaranteedGpuMilli', toOptional(project.guaranteedGpuMilli)),
    ...present('limitGpuMilli', toOptional(project.limitGpuMilli)),
  });
}

export function fromWireLoad(load: wire.ClusterLoad, path = 'load'): ClusterLoad {
  const size = (value: bigint, name: string): number => fromInt64(value, `${path}.${name}`);
  const { fragmentation: parts } = load;
  const stuck = (value: bigint | undefined): number | undefined =>
    fromOptionalInt64(value, `${path}.fragmentation`);
  return {
    atMs: size(load.atMs, 'atMs'),
    hostCount: fromCount(load.hostCount, `${path}.hostCount`),
    hostsReady: fromCount(load.hostsReady, `${path}.hostsReady`),
    cpuMilli: size(load.cpuMilli, 'cpuMilli'),
    cpuMilliUsed: size(load.cpuMilliUsed, 'cpuMilliUsed'),
    memoryBytes: size(load.memoryBytes, 'memoryBytes'),
    memoryBytesUsed: size(load.memoryBytesUsed, 'memoryBytesUsed'),
    gpus: load.gpus.map(({ model, total, used, unusable }) => ({ model, total, used, unusable })),
    hosts: load.hosts.map((host, at) => fromWireHost(host, `${path}.hosts[${at}]`)),
    hostsLeftOut: fromCount(load.hostsLeftOut, `${path}.hostsLeftOut`),
    queues: load.queues.map((queue, at) => fromWireQueueLoad(queue, `${path}.queues[${at}]`)),
    projects: load.projects.map((project, at) => fromWireProject(project, `${path}.projects[${at}]`)),
    projectsLeftOut: fromCount(load.projectsLeftOut, `${path}.projectsLeftOut`),
    fragmentation: {
      freeGpuMilli: size(parts?.freeGpuMilli ?? 0n, 'fragmentation.freeGpuMilli'),
      ...present('stuckForWaitingMilli', stuck(parts?.stuckForWaitingMilli)),
      ...present('stuckForTypicalMilli', stuck(parts?.stuckForTypicalMilli)),
      waitingShapes: parts?.waitingShapes ?? 0,
      typicalShapes: parts?.typicalShapes ?? 0,
    },
  };
}

function fromWireHost(host: wire.HostLoad, path: string): HostLoad {
  return {
    name: host.name,
    state: host.state,
    gpuCount: fromCount(host.gpuCount, `${path}.gpuCount`),
    gpusUsed: fromCount(host.gpusUsed, `${path}.gpusUsed`),
    gpusUnusable: fromCount(host.gpusUnusable, `${path}.gpusUnusable`),
    cpuMilli: fromInt64(host.cpuMilli, `${path}.cpuMilli`),
    cpuMilliUsed: fromInt64(host.cpuMilliUsed, `${path}.cpuMilliUsed`),
    memoryBytes: fromInt64(host.memoryBytes, `${path}.memoryBytes`),
    memoryBytesUsed: fromInt64(host.memoryBytesUsed, `${path}.memoryBytesUsed`),
  };
}

function fromWireQueueLoad(queue: wire.QueueLoad, path: string): QueueWaiting {
  return {
    name: queue.name,
    waiting: fromCount(queue.waiting, `${path}.waiting`),
    running: fromCount(queue.running, `${path}.running`),
    ready: fromCount(queue.ready, `${path}.ready`),
    readyGpuMilli: fromInt64(queue.readyGpuMilli, `${path}.readyGpuMilli`),
    runningGpuMilli: fromInt64(queue.runningGpuMilli, `${path}.runningGpuMilli`),
    oldestWaitMs: fromInt64(queue.oldestWaitMs, `${path}.oldestWaitMs`),
  };
}

function fromWireProject(project: wire.ProjectLoad, path: string): ProjectLoad {
  const { guaranteedGpuMilli, limitGpuMilli } = project;
  return {
    ...present('projectId', project.projectId === '' ? undefined : (project.projectId as ProjectId)),
    projectName: project.projectName,
    running: fromCount(project.running, `${path}.running`),
    gpuMilli: fromInt64(project.gpuMilli, `${path}.gpuMilli`),
    ...present('guaranteedGpuMilli', fromOptionalInt64(guaranteedGpuMilli, `${path}.guaranteedGpuMilli`)),
    ...present('limitGpuMilli', fromOptionalInt64(limitGpuMilli, `${path}.limitGpuMilli`)),
  };
}
