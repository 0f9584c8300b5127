/**
 * What the machine says about processes that are gone: whether it was restarted, whether it killed one for want of
 * memory, and whether a process number still means the same process. Linux tells all three; elsewhere they are unknown.
 */
import { readFileSync } from 'node:fs';

export interface MachineFacts {
  /** Of this start of the machine; empty: unknown. */
  bootId(): string;
  /** Processes killed for want of memory since the machine started; 0: none, or unknown. */
  memoryKills(): number;
  /** Tells a process from a later one of the same number; empty: not known. Undefined: there is none. */
  birthOf(pid: number): string | undefined;
}

export const MACHINE_FACTS: MachineFacts = {
  bootId: () => readKernelText('/proc/sys/kernel/random/boot_id').trim(),
  memoryKills: () => Number(/^oom_kill (\d{1,15})$/m.exec(readKernelText('/proc/vmstat'))?.[1] ?? 0),
  birthOf(pid) {
    if (!isAlive(pid)) return undefined;
    // The command's name, in brackets, may hold anything; field 22 is counted from its end.
    const text = readKernelText(`/proc/${pid}/stat`);
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  },
};

/** These files lie in memory and are read at once, so nothing waits. */
function readKernelText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Another system, or a sandbox that hides it: unknown is an answer here.
    return '';
  }
}

function isAlive(pid: number): boolean {
  if (pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
