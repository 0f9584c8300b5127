/**
 * The one shape of every bench result: stable keys with value, unit, optional goal and its verdict, together
 * with the commit, the machine and the digests of the inputs.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import os from 'node:os';
import { pipeline } from 'node:stream/promises';

export interface Metric {
  readonly value: number;
  readonly unit: string;
  /** Text such as `<= 40`. */
  readonly goal?: string;
  /** Verdict of `goal`. */
  readonly met?: boolean;
}

export interface BenchReport {
  readonly name: string;
  readonly commit: string;
  readonly machine: {
    readonly cpus: number;
    readonly memoryBytes: number;
    readonly kernel: string;
    readonly node: string;
  };
  readonly inputs: Readonly<Record<string, string>>;
  readonly metrics: Readonly<Record<string, Metric>>;
}

export interface BenchOptions {
  readonly dataFolder: string | undefined;
  /** Fewer repetitions; keys stay the same. */
  readonly quick: boolean;
  /** Simulated hosts, and jobs that wait, instead of the bench's own numbers. */
  readonly agents: number | undefined;
  readonly queued: number | undefined;
  /** Where CPU profiles of the controller go. */
  readonly profileFolder: string | undefined;
  /** One line about what is going on. */
  readonly say: (line: string) => void;
  /** A part that cannot run: printed, its keys left out. */
  readonly skip: (part: string, reason: string) => void;
}

export interface BenchResult {
  readonly inputs: readonly string[];
  readonly metrics: Readonly<Record<string, Metric>>;
}

export type Bench = (options: BenchOptions) => Promise<BenchResult>;

/** A metric, its goal judged when there is one. @throws Error for a goal that is not `<`, `<=`, `>`, `>=` + number */
export function metric(value: number, unit: string, goal?: string): Metric {
  const rounded = Math.round(value * 1000) / 1000;
  if (goal === undefined) return { value: rounded, unit };
  return { value: rounded, unit, goal, met: judgeGoal(rounded, goal) };
}

export function judgeGoal(value: number, goal: string): boolean {
  const match = /^(<=|>=|<|>) (-?[\d.]+)$/.exec(goal);
  if (match === null) throw new Error(`goal "${goal}" is not a comparison`);
  const bound = Number(match[2]);
  switch (match[1]) {
    case '<=':
      return value <= bound;
    case '>=':
      return value >= bound;
    case '<':
      return value < bound;
    default:
      return value > bound;
  }
}

/** The p-th percentile (0..100) by the nearest-rank rule. `values` need not be sorted and must not be empty. */
export function percentile(values: readonly number[], p: number): number {
  if (values.length === 0) throw new Error('percentile of nothing');
  const sorted = [...values].sort((a, b) => a - b);
  const rank = Math.max(1, Math.ceil((p / 100) * sorted.length));
  return sorted[rank - 1] as number;
}

export async function buildReport(name: string, result: BenchResult): Promise<BenchReport> {
  const inputs: Record<string, string> = {};
  for (const file of result.inputs) inputs[file.split('/').at(-1) as string] = await sha256Of(file);
  return {
    name,
    commit: readCommit(),
    machine: {
      cpus: os.cpus().length,
      memoryBytes: os.totalmem(),
      kernel: os.release(),
      node: process.version,
    },
    inputs,
    metrics: result.metrics,
  };
}

export function renderReport(report: BenchReport): string {
  const rows = Object.entries(report.metrics).map(([key, m]) => [
    key,
    String(m.value),
    m.unit,
    m.goal ?? '',
    m.met === undefined ? '' : m.met ? 'met' : 'MISSED',
  ]);
  const table = [['metric', 'value', 'unit', 'goal', ''], ...rows];
  const widths = table[0]?.map((_, i) => Math.max(...table.map((row) => (row[i] as string).length))) ?? [];
  const lines = table.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] as number))
      .join('  ')
      .trimEnd(),
  );
  const { cpus, kernel, node } = report.machine;
  return `${report.name}: commit ${report.commit}, ${cpus} cores, kernel ${kernel}, node ${node}\n${lines.join('\n')}\n`;
}

export async function writeReport(file: string, report: BenchReport): Promise<void> {
  await writeFile(file, `${JSON.stringify(report, undefined, 2)}\n`);
}

function readCommit(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty', '--abbrev=12'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    // A packed copy has no repository; the figures are still worth having.
    return 'unknown';
  }
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
