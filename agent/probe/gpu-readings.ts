/**
 * The readings of one `<gpu>` element. Driver branches differ in names and places (power moved three times, ECC
 * has three forms); each list of paths says where to look, newest first, and what no branch offers stays absent.
 */
import type { GpuTelemetry } from '../../proto/domain/catalog.ts';
import { parseCelsius, parseCount, parseMemoryBytes, parsePercent, parseWatts } from './field-value.ts';
import { textAt, type XmlElement } from './xml-tree.ts';

/** Readings without their time. */
export type Readings = Omit<GpuTelemetry, 'sampledAtMs'>;

/** The readings that the element has. Never throws. */
export function toReadings(gpu: XmlElement): Readings {
  return {
    ...present('utilizationPercent', parsePercent(textAt(gpu, 'utilization/gpu_util'))),
    ...present('memoryUsedBytes', parseMemoryBytes(textAt(gpu, 'fb_memory_usage/used'))),
    ...present('temperatureCelsius', parseCelsius(textAt(gpu, 'temperature/gpu_temp'))),
    ...present('powerWatts', firstWatts(gpu, POWER_DRAW_PATHS)),
    ...present('powerLimitWatts', firstWatts(gpu, POWER_LIMIT_PATHS)),
    ...present('eccUncorrectable', sumCounts(gpu, ECC_UNCORRECTABLE_PATHS)),
  };
}

/** Full paths: memory and module readings repeat the same child names. 570 and newer have no `power_draw`. */
const POWER_DRAW_PATHS = [
  'gpu_power_readings/instant_power_draw',
  'gpu_power_readings/average_power_draw',
  'gpu_power_readings/power_draw',
  'power_readings/power_draw',
] as const;

const POWER_LIMIT_PATHS = [
  'gpu_power_readings/current_power_limit',
  'power_readings/current_power_limit',
  'gpu_power_readings/power_limit',
  'power_readings/power_limit',
  'power_readings/enforced_power_limit',
] as const;

/** Volatile counters. Which form a board has depends on the board, not on the driver: Pascal and older keep `double_bit`. */
export const ECC_SRAM_PATHS = [
  'ecc_errors/volatile/sram_uncorrectable',
  'ecc_errors/volatile/sram_uncorrectable_parity',
  'ecc_errors/volatile/sram_uncorrectable_secded',
] as const;
export const ECC_DRAM_PATHS = [
  'ecc_errors/volatile/dram_uncorrectable',
  'ecc_errors/volatile/double_bit/total',
] as const;
const ECC_UNCORRECTABLE_PATHS = [...ECC_SRAM_PATHS, ...ECC_DRAM_PATHS] as const;

function firstWatts(gpu: XmlElement, paths: readonly string[]): number | undefined {
  for (const path of paths) {
    const watts = parseWatts(textAt(gpu, path));
    if (watts !== undefined) return watts;
  }
  return undefined;
}

/** The sum of the counters that exist; undefined when none does. */
export function sumCounts(gpu: XmlElement, paths: readonly string[]): number | undefined {
  let sum: number | undefined;
  for (const path of paths) {
    const count = parseCount(textAt(gpu, path));
    if (count !== undefined) sum = (sum ?? 0) + count;
  }
  return sum;
}

/** `{ key: value }`, or nothing when the value is unknown: absent fields stay absent. */
export function present<K extends string>(
  key: K,
  value: number | undefined,
): { readonly [name in K]?: number } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [name in K]?: number });
}
