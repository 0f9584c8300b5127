/**
 * `nvidia-smi --query-gpu=… --format=csv`: a second way to the same facts, for hosts whose XML cannot be read.
 * It knows no MIG memory and no health beyond ECC, so it stands in for the document and does not replace it.
 */
import {
  parseCelsius,
  parseCount,
  parseMemoryBytes,
  parsePercent,
  parseText,
  parseWatts,
  saysLost,
  saysYes,
} from './field-value.ts';
import { type GpuElement, silenceFindings, toUuid } from './gpu-element.ts';
import { present, type Readings } from './gpu-readings.ts';
import { parsePciBusId } from './pci-bus-id.ts';
import type { Finding } from './probe-condition.ts';

/**
 * Fields to ask for. One unknown field makes the whole call fail, so these are old ones, and the caller drops
 * any that the tool names as unknown. The name stands last because it may hold a comma.
 */
export const CSV_FIELDS: readonly string[] = [
  'index',
  'uuid',
  'pci.bus_id',
  'driver_version',
  'count',
  'mig.mode.current',
  'gpu_recovery_action',
  'memory.total',
  'memory.used',
  'utilization.gpu',
  'temperature.gpu',
  'power.draw.instant',
  'power.draw',
  'power.limit',
  'ecc.errors.uncorrected.volatile.total',
  'name',
];

export interface CsvAnswer {
  readonly driverVersion: string;
  readonly attachedGpus?: number;
  readonly elements: readonly GpuElement[];
  /** Lines that do not have the shape of the header. */
  readonly unreadableLines: number;
}

const LINES_MAX = 256;

/** The field that the tool refuses, if that is what `text` says. */
export function findUnknownField(text: string): string | undefined {
  return /Field "([a-z0-9._]{1,80})" is not a valid field to query/i.exec(text)?.[1];
}

/** Reads an answer with its header line. Undefined when there is no header; never throws. */
export function parseQueryCsv(text: string): CsvAnswer | undefined {
  const lines = text.split('\n', LINES_MAX).map((line) => line.trim());
  const headerAt = lines.findIndex((line) => /(?:^|, )uuid(?:, |$)/.test(line));
  if (headerAt < 0) return undefined;
  const header = toCells(lines[headerAt] as string).map((cell) => cell.replace(/ \[[^\]]*\]$/, ''));
  const rows: ReadonlyMap<string, string>[] = [];
  let unreadableLines = 0;
  for (const line of lines.slice(headerAt + 1)) {
    if (line === '') continue;
    const row = toRow(header, line);
    if (row === undefined) unreadableLines += 1;
    else rows.push(row);
  }
  const count = parseCount(rows[0]?.get('count'));
  return {
    driverVersion: parseText(rows[0]?.get('driver_version')) ?? '',
    ...(count === undefined ? {} : { attachedGpus: count }),
    elements: rows.map(toElement),
    unreadableLines,
  };
}

function toCells(line: string): readonly string[] {
  return line.split(', ').map((cell) => cell.trim());
}

function toRow(header: readonly string[], line: string): ReadonlyMap<string, string> | undefined {
  const cells = [...toCells(line)];
  if (cells.length > header.length && header.at(-1) === 'name') {
    cells.splice(header.length - 1, cells.length, cells.slice(header.length - 1).join(', '));
  }
  if (cells.length !== header.length) return undefined;
  return new Map(header.map((name, at) => [name, cells[at] as string]));
}

function toElement(row: ReadonlyMap<string, string>): GpuElement {
  const lost = [...row].some(([name, text]) => name !== 'name' && saysLost(text));
  const uuid = toUuid(row.get('uuid'));
  const memoryBytes = parseMemoryBytes(row.get('memory.total'));
  const model = parseText(row.get('name')) ?? '';
  const readings = lost ? {} : toReadings(row);
  return {
    ...(uuid === undefined ? {} : { uuid }),
    pciBusId: parsePciBusId(row.get('pci.bus_id')) ?? '',
    model,
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    migMode: saysYes(row.get('mig.mode.current')),
    migDevices: [],
    readings,
    findings: lost
      ? [{ code: 'GPU_LOST', message: 'the GPU has left the bus' }]
      : toFindings(row, { model, memoryBytes, ...readings }),
  };
}

function toReadings(row: ReadonlyMap<string, string>): Readings {
  const watts = parseWatts(row.get('power.draw.instant')) ?? parseWatts(row.get('power.draw'));
  return {
    ...present('utilizationPercent', parsePercent(row.get('utilization.gpu'))),
    ...present('memoryUsedBytes', parseMemoryBytes(row.get('memory.used'))),
    ...present('temperatureCelsius', parseCelsius(row.get('temperature.gpu'))),
    ...present('powerWatts', watts),
    ...present('powerLimitWatts', parseWatts(row.get('power.limit'))),
    ...present('eccUncorrectable', parseCount(row.get('ecc.errors.uncorrected.volatile.total'))),
  };
}

function toFindings(
  row: ReadonlyMap<string, string>,
  fields: Readonly<Record<string, unknown>>,
): readonly Finding[] {
  const findings: Finding[] = [];
  const action = parseText(row.get('gpu_recovery_action'));
  if (action !== undefined)
    findings.push({ code: 'RECOVERY_ACTION', message: `the driver asks for recovery: ${action}` });
  const errors = parseCount(row.get('ecc.errors.uncorrected.volatile.total')) ?? 0;
  // The sum does not tell SRAM from DRAM, and only the former is a reason to stop.
  if (errors > 0)
    findings.push({
      code: 'ECC_UNCORRECTABLE_DRAM',
      message: `${errors} uncorrectable errors since the driver was loaded`,
    });
  return [...findings, ...silenceFindings(fields)];
}
