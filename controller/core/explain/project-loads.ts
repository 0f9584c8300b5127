/** What projects hold against their quotas, as one caller may see it: those that are hidden from him are one line. */
import type { ProjectLoad } from '../../../proto/domain/explain-views.ts';
import type { ProjectId } from '../../../proto/domain/ids.ts';
import type { ClusterView } from '../view.ts';
import { PROJECTS_NAMED_MAX } from './explain-limits.ts';

export interface ProjectLoads {
  readonly projects: readonly ProjectLoad[];
  readonly projectsLeftOut: number;
}

interface Held {
  running: number;
  gpuMilli: number;
}

/** Visible ones that hold something or have a node of their own in the quota tree, by name. O(what runs + projects). */
export function sumProjects(view: ClusterView, sees: (id: ProjectId) => boolean): ProjectLoads {
  const held = heldByProject(view);
  const hidden: Held = { running: 0, gpuMilli: 0 };
  const projects: ProjectLoad[] = [];
  for (const { id, name } of view.projects()) {
    const { running, gpuMilli } = held.get(id) ?? { running: 0, gpuMilli: 0 };
    if (!sees(id)) {
      hidden.running += running;
      hidden.gpuMilli += gpuMilli;
      continue;
    }
    const quota = quotaOf(view, id);
    if (running === 0 && quota === undefined) continue;
    projects.push({ projectId: id, projectName: name, running, gpuMilli, ...quota });
  }
  projects.sort((left, right) => (left.projectName < right.projectName ? -1 : 1));
  const named = projects.slice(0, PROJECTS_NAMED_MAX);
  const rest = hidden.running === 0 && hidden.gpuMilli === 0 ? [] : [{ projectName: '', ...hidden }];
  return { projects: [...named, ...rest], projectsLeftOut: projects.length - named.length };
}

function heldByProject(view: ClusterView): ReadonlyMap<ProjectId, Held> {
  const sums = new Map<ProjectId, Held>();
  for (const host of view.hosts()) {
    for (const { jobId, attempt } of view.use(host.id).tasks) {
      const job = view.job(jobId);
      if (job === undefined) continue;
      const held = sums.get(job.projectId) ?? { running: 0, gpuMilli: 0 };
      sums.set(job.projectId, held);
      held.running += 1;
      held.gpuMilli += 1000 * (job.attempts[attempt - 1]?.gpuUuids.length ?? 0);
    }
  }
  return sums;
}

function quotaOf(
  view: ClusterView,
  id: ProjectId,
): Pick<ProjectLoad, 'guaranteedGpuMilli' | 'limitGpuMilli'> | undefined {
  const share = view.scheduling.quota(id)?.shares.find(({ resource }) => resource === 'gpu');
  if (share === undefined) return undefined;
  const { guaranteed, limit } = share;
  return { guaranteedGpuMilli: guaranteed, ...(limit === undefined ? {} : { limitGpuMilli: limit }) };
}
