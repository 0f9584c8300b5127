/**
 * Hosts for the fake nvidia-smi: what a scenario may say, a builder that fills in the ordinary, and the way to put
 * a scenario behind an executable path. Faults are data, so that a test reads as the accident it is about.
 */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { repoRoot } from '../repo-root.ts';

export interface FakeSlice {
  readonly gpuInstanceId: number;
  readonly computeInstanceId: number;
  readonly profile: string;
  readonly memoryMiB: number;
  readonly uuid: string;
  /** Default: the position. */
  readonly index?: number;
}

export interface FakeGpu {
  readonly uuid: string;
  readonly model: string;
  readonly pciBusId: string;
  readonly minor?: number;
  readonly memoryMiB?: number;
  readonly usedMiB?: number;
  readonly utilization?: number;
  readonly temperature?: number;
  /** Degrees left before the limit; chooses that dialect of thresholds. */
  readonly headroom?: number;
  readonly powerWatts?: number;
  readonly powerLimitWatts?: number;
  /** `lost` off the bus; `silent` every field N/A but the identity; `nameless` the identity too; `failing` errors. */
  readonly fault?: 'lost' | 'silent' | 'nameless' | 'failing';
  readonly migMode?: boolean;
  readonly mig?: readonly FakeSlice[];
  readonly persistence?: boolean;
  readonly ecc?: 'Enabled' | 'Disabled' | 'N/A';
  /** The single-bit and double-bit form of Pascal and older boards. */
  readonly oldEcc?: boolean;
  readonly sramUncorrectable?: number;
  readonly dramUncorrectable?: number;
  readonly sramThresholdExceeded?: boolean;
  readonly repairPending?: boolean;
  readonly retirementPending?: boolean;
  readonly remapPending?: boolean;
  readonly remapFailure?: boolean;
  readonly banksWithoutSpares?: number;
  readonly noRemapper?: boolean;
  readonly recoveryAction?: string;
  readonly resetRequired?: boolean;
  readonly resetRecommended?: boolean;
  /** Names without prefix: `hw_thermal_slowdown`. */
  readonly clockReasons?: readonly string[];
  readonly fabric?: string;
  /** Raw names of processes. */
  readonly processes?: readonly string[];
  /** Size of the clocks table. */
  readonly clockRows?: number;
}

export interface FakeFault {
  /** Printed beside whatever else. */
  readonly stderr?: string;
  readonly hang?: 'at-once' | 'after-output';
  readonly delayMs?: number;
  /** With the words that the real tool prints for it, instead of the answer. */
  readonly exitCode?: number;
  /** Print the answer in spite of the exit code. */
  readonly keepOutput?: boolean;
  readonly empty?: boolean;
  readonly text?: string;
  readonly truncateBytes?: number;
  /** Blank output after the answer. */
  readonly endlessMiB?: number;
  /** A grandchild holds stdout open for so long. */
  readonly pipeHolderMs?: number;
}

export type FakeCall = 'query' | 'list' | 'topology' | 'csv';

export interface FakeSmiScenario {
  readonly driverVersion: string;
  readonly gpus: readonly FakeGpu[];
  readonly attachedGpus?: number;
  /** Indices in the order in which the XML lists them. */
  readonly documentOrder?: readonly number[];
  /** Rank of every pair; `links['0-1']` overrides one. Default SYS. */
  readonly link?: string;
  readonly links?: Readonly<Record<string, string>>;
  readonly nics?: number;
  /** Without the NUMA columns. */
  readonly oldTopology?: boolean;
  /** CSV fields that this driver refuses. */
  readonly unknownFields?: readonly string[];
  readonly faults?: Readonly<Partial<Record<FakeCall | 'all', FakeFault>>>;
  /** Every call appends its name here. */
  readonly logFile?: string;
  /** Every call leaves its process id here. */
  readonly pidFile?: string;
}

/** An ordinary GPU at a place, with `changes`. */
export function aFakeGpu(index: number, changes: Partial<FakeGpu> = {}): FakeGpu {
  const hex = index.toString(16).padStart(2, '0');
  return {
    uuid: `GPU-0000${hex}00-aaaa-bbbb-cccc-0000000000${hex}`,
    model: 'NVIDIA Imaginary 80GB',
    pciBusId: `00000000:${(16 + index).toString(16).toUpperCase().padStart(2, '0')}:00.0`,
    memoryMiB: 81920,
    usedMiB: 1024 + index,
    utilization: 10 + index,
    temperature: 40 + index,
    powerWatts: 100.5 + index,
    powerLimitWatts: 700,
    migMode: false,
    ...changes,
  };
}

/** A healthy host with `count` GPUs, with `changes`. */
export function aSmiScenario(count: number, changes: Partial<FakeSmiScenario> = {}): FakeSmiScenario {
  return {
    driverVersion: '580.65.06',
    gpus: Array.from({ length: count }, (_, index) => aFakeGpu(index)),
    ...changes,
  };
}

/** The same scenario with one GPU changed. */
export function withGpu(
  scenario: FakeSmiScenario,
  index: number,
  changes: Partial<FakeGpu>,
): FakeSmiScenario {
  return { ...scenario, gpus: scenario.gpus.map((gpu, at) => (at === index ? { ...gpu, ...changes } : gpu)) };
}

/** A MIG GPU of two GPU instances, the first of which holds two compute instances. */
export function aSplitMigGpu(index: number): FakeGpu {
  const slice = (
    at: number,
    gpuInstanceId: number,
    computeInstanceId: number,
    profile: string,
  ): FakeSlice => ({
    gpuInstanceId,
    computeInstanceId,
    profile,
    memoryMiB: gpuInstanceId === 1 ? 72_000 : 18_000,
    uuid: `MIG-0000000${at}-1111-2222-3333-00000000000${at}`,
  });
  return aFakeGpu(index, {
    migMode: true,
    mig: [slice(0, 1, 0, '1c.3g.71gb'), slice(1, 1, 1, '2c.3g.71gb'), slice(2, 5, 0, '1g.18gb')],
  });
}

const KIT = join(repoRoot, 'test', 'kit', 'fake-nvidia-smi');

/** Puts the scenario into `folder` and answers with the path of an executable `nvidia-smi` that plays it. */
export function installFakeSmi(folder: string, scenario: FakeSmiScenario): string {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'nvidia-smi');
  const scenarioFile = join(folder, 'scenario.json');
  writeFileSync(scenarioFile, JSON.stringify(scenario));
  const words = [process.execPath, join(KIT, 'fake-nvidia-smi.mjs')].map(quote).join(' ');
  writeFileSync(file, `#!/bin/sh\nFAKE_NVIDIA_SMI_SCENARIO=${quote(scenarioFile)} exec ${words} "$@"\n`);
  chmodSync(file, 0o755);
  return file;
}

export interface FakeSmiRenderer {
  renderXml(scenario: FakeSmiScenario): string;
  renderList(scenario: FakeSmiScenario): string;
  renderTopology(scenario: FakeSmiScenario): string;
  renderCsv(
    scenario: FakeSmiScenario,
    fields: readonly string[],
  ): { readonly exitCode: number; readonly text: string };
}

/** The fake's printing without its process, for tests of parsers. */
export async function loadFakeSmiRenderer(): Promise<FakeSmiRenderer> {
  return (await import(pathToFileURL(join(KIT, 'render.mjs')).href)) as FakeSmiRenderer;
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
