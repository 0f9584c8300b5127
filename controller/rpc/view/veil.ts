/**
 * GPUs as one caller may see them: everybody sees what hosts have and how busy it is, but which job holds a GPU only
 * who sees the job.
 */
import type { GpuView, HostView } from '../../../proto/domain/views.ts';
import { type Access, maySeeJob } from '../../core/identity/access.ts';
import type { ClusterView } from '../../core/view.ts';

/** The same GPU, less what is hidden. */
export type VeilGpu = (gpu: GpuView) => GpuView;

export function toVeil(view: ClusterView, access: Access): VeilGpu {
  return (gpu) => {
    const { jobId, ...rest } = gpu;
    return jobId === undefined || maySeeJob(view, access, jobId) ? gpu : rest;
  };
}

export function veilHost(host: HostView, veil: VeilGpu): HostView {
  return { ...host, gpus: host.gpus.map(veil) };
}
