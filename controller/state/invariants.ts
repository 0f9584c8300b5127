/**
 * What must be true of every state (ARCHITECTURE.md: 1, 3, 5 to 7), recomputed from the records alone and compared
 * with the indexes. For tests, simulation and fsck: O(state), too slow for each commit.
 */
import type { GpuUuid, HostId, JobId } from '../../proto/domain/ids.ts';
import { toTaskName } from '../../proto/domain/ids.ts';
import { isFinished } from '../../proto/domain/job.ts';
import type { AttemptRecord, JobRecord } from '../core/job/model.ts';
import {
  countOwnAttempts,
  holdsResources,
  isWanted,
  latestAttempt,
  runAttemptsMax,
} from '../core/job/model.ts';
import type { ClusterState } from './cluster-state.ts';
import { checkEnrolment } from './enrol-invariants.ts';
import { checkIdentity } from './identity-invariants.ts';
import { checkScheduling } from './scheduling-invariants.ts';

/** Sentences about what is wrong; empty when all is well. Never throws. */
export function findViolations(state: ClusterState): readonly string[] {
  const violations: string[] = [];
  // Drawn to its end without a pause.
  Array.from(checkInSteps(state, (rule) => violations.push(rule)));
  return violations;
}

/** Jobs that are checked between two pauses. */
const JOBS_PER_STEP = 500;

/** As {@link findViolations}, pausing now and then for a caller that must let others have a turn. */
export function* checkInSteps(state: ClusterState, report: (rule: string) => void): Generator<void> {
  const sums = new Map<HostId, Sum>();
  const gpus = new Map<GpuUuid, string>();
  let jobs = 0;
  for (const job of state.jobs()) {
    checkJob(job, state, report);
    for (const attempt of job.attempts) countAttempt(job, attempt, sums, gpus, report);
    if (++jobs % JOBS_PER_STEP === 0) yield;
  }
  checkGpuIndex(state, gpus, report);
  for (const host of state.hosts()) checkHost(state, host.id, sums.get(host.id) ?? emptySum(), report);
  yield;
  checkScheduling(state, report);
  yield;
  checkCounts(state, report);
  checkEnrolment(state, report);
  checkIdentity(state, report);
}

type Report = (rule: string) => void;

/** What the attempts of one host hold, summed from the records. */
interface Sum {
  cpuMilli: number;
  memoryBytes: number;
  diskBytes: number;
  readonly tasks: Set<string>;
  readonly wanted: Set<string>;
  exclusive: number;
  /** The newest placement and whether it asked for each figure. */
  newest: { readonly seq: number; readonly job: JobRecord } | undefined;
}

function emptySum(): Sum {
  const sets = { tasks: new Set<string>(), wanted: new Set<string>() };
  return { cpuMilli: 0, memoryBytes: 0, diskBytes: 0, exclusive: 0, newest: undefined, ...sets };
}

function checkJob(job: JobRecord, state: ClusterState, report: Report): void {
  const { id } = job;
  const live = job.attempts.filter((attempt) => attempt.phase !== 'ended');
  if (job.revision > state.headSeq) report(`${id}: revision lies beyond the head`);
  if (live.length > 1) report(`${id}: more than one attempt is under way`);
  if (live.length === 1 && live[0] !== latestAttempt(job)) report(`${id}: an old attempt is under way`);
  const working = job.state === 'starting' || job.state === 'running';
  if (working !== (live.length === 1))
    report(`${id}: state ${job.state} with ${live.length} attempts under way`);
  if (isFinished(job.state) !== (job.exitCode !== undefined)) report(`${id}: exit code and state disagree`);
  if (isFinished(job.state) !== job.finishedAtMs > 0) report(`${id}: finish time and state disagree`);
  if (job.retriesUsed > job.spec.retries) report(`${id}: more retries used than granted`);
  if (countOwnAttempts(job) > runAttemptsMax(job)) report(`${id}: more attempts than granted`);
  if (state.project(job.projectId) === undefined) report(`${id}: its project is gone`);
  for (const [index, attempt] of job.attempts.entries()) checkAttempt(id, index, attempt, report);
}

function checkAttempt(id: JobId, index: number, attempt: AttemptRecord, report: Report): void {
  const name = `${id}.${attempt.number}`;
  if (attempt.number !== index + 1) report(`${name}: attempts are not numbered in order`);
  const ended = attempt.phase === 'ended';
  if (ended !== (attempt.outcome !== undefined)) report(`${name}: outcome and phase disagree`);
  if (ended !== attempt.endedAtMs > 0) report(`${name}: end time and phase disagree`);
  if (attempt.released && !ended && attempt.phase !== 'finalizing')
    report(`${name}: released while it may run`);
  if (attempt.forgotten && !attempt.released) report(`${name}: forgotten but not released`);
}

function countAttempt(
  job: JobRecord,
  attempt: AttemptRecord,
  sums: Map<HostId, Sum>,
  gpus: Map<GpuUuid, string>,
  report: Report,
): void {
  const name = toTaskName({ jobId: job.id, attempt: attempt.number, task: 0 });
  const sum = sums.get(attempt.hostId) ?? emptySum();
  sums.set(attempt.hostId, sum);
  if (isWanted(attempt)) sum.wanted.add(name);
  if (!holdsResources(attempt)) return;
  const { resources } = job.spec;
  sum.cpuMilli += resources.cpuMilli;
  sum.memoryBytes += resources.memoryBytes;
  sum.diskBytes += resources.diskBytes;
  sum.tasks.add(name);
  if (job.spec.exclusive) sum.exclusive += 1;
  if (attempt.gpuUuids.length * 1000 !== resources.gpuMilli)
    report(`${name}: holds other GPUs than it asked for`);
  for (const uuid of attempt.gpuUuids) {
    if (gpus.has(uuid)) report(`GPU ${uuid} is held by ${gpus.get(uuid)} and ${name}`);
    gpus.set(uuid, name);
  }
  // `orderedSeq` moves with a stop, the placement lies before it: good enough as "placed no later than".
  if (attempt.generation === 1 && attempt.orderedSeq > (sum.newest?.seq ?? 0)) {
    sum.newest = { seq: attempt.orderedSeq, job };
  }
}

function checkGpuIndex(state: ClusterState, gpus: ReadonlyMap<GpuUuid, string>, report: Report): void {
  if (state.jobTable.gpuHolders.size !== gpus.size) report('the index of GPU holders has another size');
  for (const [uuid, name] of gpus) {
    const holder = state.gpuHolder(uuid);
    if (holder === undefined || toTaskName(holder) !== name)
      report(`GPU ${uuid}: the index names another holder`);
  }
}

function checkHost(state: ClusterState, hostId: HostId, sum: Sum, report: Report): void {
  const use = state.use(hostId);
  const host = state.host(hostId)!;
  if (use.cpuMilli !== sum.cpuMilli) report(`${hostId}: CPU in use is counted wrong`);
  if (use.memoryBytes !== sum.memoryBytes) report(`${hostId}: memory in use is counted wrong`);
  if (use.diskBytes !== sum.diskBytes) report(`${hostId}: disk in use is counted wrong`);
  if (use.exclusive !== sum.exclusive > 0) report(`${hostId}: exclusive use is counted wrong`);
  if (use.exclusive && sum.tasks.size > 1) report(`${hostId}: an exclusive job has company`);
  if (use.tasks.length !== sum.tasks.size || use.tasks.some((key) => !sum.tasks.has(toTaskName(key)))) {
    report(`${hostId}: the tasks in the index are others`);
  }
  const wanted = state.wanted(hostId).tasks.map((task) => toTaskName(task.key));
  if (wanted.length !== sum.wanted.size || wanted.some((name) => !sum.wanted.has(name))) {
    report(`${hostId}: the wanted tasks in the index are others`);
  }
  // An inventory may shrink below what is in use; then nothing that asks for more may have been placed since.
  const { newest } = sum;
  if (newest === undefined || newest.seq < host.revision) return;
  const { capacity } = host.inventory;
  const asked = newest.job.spec.resources;
  if (asked.cpuMilli > 0 && sum.cpuMilli > capacity.cpuMilli) report(`${hostId}: CPU is over-committed`);
  if (asked.memoryBytes > 0 && sum.memoryBytes > capacity.memoryBytes)
    report(`${hostId}: memory is over-committed`);
  if (asked.diskBytes > 0 && sum.diskBytes > capacity.diskBytes) report(`${hostId}: disk is over-committed`);
}

function checkCounts(state: ClusterState, report: Report): void {
  const byProject = new Map<string, number>();
  for (const { projectId } of state.jobs()) byProject.set(projectId, (byProject.get(projectId) ?? 0) + 1);
  for (const project of state.projects()) {
    if (state.jobCountOf(project.id) !== (byProject.get(project.id) ?? 0)) {
      report(`${project.id}: its jobs are counted wrong`);
    }
  }
  for (const secret of state.secretTable.all()) {
    if (secret.ownerJobId !== undefined && state.job(secret.ownerJobId) === undefined) {
      report(`${secret.id}: its job is gone`);
    }
  }
}
