/**
 * One `<gpu>` of nvidia-smi's document, any driver branch from 352 to 595, as facts: who it is, what it has,
 * what it reads, what is wrong with it.
 */
import { parseCount, parseMemoryBytes, parseText, saysYes } from './field-value.ts';
import { healthFindings, isLost } from './gpu-health.ts';
import { present, type Readings, toReadings } from './gpu-readings.ts';
import { parsePciBusId } from './pci-bus-id.ts';
import type { Finding } from './probe-condition.ts';
import { elementsAt, textAt, type XmlElement } from './xml-tree.ts';

/** One MIG device as the XML knows it: it has an index within its GPU, but neither UUID nor profile. */
export interface MigDevice {
  readonly index: number;
  readonly gpuInstanceId?: number;
  readonly computeInstanceId?: number;
  /** Memory of the GPU instance, which its compute instances share. Absent: unknown. */
  readonly memoryBytes?: number;
}

export interface GpuElement {
  /** Absent when the driver did not say. */
  readonly uuid?: string;
  /** '' when unknown. */
  readonly pciBusId: string;
  /** '' when unknown. */
  readonly model: string;
  readonly memoryBytes?: number;
  readonly migMode: boolean;
  readonly migDevices: readonly MigDevice[];
  readonly readings: Readings;
  readonly findings: readonly Finding[];
}

/** Wide enough for any vendor's name, narrow enough for a table. */
const MODEL_CHARACTERS_MAX = 96;
const MIG_DEVICES_MAX = 64;

/** Reads the tree of one GPU, from our parser or from xml2js. Never throws. */
export function toGpuElement(gpu: XmlElement): GpuElement {
  const lost = isLost(gpu);
  // A lost GPU still prints some plausible values beside `GPU is lost`: none of them can be believed.
  const readings = lost ? {} : toReadings(gpu);
  const memoryBytes = parseMemoryBytes(textAt(gpu, 'fb_memory_usage/total'));
  const uuid = toUuid(textAt(gpu, 'uuid'));
  const model = (parseText(textAt(gpu, 'product_name')) ?? '').slice(0, MODEL_CHARACTERS_MAX);
  const health = healthFindings(gpu);
  return {
    ...(uuid === undefined ? {} : { uuid }),
    pciBusId: parsePciBusId(textAt(gpu, 'pci/pci_bus_id')) ?? parsePciBusId(textAt(gpu, '$/id')) ?? '',
    model,
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    migMode: saysYes(textAt(gpu, 'mig_mode/current_mig')),
    migDevices: toMigDevices(gpu),
    readings,
    findings: lost ? health : [...health, ...silenceFindings({ model, memoryBytes, ...readings })],
  };
}

/** A UUID is an opaque word that ends up in environments and device requests: anything but a plain word is refused. */
export function toUuid(text: string | undefined): string | undefined {
  const word = parseText(text);
  return word !== undefined && /^[A-Za-z0-9][A-Za-z0-9/_-]{3,95}$/.test(word) ? word : undefined;
}

function toMigDevices(gpu: XmlElement): readonly MigDevice[] {
  const devices: MigDevice[] = [];
  for (const element of elementsAt(gpu, 'mig_devices/mig_device').slice(0, MIG_DEVICES_MAX)) {
    const index = parseCount(textAt(element, 'index'));
    if (index === undefined) continue;
    devices.push({
      index,
      ...present('gpuInstanceId', parseCount(textAt(element, 'gpu_instance_id'))),
      ...present('computeInstanceId', parseCount(textAt(element, 'compute_instance_id'))),
      ...present('memoryBytes', parseMemoryBytes(textAt(element, 'fb_memory_usage/total'))),
    });
  }
  return devices.sort((a, b) => a.index - b.index);
}

/** What every report should say about a GPU, in the order in which its absence is told. */
const FIELD_NAMES = [
  'model',
  'memoryBytes',
  'utilizationPercent',
  'memoryUsedBytes',
  'temperatureCelsius',
  'powerWatts',
  'powerLimitWatts',
  'eccUncorrectable',
] as const;

/** One finding that names every field which is empty or absent in `fields`; none when nothing is. */
export function silenceFindings(fields: Readonly<Record<string, unknown>>): readonly Finding[] {
  const silent = FIELD_NAMES.filter((name) => fields[name] === undefined || fields[name] === '');
  return silent.length === 0
    ? []
    : [{ code: 'FIELD_UNAVAILABLE', message: `not offered by this GPU: ${silent.join(', ')}` }];
}
