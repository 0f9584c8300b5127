/**
 * `nvidia-smi topo -m`: how GPUs reach one another. Made for eyes, so it comes with underline codes even in a
 * pipe, padded cells, network cards in between, columns that some drivers lack and a doubled tab.
 */

export interface TopologyRow {
  /** The driver's number, as in `-L`. */
  readonly gpuIndex: number;
  /** Rank to every GPU of the header, by that GPU's number: `X`, `NV18`, `PIX`, … */
  readonly ranks: ReadonlyMap<number, string>;
  /** '' when not given. */
  readonly cpuAffinity: string;
  readonly numaNode?: number;
}

const LINES_MAX = 1024;
const ANSI = /\u001b\[[0-9;]*[A-Za-z]/g;
const RANK = /^(?:X|NV\d{1,3}|PIX|PXB|PHB|NODE|SYS)$/;

/** The rows of all GPUs, or undefined when the text holds no matrix. Cells that are no rank are left out. */
export function parseTopologyMatrix(text: string): readonly TopologyRow[] | undefined {
  const lines = text.replace(ANSI, '').split('\n', LINES_MAX);
  const headerAt = lines.findIndex((line) => /^\s+GPU\d+(?:\s|$)/.test(line));
  if (headerAt < 0) return undefined;
  const columns = toCells(lines[headerAt] as string).slice(1);
  const affinityAt = columns.indexOf('CPU Affinity');
  const numaAt = columns.indexOf('NUMA Affinity');
  const rows: TopologyRow[] = [];
  for (const line of lines.slice(headerAt + 1)) {
    const cells = toCells(line);
    const name = /^GPU(\d{1,4})$/.exec(cells[0] ?? '');
    if (name === null) continue;
    const values = cells.slice(1);
    const numa = numaAt < 0 ? undefined : values[numaAt];
    rows.push({
      gpuIndex: Number(name[1]),
      ranks: toRanks(columns, values),
      cpuAffinity: affinityAt < 0 ? '' : (values[affinityAt] ?? ''),
      ...(numa !== undefined && /^\d{1,4}$/.test(numa) ? { numaNode: Number(numa) } : {}),
    });
  }
  return rows.length === 0 ? undefined : rows;
}

function toCells(line: string): readonly string[] {
  return line.split('\t').map((cell) => cell.trim());
}

function toRanks(columns: readonly string[], values: readonly string[]): ReadonlyMap<number, string> {
  const ranks = new Map<number, string>();
  columns.forEach((column, at) => {
    const gpu = /^GPU(\d{1,4})$/.exec(column);
    const rank = values[at];
    if (gpu !== null && rank !== undefined && RANK.test(rank)) ranks.set(Number(gpu[1]), rank);
  });
  return ranks;
}
