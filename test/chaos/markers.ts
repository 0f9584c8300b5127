/**
 * What tasks leave behind by themselves: each appends a line when it starts and one when it ends to one file of the
 * cluster, so the file's order is the order of the truth, whatever controller and agents say.
 */
import { readFile } from 'node:fs/promises';

export interface Marker {
  readonly what: 'start' | 'end';
  /** `job.attempt.task` */
  readonly task: string;
  readonly gpus: readonly string[];
}

const LINE = /^(start|end) (\S+) (\d+) (\d+) (\S*)$/;

/** A shell line that marks its start, works for a while, marks its end. A stop ends it early, and marked. */
export function markedCommand(file: string, seconds: number): string {
  const mark = (word: string): string =>
    `echo "${word} $NABLA_JOB_ID $NABLA_ATTEMPT $NABLA_RANK $NABLA_GPU_UUIDS" >> '${file}'`;
  const work = seconds > 0 ? `sleep ${seconds} & wait $!` : ':';
  return `trap '${mark('end').replaceAll("'", `'\\''`)}; exit 143' TERM; ${mark('start')}; ${work}; ${mark('end')}`;
}

export async function readMarkers(file: string): Promise<readonly Marker[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  // A line that is being written reads as its first half where it crosses a page: it counts once it has its end.
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const match = LINE.exec(line);
      if (match === null) throw new Error(`a torn marker: ${line}`);
      const [, what, job, attempt, task, gpus = ''] = match;
      return {
        what: what as Marker['what'],
        task: `${job}.${attempt}.${task}`,
        gpus: gpus.split(',').filter((uuid) => uuid !== ''),
      };
    });
}

export interface MarkerVerdict {
  /** Tasks that started more than once, and GPUs that two tasks held at once. */
  readonly doubled: readonly string[];
  /** Started and not ended. */
  readonly open: ReadonlySet<string>;
  readonly started: ReadonlySet<string>;
}

export function judgeMarkers(markers: readonly Marker[]): MarkerVerdict {
  const started = new Set<string>();
  const open = new Set<string>();
  const holders = new Map<string, string>();
  const doubled: string[] = [];
  for (const { what, task, gpus } of markers) {
    if (what === 'end') {
      open.delete(task);
      for (const gpu of gpus) if (holders.get(gpu) === task) holders.delete(gpu);
      continue;
    }
    if (started.has(task)) doubled.push(`${task} started twice`);
    started.add(task);
    open.add(task);
    for (const gpu of gpus) {
      const holder = holders.get(gpu);
      if (holder !== undefined) doubled.push(`${gpu} held by ${holder} and ${task}`);
      holders.set(gpu, task);
    }
  }
  return { doubled, open, started };
}
