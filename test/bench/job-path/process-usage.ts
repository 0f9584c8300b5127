/**
 * CPU time and resident memory of other processes, from /proc: what resists the noise of a shared machine.
 */
import { readFileSync } from 'node:fs';

/** Clock ticks per second of /proc/PID/stat; fixed at 100 on Linux for user space (proc(5), USER_HZ). */
const TICKS_PER_SECOND = 100;

/** User plus system time of the process and of the children it has reaped, milliseconds. */
export function cpuMsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The command name may hold spaces and parentheses: fields are counted after its last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = [11, 12, 13, 14].reduce((sum, i) => sum + Number(fields[i]), 0);
  return (ticks * 1000) / TICKS_PER_SECOND;
}

/** Resident set, MiB. */
export function residentMibOf(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  if (match === null) throw new Error(`no VmRSS for process ${pid}`);
  return Number(match[1]) / 1024;
}
