/**
 * Hosts and GPUs as they are shown: the registered record with what is only known live (liveness, telemetry) and
 * what is promised on them.
 */
import type { Condition, Gpu, Host, HostState, MachineType } from '../../../proto/domain/catalog.ts';
import type { GpuUuid, HostId } from '../../../proto/domain/ids.ts';
import type { TelemetryReport } from '../../../proto/domain/session.ts';
import type { GpuView, HostView, MachineTypeView } from '../../../proto/domain/views.ts';
import { matchesGpuModel } from '../../core/placement/gpu-model.ts';
import type { ClusterView, HostUse } from '../../core/view.ts';

/** What this process knows of hosts beside the committed state. */
export interface LiveHosts {
  stateOf(hostId: HostId): HostState;
  lastSeenMs(hostId: HostId): number | undefined;
  telemetry(hostId: HostId): TelemetryReport | undefined;
  /** What the controller itself finds wrong with the host. */
  conditions(hostId: HostId): readonly Condition[];
}

export function toHostView(view: ClusterView, host: Host, live: LiveHosts): HostView {
  const { inventory } = host;
  const use = view.use(host.id);
  const telemetry = live.telemetry(host.id)?.host;
  return {
    id: host.id,
    name: host.name,
    state: live.stateOf(host.id),
    capacity: inventory.capacity,
    allocated: {
      gpuCount: use.gpus.size,
      gpuModel: inventory.capacity.gpuModel,
      gpuMemoryBytes: inventory.capacity.gpuMemoryBytes,
      cpuMilli: use.cpuMilli,
      memoryBytes: use.memoryBytes,
      diskBytes: use.diskBytes,
    },
    labels: inventory.labels,
    gpus: toGpuViews(host, use, live),
    drivers: inventory.drivers,
    agentVersion: host.agentVersion,
    os: inventory.os,
    architecture: inventory.architecture,
    gpuDriverVersion: inventory.gpuDriverVersion,
    registeredAtMs: host.registeredAtMs,
    lastSeenMs: live.lastSeenMs(host.id) ?? 0,
    conditions: [...live.conditions(host.id), ...inventory.conditions],
    ...(telemetry === undefined ? {} : { telemetry }),
    runningTasks: use.tasks.length,
    ...(host.cordon === undefined ? {} : { cordon: host.cordon }),
    ...(host.drain === undefined ? {} : { drain: host.drain }),
    ...toIdentityView(view, host),
  };
}

function toIdentityView(view: ClusterView, { id }: Host): Pick<HostView, 'identity'> {
  const identity = view.hostIdentity(id);
  if (identity === undefined) return {};
  const { generation, revoked, serial: certificateSerial, notAfterMs: certificateExpiresAtMs } = identity;
  return { identity: { generation, revoked, certificateSerial, certificateExpiresAtMs } };
}

/** The GPUs of one host, in index order. */
export function toGpuViews(host: Host, use: HostUse, live: LiveHosts): readonly GpuView[] {
  const samples = new Map(
    live.telemetry(host.id)?.gpus.map(({ uuid, telemetry }) => [uuid, telemetry] as const),
  );
  const toView = (gpu: Gpu): GpuView => {
    const telemetry = samples.get(gpu.uuid);
    const holder = use.gpus.get(gpu.uuid);
    return {
      ...gpu,
      hostId: host.id,
      hostName: host.name,
      ...(holder === undefined ? {} : { jobId: holder.jobId }),
      ...(telemetry === undefined ? {} : { telemetry }),
      conditions: host.inventory.conditions.filter(({ gpuUuid }) => gpuUuid === gpu.uuid),
    };
  };
  return [...host.inventory.gpus].sort((a, b) => a.index - b.index).map(toView);
}

export function listGpuViews(view: ClusterView, live: LiveHosts): readonly GpuView[] {
  return [...view.hosts()].flatMap((host) => toGpuViews(host, view.use(host.id), live));
}

/** GPUs whose UUID begins with `ref`; the exact one alone when there is one. */
export function matchGpus(gpus: readonly GpuView[], ref: string): readonly GpuView[] {
  const exact = gpus.filter(({ uuid }) => uuid === (ref as GpuUuid));
  return exact.length > 0 ? exact : gpus.filter(({ uuid }) => uuid.startsWith(ref));
}

/** With the number of registered hosts that could hold at least one, were they empty. */
export function toMachineTypeView(view: ClusterView, machineType: MachineType): MachineTypeView {
  const { capacity } = machineType;
  const holds = (host: Host): boolean => {
    const { capacity: has, gpus } = host.inventory;
    const fitting = gpus.filter(
      (gpu) =>
        gpu.schedulable &&
        (capacity.gpuModel === '' || matchesGpuModel(gpu.model, [capacity.gpuModel])) &&
        gpu.memoryBytes >= capacity.gpuMemoryBytes,
    );
    return (
      fitting.length >= capacity.gpuCount &&
      has.cpuMilli >= capacity.cpuMilli &&
      has.memoryBytes >= capacity.memoryBytes &&
      has.diskBytes >= capacity.diskBytes
    );
  };
  return { ...machineType, hostCount: [...view.hosts()].filter(holds).length };
}
