/**
 * Looks at all processes of the host on behalf of many tasks at once. Reading /proc costs milliseconds on a busy host,
 * so whoever asks during one look shares the next one, and processes that have long been somebody else's are not
 * opened again.
 */
import { isLive, type ProcStat } from './proc-stat.ts';

export interface Counted {
  readonly stat: ProcStat;
  /** `NABLA_TASK=…` as it stands in its environment; empty without. */
  readonly mark: string;
}

export interface CensusSource {
  pids(): Promise<readonly number[]>;
  /** Number of the process that was started last. */
  lastPid(): Promise<number>;
  stat(pid: number): Promise<ProcStat | undefined>;
  mark(pid: number): Promise<string>;
}

export interface Census {
  /** Every live process; with `newerThanPid` at least those whose number was given out after that one. */
  count(newerThanPid?: number): Promise<readonly Counted[]>;
}

/** A process may become a task's by exec until it is this many looks old; then what it is not it never will be. */
const STRANGER_LOOKS = 20;
/** Remembered strangers; all are forgotten beyond that. */
const STRANGERS_MAX = 65_536;

interface Round {
  readonly done: Promise<readonly Counted[]>;
  /** 0 asks for all. */
  newerThanPid: number;
}

export function createCensus(source: CensusSource): Census {
  const strangers = new Map<string, number>();
  let running: Promise<unknown> | undefined;
  let next: Round | undefined;

  const look = async (round: Round): Promise<readonly Counted[]> => {
    if (strangers.size > STRANGERS_MAX) strangers.clear();
    const counted: Counted[] = [];
    for (const pid of await candidates(source, round.newerThanPid)) {
      const stat = await source.stat(pid);
      if (stat === undefined || !isLive(stat)) continue;
      const name = `${pid} ${stat.startTicks}`;
      const looks = strangers.get(name) ?? 0;
      const mark = looks >= STRANGER_LOOKS ? '' : await source.mark(pid);
      if (mark === '') strangers.set(name, Math.min(looks + 1, STRANGER_LOOKS));
      counted.push({ stat, mark });
    }
    return counted;
  };
  const schedule = (): Round => {
    const before = running ?? Promise.resolve();
    const round: Round = {
      newerThanPid: Number.POSITIVE_INFINITY,
      done: before.then(async () => {
        // From here on newcomers share the look after this one, since this one may have passed their processes.
        if (next === round) next = undefined;
        return await look(round);
      }),
    };
    running = round.done.catch(() => undefined);
    return round;
  };
  return {
    count(newerThanPid = 0) {
      next ??= schedule();
      next.newerThanPid = Math.min(next.newerThanPid, newerThanPid);
      return next.done;
    },
  };
}

/** Numbers rise until they wrap; the last one given out tells which of the two it is. */
async function candidates(source: CensusSource, newerThanPid: number): Promise<readonly number[]> {
  const pids = await source.pids();
  if (newerThanPid === 0) return pids;
  const last = await source.lastPid();
  const wrapped = last < newerThanPid;
  return pids.filter((pid) => pid > newerThanPid || (wrapped && pid <= last));
}
