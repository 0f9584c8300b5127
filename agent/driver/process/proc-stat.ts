/**
 * Reading one line of /proc/PID/stat. Pure and apart, because the command name inside it may hold any byte and
 * must not shift the other fields.
 */

export interface ProcStat {
  readonly pid: number;
  /** One letter; `Z` and `X` are dead already. */
  readonly state: string;
  readonly parentPid: number;
  readonly groupId: number;
  readonly sessionId: number;
  /** Clock ticks from boot to the start of the process: with pid and boot id a name that never recurs. */
  readonly startTicks: string;
}

/** Fields 1, 3-6 and 22 of proc_pid_stat(5); undefined when the text is not such a line. Never throws. */
export function parseProcStat(line: string): ProcStat | undefined {
  // The name may hold spaces, parentheses and newlines, so the last ')' ends it.
  const open = line.indexOf(' (');
  const close = line.lastIndexOf(') ');
  if (open < 1 || close < open) return undefined;
  const pid = Number(line.slice(0, open));
  const fields = line.slice(close + 2).split(' ');
  const [state, parent, group, session] = fields;
  const startTicks = fields[19];
  if (!Number.isInteger(pid) || pid < 1 || state === undefined || startTicks === undefined) return undefined;
  if (!/^\d+$/.test(startTicks)) return undefined;
  return {
    pid,
    state,
    parentPid: Number(parent),
    groupId: Number(group),
    sessionId: Number(session),
    startTicks,
  };
}

/** Whether the process can still do something; a zombie only waits to be counted. */
export function isLive(stat: ProcStat): boolean {
  return stat.state !== 'Z' && stat.state !== 'X' && stat.state !== 'x';
}
