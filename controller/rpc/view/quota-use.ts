/** What is in use below a node of the quota tree, and what is to be said when that is more than its limit. */
import type { Host } from '../../../proto/domain/catalog.ts';
import type { ProjectId, TaskKey } from '../../../proto/domain/ids.ts';
import { QUOTA_ROOT, type QuotaNode } from '../../../proto/domain/scheduling.ts';
import { formatCpus, formatGpus, formatSizeRounded } from '../../../proto/domain/units.ts';
import type { ClusterView } from '../../core/view.ts';

/** One sentence per limit that what runs now passes. O(what runs). */
export function noteExcess(view: ClusterView, node: QuotaNode): readonly string[] {
  const isBelow = projectsBelow(view, node.name);
  return node.shares.flatMap(({ resource, limit }) => {
    if (limit === undefined) return [];
    const used = useOf(view, isBelow, resource);
    if (used <= limit) return [];
    const show = resource === 'memory' ? formatSizeRounded : resource === 'cpu' ? formatCpus : formatGpus;
    return [
      `${show(used)} of ${resource} are in use, more than the limit of ${show(limit)}; nothing is stopped`,
    ];
  });
}

/** A project without a node hangs on the root. */
function projectsBelow(view: ClusterView, name: string): (id: ProjectId) => boolean {
  return (id) => {
    for (let at: string = id; at !== ''; ) {
      if (at === name) return true;
      const node = view.scheduling.quota(at);
      at = node === undefined ? (at === id ? QUOTA_ROOT : '') : node.parent;
    }
    return false;
  };
}

function useOf(view: ClusterView, isBelow: (id: ProjectId) => boolean, resource: string): number {
  let used = 0;
  for (const host of view.hosts()) {
    for (const task of view.use(host.id).tasks) {
      const job = view.job(task.jobId);
      if (job === undefined || !isBelow(job.projectId)) continue;
      if (resource === 'cpu') used += job.spec.resources.cpuMilli;
      else if (resource === 'memory') used += job.spec.resources.memoryBytes;
      else used += 1000 * countGpus(view, host, task, resource.slice('gpu:'.length));
    }
  }
  return used;
}

/** An empty model is any. */
function countGpus(view: ClusterView, host: Host, task: TaskKey, model: string): number {
  const uuids = view.job(task.jobId)?.attempts[task.attempt - 1]?.gpuUuids ?? [];
  const wanted = model.toLowerCase();
  const isOfModel = (uuid: string): boolean =>
    host.inventory.gpus.some((gpu) => gpu.uuid === uuid && gpu.model.toLowerCase().includes(wanted));
  return wanted === '' ? uuids.length : uuids.filter(isOfModel).length;
}
