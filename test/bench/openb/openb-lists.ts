/**
 * The openb traces: hosts and pod lists as published, and the order of arrival of protocol B1 (seeded shuffle, then
 * re-draws or deletions until the list asks for 130 % of the cluster's GPUs).
 */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { createRng, type SplittableRng } from '../../../proto/runtime/rng.ts';

export const HOST_FILE = 'openb_node_list_gpu_node.csv';
const LIST_FILE = /^openb_pod_list_(.+)\.csv$/;
const INFLATION = 1.3;

export interface OpenbHost {
  readonly name: string;
  readonly cpuMilli: number;
  readonly memoryMib: number;
  readonly gpus: number;
  readonly model: string;
}

export interface Pod {
  readonly cpuMilli: number;
  readonly memoryMib: number;
  readonly gpuCount: number;
  readonly gpuMilli: number;
  readonly models: readonly string[];
  /** Thousandths of GPUs in all. */
  readonly askedMilli: number;
}

export async function findLists(folder: string): Promise<readonly string[]> {
  const names = (await readdir(folder)).map((file) => LIST_FILE.exec(file)?.[1]);
  return names.filter((name) => name !== undefined).sort();
}

export function listFile(folder: string, list: string): string {
  return path.join(folder, `openb_pod_list_${list}.csv`);
}

export async function readHosts(folder: string): Promise<readonly OpenbHost[]> {
  const rows = await readRows(path.join(folder, HOST_FILE));
  return rows.map((row) => ({
    name: textOf(row, 'sn'),
    cpuMilli: numberOf(row, 'cpu_milli'),
    memoryMib: numberOf(row, 'memory_mib'),
    gpus: numberOf(row, 'gpu'),
    model: textOf(row, 'model'),
  }));
}

export async function readPods(folder: string, list: string): Promise<readonly Pod[]> {
  const rows = await readRows(listFile(folder, list));
  return rows.map((row) => {
    const gpuCount = numberOf(row, 'num_gpu');
    const gpuMilli = gpuCount === 0 ? 0 : numberOf(row, 'gpu_milli');
    const spec = gpuCount === 0 ? '' : (row.get('gpu_spec') ?? '');
    return {
      cpuMilli: numberOf(row, 'cpu_milli'),
      memoryMib: numberOf(row, 'memory_mib'),
      gpuCount,
      gpuMilli,
      models: spec.split('|').filter((model) => model !== ''),
      askedMilli: gpuCount * gpuMilli,
    };
  });
}

export function capacityMilliOf(hosts: readonly OpenbHost[]): number {
  return hosts.reduce((sum, host) => sum + host.gpus * 1000, 0);
}

/** Every policy sees the same order for a seed. */
export function arrivalsOf(pods: readonly Pod[], capacityMilli: number, seed: number): readonly Pod[] {
  const rng = createRng(seed).split('openb-arrivals');
  const order = shuffled(rng, pods);
  let asked = order.reduce((sum, pod) => sum + pod.askedMilli, 0);
  while (asked < INFLATION * capacityMilli) {
    const pod = pods[rng.integer(pods.length)] as Pod;
    order.push(pod);
    asked += pod.askedMilli;
  }
  // A list that asks for more than that loses pods at random instead; the last re-draw may stay a little over.
  while (asked > INFLATION * capacityMilli) {
    const at = rng.integer(order.length);
    asked -= (order[at] as Pod).askedMilli;
    order.splice(at, 1);
    if (order.length === 0) break;
  }
  return order;
}

export function shuffled<T>(rng: SplittableRng, members: readonly T[]): T[] {
  const copy = [...members];
  for (let last = copy.length - 1; last > 0; last -= 1) {
    const other = rng.integer(last + 1);
    [copy[last], copy[other]] = [copy[other] as T, copy[last] as T];
  }
  return copy;
}

type Row = ReadonlyMap<string, string>;

async function readRows(file: string): Promise<readonly Row[]> {
  const [head, ...lines] = (await readFile(file, 'utf8')).split(/\r?\n/).filter((line) => line !== '');
  const names = (head ?? '').split(',');
  return lines.map((line) => {
    const cells = line.split(',');
    return new Map(names.map((name, i) => [name, cells[i] ?? '']));
  });
}

function textOf(row: Row, name: string): string {
  const text = row.get(name);
  if (text === undefined || text === '') throw new Error(`a row has no ${name}`);
  return text;
}

function numberOf(row: Row, name: string): number {
  const value = Number(textOf(row, name));
  if (!Number.isInteger(value) || value < 0) throw new Error(`${name} is not a count: ${row.get(name)}`);
  return value;
}
