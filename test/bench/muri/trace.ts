/**
 * The Muri traces (SIGCOMM'22) as jobs: arrival, GPUs and how long the work takes, with the profiled cost of a start.
 * A `_pr` trace is the same jobs, all submitted at the beginning.
 */
import { readFile } from 'node:fs/promises';

/** The service time is stretched by this much over iterations × time per iteration, as the published simulator does. */
const SERVICE_STRETCH = 1.015;
/** Of a model that was not profiled. */
const OTHER_MODEL = 'any_other';

export interface TraceJob {
  readonly id: number;
  readonly gpus: number;
  readonly submitS: number;
  /** A double, counted down by the published policies. */
  readonly iterations: number;
  readonly iterationS: number;
  /** Seconds of service until the end. */
  readonly workS: number;
  /** Seconds without progress after a start. */
  readonly overheadS: number;
}

export interface Trace {
  readonly name: string;
  /** By submit time, then by the order of the file. */
  readonly jobs: readonly TraceJob[];
}

export type Overheads = ReadonlyMap<string, number>;

export async function readOverheads(file: string): Promise<Overheads> {
  const overheads = new Map<string, number>();
  for (const row of await readRows(file)) {
    for (const [model, seconds] of row) {
      if (model !== 'num_gpu') overheads.set(`${row.get('num_gpu')}/${model}`, toNumber(seconds, model));
    }
  }
  return overheads;
}

export async function readTrace(file: string, name: string, overheads: Overheads): Promise<Trace> {
  const jobs = (await readRows(file)).map((row, id) => toJob(row, id, overheads));
  return { name, jobs: jobs.sort((a, b) => a.submitS - b.submitS || a.id - b.id) };
}

/** The same jobs, all there from the beginning. */
export function submittedAtOnce(trace: Trace): Trace {
  const jobs = trace.jobs.map((job) => ({ ...job, submitS: 0 })).sort((a, b) => a.id - b.id);
  return { name: `${trace.name}_pr`, jobs };
}

/** `trace/policy` -> average JCT, makespan and 99th percentile of the JCT in seconds. */
export type Published = ReadonlyMap<
  string,
  { readonly avgS: number; readonly makespanS: number; readonly p99S: number }
>;

export async function readPublished(file: string): Promise<Published> {
  const rows = await readRows(file);
  return new Map(
    rows.map((row) => [
      `${row.get('trace')}/${row.get('policy')}`,
      {
        avgS: toNumber(row.get('avg_jct_s'), 'avg_jct_s'),
        makespanS: toNumber(row.get('makespan_s'), 'makespan_s'),
        p99S: toNumber(row.get('p99_jct_s'), 'p99_jct_s'),
      },
    ]),
  );
}

function toJob(row: ReadonlyMap<string, string>, id: number, overheads: Overheads): TraceJob {
  const gpus = toNumber(row.get('num_gpu'), 'num_gpu');
  const iterations = toNumber(row.get('iterations'), 'iterations');
  const iterationS = (toNumber(row.get('iteration_time'), 'iteration_time') * SERVICE_STRETCH) / 1000;
  const overheadS =
    overheads.get(`${gpus}/${row.get('model_name')}`) ?? overheads.get(`${gpus}/${OTHER_MODEL}`) ?? 10;
  const submitS = toNumber(row.get('submit_time'), 'submit_time') / 1000;
  return { id, gpus, submitS, iterations, iterationS, workS: iterations * iterationS, overheadS };
}

async function readRows(file: string): Promise<ReadonlyMap<string, string>[]> {
  const [head = '', ...lines] = (await readFile(file, 'utf8')).trim().split(/\r?\n/);
  const names = head.split(',').map((name) => name.trim());
  return lines.map((line) => {
    const cells = line.split(',');
    return new Map(names.map((name, at) => [name, (cells[at] ?? '').trim()]));
  });
}

function toNumber(text: string | undefined, column: string): number {
  const value = Number(text);
  if (text === undefined || text === '' || !Number.isFinite(value)) {
    throw new Error(`column ${column} holds ${JSON.stringify(text)}, which is not a number`);
  }
  return value;
}
