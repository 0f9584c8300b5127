/**
 * When a job is thought to start of which the planner keeps silent, because others like it or many others stand before
 * it; and, where nothing can be said, why not. Rough, and told as what it is: the GPUs that would do for it are taken as
 * one pool, filled in the order of the queue as what runs on them ends.
 */
import type { Host } from '../../../proto/domain/catalog.ts';
import type { HostId } from '../../../proto/domain/ids.ts';
import type { Job } from '../../../proto/domain/job.ts';
import type { StartEstimate } from '../../../proto/domain/views.ts';
import { matchesGpuModel } from '../placement/gpu-model.ts';
import { isWhole } from '../placement/room.ts';
import { expectEnd } from '../scheduling/expected-end.ts';
import { WorkAhead } from '../scheduling/work-ahead.ts';
import type { ClusterView } from '../view.ts';
import type { AskInput } from './ask-planner.ts';
import { AHEAD_SEEN_MAX } from './explain-limits.ts';
import { isLasting, type JudgedHost } from './host-groups.ts';

const ABOUT_TO_STOP = 0;

/** `place`: 1-based, in the queue. Undefined: nothing can be said. O(hosts + what runs + place). */
export function forecastStart(
  { view, nowMs }: AskInput,
  job: Job,
  place: number,
  judged: readonly JudgedHost[],
): StartEstimate | undefined {
  const { gpuMilli } = job.spec.resources;
  if (gpuMilli === 0 || place === 0 || place > AHEAD_SEEN_MAX) return undefined;
  const pool = judged.filter(({ code }) => !isLasting(code)).map(({ room }) => room.host);
  if (pool.length === 0) return undefined;
  const { runtimeEstimateMs } = view.scheduling.policy.policy;
  const ends = pool.flatMap(({ id }) => endsOn(view, id, nowMs, runtimeEstimateMs));
  ends.sort((left, right) => left.endMs - right.endMs);
  const capacityGpuMilli = sumGpus(pool);
  const heldGpuMilli = ends.reduce((sum, { job: { demand } }) => sum + demand.gpuMilli, 0);
  const freeGpuMilli = Math.max(0, capacityGpuMilli - heldGpuMilli);
  const ahead = new WorkAhead({ nowMs, capacityGpuMilli, freeGpuMilli, ends, runtimeEstimateMs });
  const isRival = rivalsIn(pool);
  for (const other of view.queue().slice(0, place - 1)) {
    if (other.id === job.id || !isRival(other)) continue;
    ahead.estimate(other.spec.resources.gpuMilli, other.spec.timeLimitMs);
  }
  const startMs = ahead.estimate(gpuMilli, job.spec.timeLimitMs);
  // As a pool it would have room now; that it does not is what a pool cannot tell.
  if (startMs === undefined || startMs <= nowMs) return undefined;
  return { startMs, basis: 'by the work that stands before it' };
}

function sumGpus(hosts: readonly Host[]): number {
  return hosts.reduce((sum, { inventory }) => sum + 1000 * inventory.gpus.filter(isWhole).length, 0);
}

function endsOn(view: ClusterView, hostId: HostId, nowMs: number, runtimeEstimateMs: number) {
  return view.use(hostId).tasks.flatMap((key) => {
    const job = view.job(key.jobId);
    const attempt = job?.attempts[key.attempt - 1];
    if (job === undefined || attempt === undefined || attempt.gpuUuids.length === 0) return [];
    const { startedAtMs, placedAtMs, stopCause, phase } = attempt;
    const isGoing = stopCause !== undefined || phase === 'ended';
    const running = {
      startedMs: startedAtMs === 0 ? placedAtMs : startedAtMs,
      timeLimitMs: job.spec.timeLimitMs,
      ...(isGoing ? { stopsByMs: ABOUT_TO_STOP } : {}),
    };
    const { endMs } = expectEnd(running, nowMs, runtimeEstimateMs);
    return [{ endMs, job: { demand: { gpuMilli: 1000 * attempt.gpuUuids.length } } }];
  });
}

/** Whether a job would take GPUs of these hosts. */
function rivalsIn(hosts: readonly Host[]): (job: Job) => boolean {
  const models = new Set(hosts.flatMap(({ inventory }) => inventory.gpus.map(({ model }) => model)));
  const known = new Map<string, boolean>();
  return ({ spec: { resources } }) => {
    if (resources.gpuMilli === 0) return false;
    if (resources.gpuModels.length === 0) return true;
    const key = resources.gpuModels.join(',');
    const found = known.get(key) ?? [...models].some((model) => matchesGpuModel(model, resources.gpuModels));
    known.set(key, found);
    return found;
  };
}

/** Clauses after "unknown, because …", by the code of what binds the job. */
const UNKNOWN: Readonly<Record<string, string>> = {
  HELD: 'it is held until somebody releases it',
  DEPENDENCY: 'it waits for other jobs, and their ends are not foretold',
  ARRAY_LIMIT: 'it waits for the end of other elements of its array',
  USER_LIMIT: "it waits for the end of its user's other jobs",
  QUEUE_LIMIT: 'its queue will never take it as it is',
  QUOTA_LIMIT: 'it waits for its own project to hold less',
  QUOTA_PARENT: 'it waits for the projects beside its own to hold less',
  SET_ASIDE: 'what would do is set aside for another project',
  IMPOSSIBLE: 'it asks for quantities that make no sense',
  NO_HOSTS: 'no host is connected',
};

/** Why nothing is foretold. */
export function whyUnknown(code: string, job: Job, judged: readonly JudgedHost[]): string {
  const told = UNKNOWN[code];
  if (told !== undefined) return told;
  if (judged.length === 0) return 'there are no hosts';
  if (judged.every((one) => isLasting(one.code))) return 'no host could hold it, however long it waits';
  if (job.spec.resources.gpuMilli === 0) return 'work without GPUs is not foretold';
  return 'what is free is not where the job needs it, and how that will change is not foretold';
}
