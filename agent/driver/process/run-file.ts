/**
 * What the wrapper leaves behind in a task's run file: the record it was given, who the main process is, and later
 * how it ended. Pure. A line counts only when its newline is there, so a half-written file says nothing rather than
 * something wrong. Nothing secret is in it: no environment, no command.
 */
import { constants } from 'node:os';
import type { PortMapping } from '../../../proto/domain/job.ts';
import type { Mount } from '../../core/driver-port.ts';
import { type ProcStat, parseProcStat } from './proc-stat.ts';

/** What a later agent must know to look after the task; the first line, as JSON. */
export interface TaskRecord {
  readonly version: 1;
  readonly name: string;
  readonly driverFolder: string;
  readonly bootId: string;
  readonly startedAtMs: number;
  readonly ports: readonly PortMapping[];
  /** Inside bubblewrap. */
  readonly viewed: boolean;
  /** Name of its control groups; empty without. */
  readonly group: string;
  readonly workingDirectory: string;
  readonly mounts: readonly Mount[];
}

export interface RunFile {
  /** Absent when the start was called off, or cut short by a crash. */
  readonly record?: TaskRecord;
  /** Of the main process; absent when the wrapper did not get that far. */
  readonly main?: ProcStat;
  readonly status?: ExitStatus;
  /** What shells said meanwhile: why a start failed. */
  readonly text: string;
  /** A driver took the file before any wrapper did. */
  readonly calledOff: boolean;
  /** Noted by a driver before the control group with the kernel's own count went away. */
  readonly outOfMemory: boolean;
}

export interface ExitStatus {
  readonly code?: number;
  /** 0 when none. */
  readonly signal: number;
}

/** Content with which a driver takes the run file away from a wrapper that has not begun. */
export const CALLED_OFF = 'called-off\n';

/** Shells say nothing when these end a command, so the status alone must tell. */
const SILENT_SIGNALS: readonly number[] = [constants.signals.SIGINT, constants.signals.SIGPIPE];
const SIGNAL_MAX = 64;
/** Start of a process where the wrapper could not learn it. */
export const UNKNOWN_START = '0';

/** Never throws. */
export function parseRunFile(content: string): RunFile {
  const lines = content.split('\n');
  lines.pop();
  const record = parseRecord(lines[0] ?? '');
  if (record === undefined) return { text: '', outOfMemory: false, calledOff: content === CALLED_OFF };
  const main = parseMainLine(lines[1] ?? '');
  const facts = new Map<string, number>();
  const said: string[] = [];
  for (const line of lines.slice(main === undefined ? 1 : 2)) {
    const fact = /^(exit|signal|oom)=(\d{1,3})$/.exec(line);
    if (fact === null) said.push(line);
    else facts.set(fact[1] ?? '', Number(fact[2]));
  }
  const text = said.join('\n');
  const status = facts.get('exit');
  const signal = facts.get('signal');
  return {
    record,
    text,
    calledOff: false,
    outOfMemory: facts.has('oom'),
    ...(main === undefined ? {} : { main }),
    ...(signal === undefined ? {} : { status: { signal } }),
    ...(status === undefined ? {} : { status: toExitStatus(status, text !== '') }),
  };
}

function parseRecord(line: string): TaskRecord | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const record = JSON.parse(line) as TaskRecord;
    return record.version === 1 ? record : undefined;
  } catch {
    // Cut short by a crash of the host: nothing of that boot runs any more.
    return undefined;
  }
}

/**
 * `WRAPPER_PID STAT`: the wrapper leads session and group. Where there is no /proc, the wrapper stands for the main
 * process, which it outlives by a moment only.
 */
export function parseMainLine(line: string): ProcStat | undefined {
  const match = /^(\d+) (.*)$/.exec(line);
  if (match === null) return undefined;
  return parseProcStat(match[2] ?? '') ?? toWrapper(Number(match[1]));
}

/** The wrapper as far as its number tells; when it began is not known. */
export function toWrapper(pid: number): ProcStat {
  return { pid, state: 'S', parentPid: 1, groupId: pid, sessionId: pid, startTicks: UNKNOWN_START };
}

/** `said`: the shell wrote a message, as it does when a signal ended the command. */
export function toExitStatus(shellStatus: number, said: boolean): ExitStatus {
  const signal = shellStatus - 128;
  if (signal > 0 && signal <= SIGNAL_MAX && (said || SILENT_SIGNALS.includes(signal))) return { signal };
  return { code: shellStatus, signal: 0 };
}
