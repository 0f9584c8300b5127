/** The documented JSON form of explanations and of the load of the cluster, by the rules of record-json. */
import type { ClusterLoad, JobExplanation } from './explain-views.ts';
import { estimateJson, type JsonRecord, toIsoTime, veiledJson } from './record-json.ts';

export function explanationJson(explanation: JobExplanation): JsonRecord {
  return {
    jobId: explanation.jobId,
    state: explanation.state,
    code: explanation.code,
    message: explanation.message,
    queue: explanation.queue,
    position: explanation.position,
    readyCount: explanation.readyCount,
    estimate: estimateJson(explanation.estimate),
    unknownBecause: explanation.unknownBecause === '' ? null : explanation.unknownBecause,
    hosts: explanation.hosts.map((group) => ({ ...group, hostNames: [...group.hostNames] })),
    holders: veiledJson(explanation.holders),
    ahead: veiledJson(explanation.ahead),
    victims: veiledJson(explanation.victims),
    changes: explanation.changes.map(({ estimate, ...change }) => ({
      ...change,
      estimate: estimateJson(estimate),
    })),
    plans: explanation.plans,
    incomplete: explanation.incomplete,
  };
}

export function loadJson({ atMs, ...load }: ClusterLoad): JsonRecord {
  const { fragmentation } = load;
  return {
    at: toIsoTime(atMs),
    hostCount: load.hostCount,
    hostsReady: load.hostsReady,
    cpuMilli: load.cpuMilli,
    cpuMilliUsed: load.cpuMilliUsed,
    memoryBytes: load.memoryBytes,
    memoryBytesUsed: load.memoryBytesUsed,
    gpus: load.gpus.map((gpus) => ({ ...gpus })),
    queues: load.queues.map((queue) => ({ ...queue })),
    projects: load.projects.map(({ projectId, guaranteedGpuMilli, limitGpuMilli, ...project }) => ({
      projectId: projectId ?? null,
      ...project,
      guaranteedGpuMilli: guaranteedGpuMilli ?? null,
      limitGpuMilli: limitGpuMilli ?? null,
    })),
    projectsLeftOut: load.projectsLeftOut,
    fragmentation: {
      ...fragmentation,
      stuckForWaitingMilli: fragmentation.stuckForWaitingMilli ?? null,
      stuckForTypicalMilli: fragmentation.stuckForTypicalMilli ?? null,
    },
    hosts: load.hosts.map((host) => ({ ...host })),
    hostsLeftOut: load.hostsLeftOut,
  };
}
