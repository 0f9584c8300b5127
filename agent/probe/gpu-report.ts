/**
 * Joins what several calls to the driver's tool said into one report: elements of the XML, names from `-L`, the
 * topology matrix. Pure; every disagreement between them becomes a condition and none becomes an exception.
 */

import type { Condition, MigSlice, TopologyLink } from '../../proto/domain/catalog.ts';
import type { GpuUuid } from '../../proto/domain/ids.ts';
import { UNIDENTIFIED_PREFIX } from '../core/gpu-inventory.ts';
import type { GpuElement } from './gpu-element.ts';
import type { ListedGpu, ListedSlice } from './gpu-list.ts';
import { toPciOrder } from './pci-bus-id.ts';
import { type Finding, stopsNewWork, toCondition } from './probe-condition.ts';
import type { GpuReport, ProbeCompleteness, ProbedGpu } from './probe-port.ts';
import type { TopologyRow } from './topology-matrix.ts';

export interface ReportParts {
  readonly driverVersion: string;
  readonly attachedGpus?: number;
  /** In the order of the document. */
  readonly elements: readonly GpuElement[];
  /** Elements that were there and could not be read. */
  readonly unreadableGpus: number;
  readonly truncated: boolean;
  /** Undefined: it could not be had, and a finding in `findings` says why. */
  readonly list: readonly ListedGpu[] | undefined;
  readonly topology: readonly TopologyRow[] | undefined;
  /** About the host as a whole, found while calling the tool. */
  readonly findings: readonly Finding[];
  readonly nowMs: number;
}

/** A report of a look that learned nothing about GPUs. */
export function emptyReport(
  findings: readonly Finding[],
  nowMs: number,
  completeness: ProbeCompleteness,
): GpuReport {
  return {
    driverVersion: '',
    gpus: [],
    conditions: findings.map((finding) => toCondition(finding, nowMs)),
    completeness,
  };
}

/** The joined report. Index is the rank in PCI order. Never throws. */
export function toGpuReport(parts: ReportParts): GpuReport {
  const { nowMs, list } = parts;
  const conditions: Condition[] = hostFindings(parts).map((finding) => toCondition(finding, nowMs));
  const used = new Set<string>();
  const gpus = toPciOrder(parts.elements).map((element, index): ProbedGpu => {
    const uuid = (element.uuid ??
      `${UNIDENTIFIED_PREFIX}${element.pciBusId || `unknown-${index}`}`) as GpuUuid;
    const listed = list?.find((gpu) => gpu.uuid === uuid);
    const mig = toSlices(element, listed?.slices ?? []);
    const findings = [...element.findings, ...identityFindings(element, mig, used.has(uuid))];
    used.add(uuid);
    conditions.push(...findings.map((finding) => toCondition(finding, nowMs, uuid)));
    return {
      uuid,
      index,
      model: element.model,
      memoryBytes: element.memoryBytes ?? 0,
      kind: 'nvidia',
      simulated: false,
      migMode: element.migMode,
      mig,
      pciBusId: element.pciBusId,
      schedulable: !findings.some((finding) => stopsNewWork(finding.code)),
      telemetry: { ...element.readings, sampledAtMs: nowMs },
    };
  });
  const topology = toLinks(gpus, parts.topology, list);
  return {
    driverVersion: parts.driverVersion,
    gpus,
    conditions,
    ...(topology === undefined ? {} : { topology }),
    ...(parts.attachedGpus === undefined ? {} : { attachedGpus: parts.attachedGpus }),
    completeness: toCompleteness(parts),
  };
}

function toCompleteness(parts: ReportParts): ProbeCompleteness {
  return parts.truncated || parts.unreadableGpus > 0 ? 'partial' : 'whole';
}

function hostFindings(parts: ReportParts): readonly Finding[] {
  const findings = [...parts.findings];
  const { attachedGpus, elements, unreadableGpus } = parts;
  if (parts.truncated) {
    findings.push({ code: 'PROBE_OUTPUT_TRUNCATED', message: 'the output of nvidia-smi breaks off' });
  }
  if (unreadableGpus > 0) {
    findings.push({
      code: 'PROBE_OUTPUT_UNREADABLE',
      message: `${unreadableGpus} GPU elements of nvidia-smi cannot be read`,
    });
  }
  if (attachedGpus !== undefined && attachedGpus !== elements.length) {
    findings.push({
      code: 'GPU_COUNT_MISMATCH',
      message: `the driver counts ${attachedGpus} GPUs and describes ${elements.length}`,
    });
  }
  return findings;
}

/** Rows of the XML named by `-L` on the index within the GPU; what only one side knows is kept, unnamed. */
function toSlices(element: GpuElement, listed: readonly ListedSlice[]): readonly MigSlice[] {
  const slices = element.migDevices.map((device) => {
    const name = listed.find((slice) => slice.index === device.index);
    return { uuid: name?.uuid ?? '', profile: name?.profile ?? '', memoryBytes: device.memoryBytes ?? 0 };
  });
  const extra = listed.filter((slice) => !element.migDevices.some((device) => device.index === slice.index));
  return [...slices, ...extra.map(({ uuid, profile }) => ({ uuid, profile, memoryBytes: 0 }))];
}

function identityFindings(
  element: GpuElement,
  mig: readonly MigSlice[],
  duplicate: boolean,
): readonly Finding[] {
  const findings: Finding[] = [];
  if (element.uuid === undefined) {
    findings.push({ code: 'GPU_UNIDENTIFIED', message: 'the driver does not tell the UUID of the GPU' });
  } else if (duplicate) {
    findings.push({ code: 'GPU_UUID_DUPLICATE', message: 'another GPU of this host has the same UUID' });
  }
  const unnamed = mig.filter((slice) => slice.uuid === '').length;
  if (unnamed > 0) {
    findings.push({
      code: 'MIG_SLICE_UNIDENTIFIED',
      message: `the UUIDs of ${unnamed} MIG devices are unknown`,
    });
  }
  return findings;
}

/** One link per pair. The matrix numbers GPUs as `-L` does; without `-L`, as PCI order does. */
function toLinks(
  gpus: readonly ProbedGpu[],
  rows: readonly TopologyRow[] | undefined,
  list: readonly ListedGpu[] | undefined,
): readonly TopologyLink[] | undefined {
  if (rows === undefined) return undefined;
  const numbers = gpus.map((gpu) => list?.find((listed) => listed.uuid === gpu.uuid)?.index ?? gpu.index);
  const links: TopologyLink[] = [];
  gpus.forEach((a, atA) => {
    const ranks = rows.find((row) => row.gpuIndex === numbers[atA])?.ranks;
    gpus.slice(atA + 1).forEach((b, offset) => {
      const rank = ranks?.get(numbers[atA + 1 + offset] as number);
      if (rank !== undefined) links.push({ gpuUuidA: a.uuid, gpuUuidB: b.uuid, rank });
    });
  });
  return links;
}
