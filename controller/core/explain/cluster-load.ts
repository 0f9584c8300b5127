/** How full the cluster, its queues and its projects are now, and what of the free GPUs is of use to whom. */
import { DISK_FULL, type Host } from '../../../proto/domain/catalog.ts';
import type {
  ClusterLoad,
  FragmentationLoad,
  GpuLoad,
  HostLoad,
  QueueWaiting,
} from '../../../proto/domain/explain-views.ts';
import { queueOf } from '../job/model.ts';
import { shortGpuModel } from '../placement/gpu-model.ts';
import { openRooms } from '../placement/open-rooms.ts';
import { isWhole } from '../placement/room.ts';
import type { PlanInput } from '../planner.ts';
import type { ClusterView, HostUse } from '../view.ts';
import { HOSTS_NAMED_MAX, SHAPE_JOBS_MAX } from './explain-limits.ts';
import { measureStuck, ShapeCounts } from './fragmentation.ts';

type LoadInput = Pick<PlanInput, 'view' | 'readyHosts' | 'nowMs'>;

/** The part of the load that every caller sees alike. */
export type SharedLoad = Omit<ClusterLoad, 'projects' | 'projectsLeftOut'>;

/** O(hosts × (GPUs + shapes) + what waits). */
export function sumLoad(input: LoadInput): SharedLoad {
  const { view, readyHosts, nowMs } = input;
  const hosts = [...view.hosts()];
  const loads = hosts.map((host) => hostLoad(host, view.use(host.id), readyHosts.has(host.id)));
  const sum = (of: (load: HostLoad) => number): number => loads.reduce((total, load) => total + of(load), 0);
  const named = [...loads].sort((left, right) => (left.name < right.name ? -1 : 1)).slice(0, HOSTS_NAMED_MAX);
  return {
    atMs: nowMs,
    hostCount: hosts.length,
    hostsReady: loads.filter(({ state }) => state === 'ready').length,
    cpuMilli: sum(({ cpuMilli }) => cpuMilli),
    cpuMilliUsed: sum(({ cpuMilliUsed }) => cpuMilliUsed),
    memoryBytes: sum(({ memoryBytes }) => memoryBytes),
    memoryBytesUsed: sum(({ memoryBytesUsed }) => memoryBytesUsed),
    gpus: gpuLoads(input, hosts),
    hosts: named,
    hostsLeftOut: hosts.length - named.length,
    queues: queueLoads(view, nowMs),
    fragmentation: fragmentationOf(input),
  };
}

function stateOf(host: Host, isReady: boolean): string {
  if (!isReady) return 'away';
  if (host.cordon !== undefined) return 'cordoned';
  return host.inventory.conditions.some(({ code }) => code === DISK_FULL) ? 'full-disk' : 'ready';
}

function hostLoad(host: Host, use: HostUse, isReady: boolean): HostLoad {
  const { capacity, gpus } = host.inventory;
  const state = stateOf(host, isReady);
  const idle = gpus.filter(({ uuid }) => !use.gpus.has(uuid));
  return {
    name: host.name,
    state,
    gpuCount: gpus.length,
    gpusUsed: gpus.length - idle.length,
    gpusUnusable: state === 'ready' ? idle.filter((gpu) => !isWhole(gpu)).length : idle.length,
    cpuMilli: capacity.cpuMilli,
    cpuMilliUsed: use.cpuMilli,
    memoryBytes: capacity.memoryBytes,
    memoryBytesUsed: use.memoryBytes,
  };
}

function gpuLoads({ view, readyHosts }: LoadInput, hosts: readonly Host[]): readonly GpuLoad[] {
  const byModel = new Map<string, { total: number; used: number; unusable: number }>();
  for (const host of hosts) {
    const use = view.use(host.id);
    const isOpen = stateOf(host, readyHosts.has(host.id)) === 'ready';
    for (const gpu of host.inventory.gpus) {
      const model = shortGpuModel(gpu.model);
      const load = byModel.get(model) ?? { total: 0, used: 0, unusable: 0 };
      byModel.set(model, load);
      load.total += 1;
      if (use.gpus.has(gpu.uuid)) load.used += 1;
      else if (!isOpen || !isWhole(gpu)) load.unusable += 1;
    }
  }
  return [...byModel]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([model, load]) => ({ model, ...load }));
}

function queueLoads(view: ClusterView, nowMs: number): readonly QueueWaiting[] {
  const ready = new Map<string, { count: number; gpuMilli: number; oldestMs: number }>();
  for (const job of view.queue()) {
    const name = queueOf(job);
    const sums = ready.get(name) ?? { count: 0, gpuMilli: 0, oldestMs: nowMs };
    ready.set(name, sums);
    sums.count += 1;
    sums.gpuMilli += job.spec.resources.gpuMilli * job.spec.tasks;
    sums.oldestMs = Math.min(sums.oldestMs, job.createdAtMs);
  }
  const held = gpusHeld(view);
  return view.scheduling.queues().map(({ name }) => {
    const sums = ready.get(name);
    return {
      name,
      ...view.scheduling.queueLoad(name),
      ready: sums?.count ?? 0,
      readyGpuMilli: sums?.gpuMilli ?? 0,
      oldestWaitMs: sums === undefined ? 0 : nowMs - sums.oldestMs,
      runningGpuMilli: held.get(name) ?? 0,
    };
  });
}

/** Thousandths by queue. */
function gpusHeld(view: ClusterView): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const host of view.hosts()) {
    for (const { jobId, attempt } of view.use(host.id).tasks) {
      const job = view.job(jobId);
      if (job === undefined) continue;
      const name = queueOf(job);
      const milli = 1000 * (job.attempts[attempt - 1]?.gpuUuids.length ?? 0);
      sums.set(name, (sums.get(name) ?? 0) + milli);
    }
  }
  return sums;
}

function fragmentationOf(input: LoadInput): FragmentationLoad {
  const { view } = input;
  const rooms = openRooms(input).filter(({ cordoned, diskFull }) => !cordoned && !diskFull);
  const waiting = new ShapeCounts();
  const typical = new ShapeCounts();
  let seen = 0;
  for (const { spec } of view.queue()) {
    if (++seen > SHAPE_JOBS_MAX) break;
    waiting.add(spec);
    typical.add(spec);
  }
  for (const host of view.hosts()) {
    for (const { jobId } of view.use(host.id).tasks) {
      const spec = view.job(jobId)?.spec;
      if (spec !== undefined) typical.add(spec);
    }
  }
  const stuckForWaitingMilli = measureStuck(rooms, waiting.shapes);
  const stuckForTypicalMilli = measureStuck(rooms, typical.shapes);
  return {
    freeGpuMilli: rooms.reduce((sum, { freeGpus }) => sum + 1000 * freeGpus.length, 0),
    ...(stuckForWaitingMilli === undefined ? {} : { stuckForWaitingMilli }),
    ...(stuckForTypicalMilli === undefined ? {} : { stuckForTypicalMilli }),
    waitingShapes: waiting.shapes.length,
    typicalShapes: typical.shapes.length,
  };
}
