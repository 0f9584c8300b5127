/**
 * What the kernel says about processes, read from /proc without blocking. A process is only ever signalled after
 * its start time was compared, so a number that was given to somebody else is never hit.
 */
import { readdir, readFile } from 'node:fs/promises';
import { createCensus } from './census.ts';
import { isLive, type ProcStat, parseProcStat } from './proc-stat.ts';

/** Names one process for ever: the number alone is given out again. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTicks: string;
  readonly bootId: string;
}

export interface TaskMarks {
  /** Session that the task's wrapper leads. */
  readonly sessionId: number;
  /** `NABLA_TASK=…` as it stands in the environment of every process of the task that did not remove it. */
  readonly marker: string;
  /** For a task that began moments ago: only numbers given out after this one are looked at. */
  readonly newerThanPid?: number;
}

/** Name of the variable that marks the processes of tasks. */
export const MARK = 'NABLA_TASK=';

/** Environment blocks longer than this are not searched; the kernel caps them near 2 MiB by default. */
const ENVIRON_BYTES_MAX = 4 * 1024 * 1024;

export interface ProcessTable {
  bootId(): Promise<string>;
  /** undefined when there is no such process (any more). */
  stat(pid: number): Promise<ProcStat | undefined>;
  isAlive(identity: ProcessIdentity): Promise<boolean>;
  /** Live processes of a task, by session or by environment; the wrapper itself is left out. */
  findMarked(marks: TaskMarks): Promise<readonly ProcStat[]>;
  /** Live processes whose parent is `pid`. */
  children(pid: number): Promise<readonly ProcStat[]>;
  /** The initial environment of a process; undefined when it may not be read. */
  environment(pid: number): Promise<ReadonlyMap<string, string> | undefined>;
}

export function createProcessTable(root = '/proc'): ProcessTable {
  const readText = async (path: string): Promise<string | undefined> => {
    try {
      return await readFile(`${root}/${path}`, 'latin1');
    } catch {
      // The process ended, or belongs to somebody else: both mean that it is not ours to count.
      return undefined;
    }
  };
  const stat = async (pid: number): Promise<ProcStat | undefined> => {
    const text = await readText(`${pid}/stat`);
    return text === undefined ? undefined : parseProcStat(text);
  };
  const pids = async (): Promise<readonly number[]> =>
    (await readdir(root)).filter((name) => /^\d+$/.test(name)).map(Number);
  const census = createCensus({
    pids,
    stat,
    lastPid: async () => Number((await readText('loadavg'))?.trim().split(' ').at(-1) ?? 0),
    async mark(pid) {
      const text = await readText(`${pid}/environ`);
      return text === undefined || text.length > ENVIRON_BYTES_MAX ? '' : findMark(text);
    },
  });
  return {
    ...createRoll(async () => (await readText('sys/kernel/random/boot_id')) ?? '', stat),
    async findMarked({ sessionId, marker, newerThanPid }) {
      const counted = await census.count(newerThanPid);
      return counted
        .filter(
          ({ stat: { pid, sessionId: of }, mark }) =>
            pid !== sessionId && (of === sessionId || mark === marker),
        )
        .map(({ stat }) => stat);
    },
    async children(parent) {
      const found: ProcStat[] = [];
      for (const pid of await pids()) {
        const one = await stat(pid);
        if (one !== undefined && isLive(one) && one.parentPid === parent) found.push(one);
      }
      return found;
    },
    async environment(pid) {
      try {
        return parseEnvironment(await readFile(`${root}/${pid}/environ`, 'utf8'));
      } catch {
        return undefined;
      }
    },
  };
}

/** What is asked of every table in the same way. The boot is read once: an agent lives in one. */
export function createRoll(
  readBoot: () => Promise<string>,
  stat: ProcessTable['stat'],
): Pick<ProcessTable, 'bootId' | 'stat' | 'isAlive'> {
  let boot: Promise<string> | undefined;
  const bootId = (): Promise<string> => {
    boot ??= readBoot().then((text) => text.trim());
    return boot;
  };
  return {
    bootId,
    stat,
    async isAlive(identity) {
      if (identity.bootId !== (await bootId())) return false;
      const found = await stat(identity.pid);
      return found !== undefined && found.startTicks === identity.startTicks && isLive(found);
    },
  };
}

/** The mark in an environment block; empty without. */
function findMark(text: string): string {
  const at = text.startsWith(MARK) ? 0 : text.indexOf(`\0${MARK}`) + 1;
  if (!text.startsWith(MARK, at)) return '';
  const end = text.indexOf('\0', at);
  return text.slice(at, end === -1 ? undefined : end);
}

function parseEnvironment(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const entry of text.split('\0')) {
    const at = entry.indexOf('=');
    if (at > 0) found.set(entry.slice(0, at), entry.slice(at + 1));
  }
  return found;
}
