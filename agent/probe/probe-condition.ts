/**
 * The conditions that probes report: one table of stable codes that says for each whether the GPU it names may
 * still be handed out. Codes are read by operators' scripts and by the controller; they are never renamed.
 */
import type { Condition } from '../../proto/domain/catalog.ts';
import type { GpuUuid } from '../../proto/domain/ids.ts';

/**
 * `quarantine`: no new work and what runs there is suspect. `drain`: no new work, let it run. `warn`: an
 * operator should know. The classes follow the practice of large fleets (XID and NHC policies, Meta RSC paper).
 */
export type Severity = 'quarantine' | 'drain' | 'warn';

export const CONDITION_SEVERITIES = {
  // The tool or the driver as a whole.
  NVIDIA_SMI_MISSING: 'warn',
  PROBE_TIMEOUT: 'warn',
  PROBE_STUCK: 'quarantine',
  PROBE_FAILED: 'warn',
  PROBE_WARNING: 'warn',
  PROBE_OUTPUT_TRUNCATED: 'warn',
  PROBE_OUTPUT_UNREADABLE: 'warn',
  PROBE_FALLBACK: 'warn',
  DRIVER_NOT_LOADED: 'quarantine',
  DRIVER_MISMATCH: 'quarantine',
  NVML_MISSING: 'quarantine',
  NO_PERMISSION: 'warn',
  NO_DEVICES: 'quarantine',
  POWER_CABLES: 'quarantine',
  INTERRUPT_PROBLEM: 'quarantine',
  INFOROM_CORRUPTED: 'warn',
  GPU_COUNT_MISMATCH: 'warn',
  MIG_LIST_FAILED: 'warn',
  TOPOLOGY_UNAVAILABLE: 'warn',
  // One GPU.
  GPU_LOST: 'quarantine',
  GPU_UNREADABLE: 'quarantine',
  GPU_UNIDENTIFIED: 'quarantine',
  GPU_UUID_DUPLICATE: 'quarantine',
  MIG_SLICE_UNIDENTIFIED: 'drain',
  RECOVERY_ACTION: 'quarantine',
  RESET_RECOMMENDED: 'drain',
  ROW_REMAP_FAILED: 'quarantine',
  ROW_REMAP_PENDING: 'drain',
  SPARE_ROWS_EXHAUSTED: 'drain',
  PAGE_RETIREMENT_PENDING: 'drain',
  ECC_UNCORRECTABLE: 'quarantine',
  ECC_UNCORRECTABLE_DRAM: 'warn',
  SRAM_THRESHOLD_EXCEEDED: 'drain',
  REPAIR_PENDING: 'drain',
  FABRIC_NOT_READY: 'warn',
  HW_SLOWDOWN: 'warn',
  HW_THERMAL_SLOWDOWN: 'warn',
  HW_POWER_BRAKE: 'warn',
  SW_THERMAL_SLOWDOWN: 'warn',
  TEMPERATURE_HIGH: 'warn',
  ECC_DISABLED: 'warn',
  PERSISTENCE_MODE_OFF: 'warn',
  FIELD_UNAVAILABLE: 'warn',
} as const satisfies Readonly<Record<string, Severity>>;

export type ConditionCode = keyof typeof CONDITION_SEVERITIES;

/** A condition before it is known when it began and which GPU it is about. */
export interface Finding {
  readonly code: ConditionCode;
  /** One clause, lower case, no full stop. */
  readonly message: string;
}

/** True when a GPU with this condition must not be given new work. Unknown codes do not stop work. */
export function stopsNewWork(code: string): boolean {
  const severity = (CONDITION_SEVERITIES as Readonly<Record<string, Severity>>)[code];
  return severity === 'quarantine' || severity === 'drain';
}

/** A finding as a dated condition, about one GPU when `gpuUuid` is given. */
export function toCondition(finding: Finding, sinceMs: number, gpuUuid?: GpuUuid): Condition {
  const { code, message } = finding;
  return gpuUuid === undefined ? { code, message, sinceMs } : { code, gpuUuid, message, sinceMs };
}

/** Longest piece of foreign text that is quoted in a message. */
const QUOTE_CHARACTERS_MAX = 300;

/**
 * Foreign text (a driver's warning) made fit for a message: one line, no control characters, at most
 * {@link QUOTE_CHARACTERS_MAX} characters.
 */
export function quoteForeign(text: string): string {
  const line = text
    .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ')
    .replace(/ {2,}/g, ' ')
    .trim();
  return line.length <= QUOTE_CHARACTERS_MAX ? line : `${line.slice(0, QUOTE_CHARACTERS_MAX)}…`;
}
