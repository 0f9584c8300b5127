/**
 * What must be true of the queue and of what shares the cluster out: the queue holds exactly the jobs that may start,
 * caps are kept, the quota tree is a tree, and the ledger is whole.
 */
import type { ArrayId, JobId, ProjectId } from '../../proto/domain/ids.ts';
import { isFinished } from '../../proto/domain/job.ts';
import { QUOTA_ROOT } from '../../proto/domain/scheduling.ts';
import type { JobRecord } from '../core/job/model.ts';
import { isActive, queueOf } from '../core/job/model.ts';
import {
  type ArrayTally,
  CapCount,
  capKeysOf,
  type DependencyReads,
  dependenciesOf,
  findOwnGate,
  stateOfDependency,
  tallyOf,
} from '../core/job/readiness.ts';
import { QUOTA_DEPTH_MAX } from '../core/limits.ts';
import type { ClusterState } from './cluster-state.ts';
import { compareInQueue } from './queue-index.ts';

type Report = (rule: string) => void;

export function checkScheduling(state: ClusterState, report: Report): void {
  const compare = compareInQueue((name) => state.scheduling.findQueue(name)?.priorityBand ?? 0);
  const queued = [...state.jobs()].filter((job) => job.state === 'queued').sort(compare);
  if (state.waitingCount !== queued.length) report('the jobs that wait are counted wrong');
  const active = countActive(state);
  const tallies = tallyArrays(state);
  const reads = {
    job: (id: JobId) => state.job(id),
    arrayTally: (id: ArrayId) => tallies.get(id),
    findQueue: (name: string) => state.scheduling.findQueue(name),
    activeCount: (key: string) => active.get(key) ?? 0,
  };
  const caps = new CapCount(reads);
  const expected = queued.filter(
    (job) => findOwnGate(job, reads) === undefined && caps.findFull(job) === undefined,
  );
  const queue = state.queue();
  if (queue.length !== expected.length || expected.some((job, index) => queue[index] !== job)) {
    report('the queue is not the jobs that may start, in order');
  }
  for (const [key, count] of active) {
    if (state.jobTable.waiting.activeCount(key) !== count) report(`running jobs are counted wrong: ${key}`);
  }
  for (const [at, job] of queue.entries()) {
    if (state.queuePosition(job.id) !== at + 1) report(`${job.id}: its position is told wrong`);
  }
  checkBroken(state, reads, report);
  checkJobs(state, report);
  checkQuotas(state, report);
  checkRest(state, report);
}

function countActive(state: ClusterState): ReadonlyMap<string, number> {
  const active = new Map<string, number>();
  for (const job of state.jobs()) {
    if (!isActive(job)) continue;
    for (const key of capKeysOf(job)) active.set(key, (active.get(key) ?? 0) + 1);
  }
  return active;
}

function tallyArrays(state: ClusterState): ReadonlyMap<ArrayId, ArrayTally> {
  const tallies = new Map<ArrayId, ArrayTally>();
  for (const job of state.jobs()) {
    if (job.spec.array === undefined) continue;
    const { arrayId } = job.spec.array;
    const { unfinished, failed } = tallyOf(job);
    const before = tallies.get(arrayId);
    tallies.set(arrayId, {
      unfinished: unfinished + (before?.unfinished ?? 0),
      failed: failed + (before?.failed ?? 0),
    });
  }
  return tallies;
}

/** Whatever failed and is relied on is known, and nothing else: so nobody waits for what can never be. */
function checkBroken(state: ClusterState, reads: DependencyReads, report: Report): void {
  const known = new Set(state.brokenDependencies);
  const broken = new Set<JobId | ArrayId>();
  for (const job of state.jobs()) {
    if (job.state !== 'queued') continue;
    for (const one of dependenciesOf(job)) {
      if (stateOfDependency(one, reads) === 'broken') broken.add(one.on);
    }
  }
  const isSame = broken.size === known.size && [...broken].every((on) => known.has(on));
  if (!isSame) report('broken dependencies are told wrong');
}

function checkJobs(state: ClusterState, report: Report): void {
  const loads = new Map<string, number>();
  const dependents = new Map<JobId | ArrayId, number>();
  const arrays = new Map<ArrayId, Set<number>>();
  for (const job of state.jobs()) {
    if (job.held === true && job.state !== 'queued') report(`${job.id}: held while it does not wait`);
    noteElement(job, arrays, report);
    if (isFinished(job.state)) continue;
    const queue = queueOf(job);
    if (state.scheduling.findQueue(queue) === undefined) report(`${job.id}: its queue is gone`);
    loads.set(queue, (loads.get(queue) ?? 0) + 1);
    if (job.state !== 'queued') continue;
    for (const { on } of dependenciesOf(job)) dependents.set(on, (dependents.get(on) ?? 0) + 1);
  }
  for (const { name } of state.scheduling.queues()) {
    const { waiting, running } = state.scheduling.queueLoad(name);
    if (waiting + running !== (loads.get(name) ?? 0)) report(`queue ${name}: its jobs are counted wrong`);
  }
  for (const [on, count] of dependents) {
    if (state.dependentCount(on) !== count) report(`${on}: those that come after it are counted wrong`);
  }
  for (const [id, indices] of arrays) {
    if (state.arrayJobs(id).length !== indices.size) report(`${id}: its elements are counted wrong`);
  }
}

function noteElement(job: JobRecord, arrays: Map<ArrayId, Set<number>>, report: Report): void {
  const { array } = job.spec;
  if (array === undefined) return;
  const indices = arrays.get(array.arrayId) ?? new Set<number>();
  if (indices.has(array.index)) report(`${array.arrayId}: there are two of index ${array.index}`);
  arrays.set(array.arrayId, indices.add(array.index));
}

function checkQuotas(state: ClusterState, report: Report): void {
  const { quotas, quota } = state.scheduling;
  for (const node of quotas()) {
    let depth = 0;
    for (let at = node; at.name !== QUOTA_ROOT && depth <= QUOTA_DEPTH_MAX; depth += 1) {
      const parent = quota(at.parent);
      if (parent?.kind !== 'group') {
        report(`quota ${at.name}: its parent is no group`);
        break;
      }
      at = parent;
    }
    if (depth > QUOTA_DEPTH_MAX) report(`quota ${node.name}: lies too deep, or in a circle`);
    if (node.kind === 'project' && state.project(node.name as ProjectId) === undefined)
      report(`quota ${node.name}: its project is gone`);
    for (const { resource, guaranteed, limit } of node.shares) {
      if (guaranteed < 0 || (limit ?? guaranteed) < guaranteed) {
        report(`quota ${node.name}: more of ${resource} is guaranteed than allowed`);
      }
    }
  }
}

function checkRest(state: ClusterState, report: Report): void {
  for (const reservation of state.scheduling.reservations()) {
    if (state.project(reservation.projectId) === undefined) report(`${reservation.id}: its project is gone`);
    if (reservation.endMs <= reservation.startMs) report(`${reservation.id}: ends before it begins`);
  }
  for (const { day, gpuMilliMs, attempts, projectId } of state.scheduling.usage()) {
    const isSound = Number.isSafeInteger(gpuMilliMs) && gpuMilliMs >= 0 && Number.isSafeInteger(attempts);
    if (!isSound || attempts < 0) report(`usage of ${projectId} on day ${day} is no amount`);
  }
}
