/** The load of the cluster as lines of text with bars, for a terminal of a given size or for a file. */
import type { ClusterLoad, HostLoad, QueueWaiting } from '../../proto/domain/explain-views.ts';
import { toIsoTime } from '../../proto/domain/record-json.ts';
import { fitToWidth, padToWidth, toSafeText } from './safe-text.ts';
import type { Style } from './style.ts';
import { formatBytes, formatDuration } from './units-text.ts';

export interface LoadScreenOptions {
  /** Lines are cut there; undefined: nowhere. */
  readonly columns: number | undefined;
  /** Hosts are left out beyond so many lines in all; undefined: none. */
  readonly rows: number | undefined;
  readonly style: Style;
}

const BAR_WIDTH = 24;
const NAME_WIDTH = 16;
/** A host of up to so many GPUs has one mark for each of them. */
const MARKS_MAX = BAR_WIDTH;
/** Queues and projects that are listed; the others are counted. */
const LISTED_MAX = 8;

interface Bar {
  readonly used: number;
  readonly unusable?: number;
  readonly total: number;
}

/** `[####..xx]`: used, free, of no use; each part that is not empty has one mark at least. */
export function drawBar({ used, unusable = 0, total }: Bar, width: number): string {
  if (total <= 0) return `[${' '.repeat(width)}]`;
  const marks = (part: number): number =>
    part <= 0 ? 0 : Math.min(width, Math.max(1, Math.round((part / total) * width)));
  const ill = marks(unusable);
  const most = used + unusable < total ? width - ill - 1 : width - ill;
  const full = Math.max(0, Math.min(marks(used), most));
  return `[${'#'.repeat(full)}${'.'.repeat(Math.max(0, width - full - ill))}${'x'.repeat(ill)}]`;
}

/** Every line safe for the terminal, none with a line feed. */
export function loadLines(load: ClusterLoad, { columns, rows, style }: LoadScreenOptions): readonly string[] {
  const head: readonly Line[] = [
    { title: `${toIsoTime(load.atMs)}  ${load.hostsReady} of ${load.hostCount} hosts ready` },
    ...resourceLines(load),
    '',
    { title: `${name('QUEUE')}  RUNNING  WAITING  READY  ${padToWidth('GPUS HELD', BAR_WIDTH + 8)}  OLDEST` },
    ...queueLines(load),
    '',
    { title: `${name('PROJECT')}  GPUS HELD` },
    ...projectLines(load),
    '',
    { title: 'FREE GPUS' },
    ...fragmentLines(load),
    '',
    { title: `${name('HOST')}  STATE      GPUS` },
  ];
  const lines = [...head, ...hostLines(load, rows === undefined ? undefined : rows - head.length)];
  const cut = (line: string): string => (columns === undefined ? line : fitToWidth(line, columns));
  return lines.map((line) => (typeof line === 'string' ? cut(line) : style('bold', cut(line.title))));
}

type Line = string | { readonly title: string };

const name = (text: string): string => padToWidth(fitToWidth(toSafeText(text), NAME_WIDTH), NAME_WIDTH);
const percent = (part: number, total: number): string =>
  total <= 0 ? '-' : `${Math.round((100 * part) / total)} %`;
const right = (value: number, width: number): string => String(value).padStart(width);
const gpus = (milli: number): number => milli / 1000;

function resourceLines(load: ClusterLoad): readonly string[] {
  const cpu = { used: load.cpuMilliUsed, total: load.cpuMilli };
  const memory = { used: load.memoryBytesUsed, total: load.memoryBytes };
  return [
    ...load.gpus.map((one) => {
      const ill = one.unusable === 0 ? '' : `, ${one.unusable} not usable`;
      return `${name(one.model)}  ${drawBar(one, BAR_WIDTH)} ${one.used} of ${one.total} GPUs${ill}`;
    }),
    `${name('CPUs')}  ${drawBar(cpu, BAR_WIDTH)} ${percent(cpu.used, cpu.total)} of ${load.cpuMilli / 1000}`,
    `${name('memory')}  ${drawBar(memory, BAR_WIDTH)} ${percent(memory.used, memory.total)} of ${formatBytes(memory.total)}`,
  ];
}

function queueLines(load: ClusterLoad): readonly string[] {
  const total = load.gpus.reduce((sum, one) => sum + 1000 * one.total, 0);
  const busiest = [...load.queues].sort(
    (left, right) => right.running + right.waiting - left.running - left.waiting,
  );
  const listed = busiest.slice(0, LISTED_MAX).map((queue) => queueLine(queue, total));
  return [...listed, ...leftOut(load.queues.length - listed.length, 'queues')];
}

function queueLine(queue: QueueWaiting, totalMilli: number): string {
  const bar = drawBar({ used: queue.runningGpuMilli, total: totalMilli }, BAR_WIDTH);
  const held = right(gpus(queue.runningGpuMilli), 5);
  const counts = `${right(queue.running, 7)}  ${right(queue.waiting, 7)}  ${right(queue.ready, 5)}`;
  const oldest = queue.ready === 0 ? '-' : formatDuration(queue.oldestWaitMs);
  return `${name(queue.name)}  ${counts}  ${bar} ${held}  ${oldest}`;
}

function projectLines(load: ClusterLoad): readonly string[] {
  const total = load.gpus.reduce((sum, one) => sum + 1000 * one.total, 0);
  const named = load.projects.filter(({ projectId }) => projectId !== undefined);
  const most = [...named].sort((left, right) => right.gpuMilli - left.gpuMilli).slice(0, LISTED_MAX);
  const others = load.projects.filter(({ projectId }) => projectId === undefined);
  const lines = [...most, ...others].map((project) => {
    const { gpuMilli, guaranteedGpuMilli = 0, limitGpuMilli } = project;
    const guarantee = guaranteedGpuMilli > 0 ? `, guaranteed ${gpus(guaranteedGpuMilli)}` : '';
    const limit = limitGpuMilli === undefined ? '' : `, at most ${gpus(limitGpuMilli)}`;
    const label = project.projectId === undefined ? 'others' : project.projectName;
    return `${name(label)}  ${drawBar({ used: gpuMilli, total }, BAR_WIDTH)} ${gpus(gpuMilli)}${guarantee}${limit}`;
  });
  if (lines.length === 0) return ['none'];
  return [...lines, ...leftOut(named.length - most.length + load.projectsLeftOut, 'projects')];
}

/** How the free GPUs lie: on how many hosts so many of them are free together, and what of that is of use. */
function fragmentLines({ fragmentation, hosts }: ClusterLoad): readonly string[] {
  const { freeGpuMilli, stuckForWaitingMilli, stuckForTypicalMilli } = fragmentation;
  const byFree = new Map<number, number>();
  for (const host of hosts) {
    const free = freeOf(host);
    if (free > 0) byFree.set(free, (byFree.get(free) ?? 0) + 1);
  }
  const sizes = [...byFree].sort(([left], [right]) => right - left);
  const most = Math.max(0, ...byFree.values());
  const lines = sizes.slice(0, LISTED_MAX).map(([free, count]) => {
    const bar = drawBar({ used: count, total: most }, BAR_WIDTH);
    return `${name(`${free} together`)}  ${bar} on ${count} ${count === 1 ? 'host' : 'hosts'}`;
  });
  const stuck = (milli: number, whom: string): string =>
    `${gpus(milli).toFixed(1)} of ${gpus(freeGpuMilli)} (${percent(milli, freeGpuMilli)}) lie where ${whom}`;
  return [
    ...(lines.length === 0 ? ['none'] : lines),
    ...(stuckForWaitingMilli === undefined || freeGpuMilli === 0
      ? []
      : [stuck(stuckForWaitingMilli, 'nothing that waits fits, on average over what waits')]),
    ...(stuckForTypicalMilli === undefined || freeGpuMilli === 0
      ? []
      : [stuck(stuckForTypicalMilli, 'nothing typical fits, on average over all work')]),
  ];
}

function freeOf({ state, gpuCount, gpusUsed, gpusUnusable }: HostLoad): number {
  return state === 'ready' ? gpuCount - gpusUsed - gpusUnusable : 0;
}

/** `rowsMax`: lines in all, the one about those left out included. */
function hostLines(
  { hosts, hostsLeftOut }: ClusterLoad,
  rowsMax = Number.POSITIVE_INFINITY,
): readonly string[] {
  const fits = hosts.length + (hostsLeftOut > 0 ? 1 : 0) <= rowsMax;
  const shown = fits ? hosts : hosts.slice(0, Math.max(0, rowsMax - 1));
  const lines = shown.map((host) => {
    const width = Math.min(Math.max(1, host.gpuCount), MARKS_MAX);
    const bar = drawBar({ used: host.gpusUsed, unusable: host.gpusUnusable, total: host.gpuCount }, width);
    const counts = `${host.gpusUsed}/${host.gpuCount}`;
    return `${name(host.name)}  ${padToWidth(toSafeText(host.state), 9)}  ${padToWidth(bar, BAR_WIDTH + 2)} ${counts}`;
  });
  return [...lines, ...leftOut(hosts.length - shown.length + hostsLeftOut, 'hosts')];
}

function leftOut(count: number, noun: string): readonly string[] {
  return count === 0 ? [] : [`… and ${count} more ${noun}`];
}
