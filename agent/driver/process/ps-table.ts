/**
 * The process table where there is no /proc (macOS), by ps(1). It knows groups but neither sessions nor environments:
 * a process that left its task's group is not found. A start time in whole seconds keeps a number that was given out
 * again from being taken for the task's.
 */
import { execFile } from 'node:child_process';
import { isLive, type ProcStat } from './proc-stat.ts';
import { createRoll, type ProcessTable } from './process-table.ts';

const PS_TIMEOUT_MS = 10_000;
const PS_BYTES_MAX = 16 * 1024 * 1024;
const COLUMNS = ['-o', 'pid=', '-o', 'ppid=', '-o', 'pgid=', '-o', 'stat=', '-o', 'lstart='];

export function createPsTable(): ProcessTable {
  const all = async (): Promise<readonly ProcStat[]> =>
    (await run('ps', ['-axww', ...COLUMNS])).split('\n').flatMap((line) => parsePsLine(line) ?? []);
  const stat = async (pid: number): Promise<ProcStat | undefined> =>
    parsePsLine(await run('ps', ['-ww', '-p', String(pid), ...COLUMNS]));
  return {
    ...createRoll(() => run('sysctl', ['-n', 'kern.bootsessionuuid']), stat),
    // The wrapper leads group and session, and both bear its number.
    async findMarked({ sessionId }) {
      const found = await all();
      return found.filter((one) => isLive(one) && one.groupId === sessionId && one.pid !== sessionId);
    },
    async children(parent) {
      return (await all()).filter((one) => isLive(one) && one.parentPid === parent);
    },
    environment: () => Promise.resolve(undefined),
  };
}

/** `PID PPID PGID STAT Mon Nov 23 15:00:00 2026`; undefined for anything else. */
export function parsePsLine(line: string): ProcStat | undefined {
  const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S)\S*\s+(.+?)\s*$/.exec(line.split('\n')[0] ?? '');
  const startedAtMs = Date.parse(match?.[5] ?? '');
  if (match === null || Number.isNaN(startedAtMs)) return undefined;
  const groupId = Number(match[3]);
  return {
    pid: Number(match[1]),
    state: match[4] ?? '',
    parentPid: Number(match[2]),
    groupId,
    sessionId: groupId,
    startTicks: String(startedAtMs / 1000),
  };
}

async function run(file: string, args: readonly string[]): Promise<string> {
  return await new Promise((resolve) => {
    const options = { timeout: PS_TIMEOUT_MS, killSignal: 'SIGKILL', maxBuffer: PS_BYTES_MAX } as const;
    // ps fails when there is no such process, which is an answer.
    execFile(
      file,
      args,
      { ...options, env: { LC_ALL: 'C', PATH: '/usr/bin:/bin:/usr/sbin:/sbin' } },
      (_error, stdout) => resolve(stdout),
    );
  });
}
