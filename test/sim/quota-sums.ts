/** The quota tree reckoned plainly, as a second opinion: sums over all that is held, walked up from the project. */
import type { JobRecord } from '../../controller/core/job/model.ts';
import type { ClusterState } from '../../controller/state/cluster-state.ts';
import { QUOTA_ROOT } from '../../proto/domain/scheduling.ts';

type Amounts = Map<string, number>;
/** By project. */
export type Held = ReadonlyMap<string, Amounts>;

/** What a job takes of each resource that the tree may name. The simulated GPUs are all of one model. */
function amountsOf({ spec }: JobRecord): Amounts {
  const { gpuMilli, cpuMilli, memoryBytes } = spec.resources;
  return new Map([
    ['gpu', gpuMilli],
    ['cpu', cpuMilli],
    ['memory', memoryBytes],
  ]);
}

/** Of attempts that hold room and are not lost; `which`: those that were told to stop may be left out. */
export function sumHeld(shadow: ClusterState, which: 'all' | 'going left out' = 'all'): Held {
  const held = new Map<string, Amounts>();
  for (const { id } of shadow.hosts()) {
    for (const key of shadow.use(id).tasks) {
      const job = shadow.job(key.jobId);
      const attempt = job?.attempts[key.attempt - 1];
      if (job === undefined || attempt === undefined || attempt.outcome === 'lost') continue;
      const isGoing = attempt.stopCause !== undefined || attempt.phase === 'ended';
      if (which === 'going left out' && isGoing) continue;
      const sums = held.get(job.projectId) ?? new Map<string, number>();
      held.set(job.projectId, sums);
      for (const [resource, amount] of amountsOf(job)) sums.set(resource, (sums.get(resource) ?? 0) + amount);
    }
  }
  return held;
}

/** Name of the lowest node whose limit the job would pass besides what is held. */
export function findExcess(shadow: ClusterState, job: JobRecord, held: Held): string | undefined {
  const wanted = amountsOf(job);
  for (const { name, shares } of nodesAbove(shadow, job.projectId)) {
    for (const { resource, limit } of shares) {
      const amount = wanted.get(resource) ?? 0;
      if (limit === undefined || amount === 0) continue;
      let sum = amount;
      for (const [project, sums] of held) if (isBelow(shadow, project, name)) sum += sums.get(resource) ?? 0;
      if (sum > limit) return `${name} (${sum} of ${limit} ${resource})`;
    }
  }
  return undefined;
}

/** Resources of which the job asks for some and somebody is guaranteed some; where GPUs are among them, only those. */
export function findDecidingGuarantee(shadow: ClusterState, job: JobRecord): readonly string[] {
  const wanted = [...amountsOf(job)].filter(([, amount]) => amount > 0).map(([resource]) => resource);
  const guaranteed = wanted.filter((resource) => isGuaranteedToAny(shadow, resource));
  return guaranteed.includes('gpu') ? ['gpu'] : guaranteed;
}

/** Whether the job is within what its project is guaranteed of everything that decides. */
export function isWithinGuarantee(shadow: ClusterState, job: JobRecord, held: Held): boolean {
  const wanted = amountsOf(job);
  const deciding = [...wanted].filter(
    ([resource, amount]) => amount > 0 && isGuaranteedToAny(shadow, resource),
  );
  const own = held.get(job.projectId);
  return (
    deciding.length > 0 &&
    deciding.every(
      ([resource, amount]) =>
        (own?.get(resource) ?? 0) + amount <= guaranteeOf(shadow, job.projectId, resource),
    )
  );
}

export function guaranteeOf(shadow: ClusterState, node: string, resource: string): number {
  const shares = shadow.scheduling.quota(node)?.shares ?? [];
  return shares.find((share) => share.resource === resource)?.guaranteed ?? 0;
}

function isGuaranteedToAny({ scheduling }: ClusterState, resource: string): boolean {
  const quotas = scheduling.quotas();
  return quotas.some(({ shares }) =>
    shares.some((share) => share.resource === resource && share.guaranteed > 0),
  );
}

function isBelow(shadow: ClusterState, project: string, name: string): boolean {
  for (const node of nodesAbove(shadow, project)) if (node.name === name) return true;
  return false;
}

/** From the project's own node up; a project without one hangs on the root. */
function* nodesAbove(
  { scheduling }: ClusterState,
  project: string,
): Generator<NonNullable<ReturnType<ClusterState['scheduling']['quota']>>> {
  for (let node = scheduling.quota(project) ?? scheduling.quota(QUOTA_ROOT); node !== undefined; ) {
    yield node;
    node = node.name === QUOTA_ROOT ? undefined : scheduling.quota(node.parent);
  }
}
