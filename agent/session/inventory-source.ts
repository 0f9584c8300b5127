/**
 * What this host has, kept current: facts read once, GPUs looked at together with telemetry, conditions from
 * probe and agent. Tells when the picture changed, so that the controller hears of it and of nothing else.
 */
import type {
  Condition,
  Gpu,
  GpuTelemetry,
  HostTelemetry,
  Inventory,
  TopologyLink,
} from '../../proto/domain/catalog.ts';
import type { HostId } from '../../proto/domain/ids.ts';
import type { TelemetryReport } from '../../proto/domain/session.ts';

/** One look at the GPUs, as the probe gives it. */
export interface GpuLook {
  readonly driverVersion: string;
  readonly gpus: readonly (Gpu & { readonly telemetry: GpuTelemetry })[];
  readonly conditions: readonly Condition[];
  readonly topology?: readonly TopologyLink[];
}

/** Inventory without what the looks and the agent's conditions add. */
export type InventoryBase = Omit<
  Inventory,
  'gpus' | 'conditions' | 'topology' | 'gpuDriverVersion' | 'capacity'
>;

export interface InventorySourceOptions {
  readonly hostId: HostId;
  readonly base: InventoryBase;
  readonly look: () => Promise<GpuLook>;
  readonly capacityOf: (look: GpuLook) => Inventory['capacity'];
  readonly hostTelemetry: () => Promise<HostTelemetry>;
  /** Conditions raised by the agent itself. */
  readonly conditions: () => readonly Condition[];
  readonly onChange: () => void;
  /** GPUs differ from the last look: remembered over restarts, so that a lost GPU is not forgotten. */
  readonly onGpus: (look: GpuLook) => void;
}

export interface InventorySource {
  current(): Inventory;
  /** Looks anew and gives what to report of it. */
  collect(): Promise<TelemetryReport>;
}

/** The first look is taken before it resolves. */
export async function openInventorySource(options: InventorySourceOptions): Promise<InventorySource> {
  let look = await options.look();
  options.onGpus(look);

  function current(): Inventory {
    return {
      ...options.base,
      gpus: look.gpus.map(({ telemetry: _telemetry, ...gpu }) => gpu),
      capacity: options.capacityOf(look),
      gpuDriverVersion: look.driverVersion,
      // The agent's own first: the controller keeps a bounded number, and some of these stop new work.
      conditions: [...options.conditions(), ...look.conditions],
      topology: look.topology ?? [],
    };
  }

  return {
    current,
    async collect() {
      const before = JSON.stringify(current());
      const [next, host] = await Promise.all([options.look(), options.hostTelemetry()]);
      look = next;
      if (JSON.stringify(current()) !== before) {
        options.onGpus(look);
        options.onChange();
      }
      return {
        hostId: options.hostId,
        host,
        gpus: look.gpus.map(({ uuid, telemetry }) => ({ uuid, telemetry })),
        tasks: [],
      };
    },
  };
}
