/**
 * One task that was started or found again: how its end is noticed, proved and written down. All ways to an end (an
 * answer of the starter, a run file that changed, a look at the process table) meet in one place, which acts once.
 */
import type { TaskKey } from '../../../proto/domain/ids.ts';
import { toClusterError } from '../../../proto/errors/cluster-error.ts';
import type { DriverExit, StartedTask } from '../../core/driver-port.ts';
import { clearGroups, countOomKills, killGroup } from './cgroup.ts';
import { isLive, type ProcStat } from './proc-stat.ts';
import type { ProcessHost } from './process-host.ts';
import type { ProcessIdentity } from './process-table.ts';
import { type ExitStatus, toExitStatus } from './run-file.ts';
import type { TaskRecord, TaskStore } from './task-store.ts';

/** Pauses between two rounds of killing what is left; the last repeats (a process may hang in the kernel). */
const KILL_PAUSES_MS = [2, 5, 10, 20, 50, 100, 250, 500];

export interface TaskRun {
  readonly key: TaskKey;
  readonly record: TaskRecord;
  readonly started: StartedTask;
  /** Resolves once nothing of the task is left; never rejects. */
  readonly ended: Promise<DriverExit>;
  /** The environment it was started with; absent after an adoption, as it is never on disk. */
  readonly env: ReadonlyMap<string, string> | undefined;
  exit(): DriverExit | undefined;
  main(): ProcStat | undefined;
  /** The wrapper's answer: its status, or undefined when it can no longer answer. */
  onWrapperExit(status: number | undefined): void;
  /** Looks at files and processes. Cheap while the task runs. */
  look(): Promise<void>;
  /** Signals the process group of the user's program; quietly nothing when it has ended. */
  signalGroup(signal: NodeJS.Signals): Promise<void>;
  /** The user's own first process, as the host numbers it. */
  findMain(): Promise<ProcStat | undefined>;
  /** SIGKILL for everything but the wrapper, which then writes down how it ended. */
  kill(): Promise<void>;
}

export interface TaskRunParts {
  readonly host: ProcessHost;
  readonly store: TaskStore;
  readonly key: TaskKey;
  readonly record: TaskRecord;
  readonly main?: ProcStat;
  readonly env?: ReadonlyMap<string, string>;
}

/** `NABLA_TASK` names the task in the environment of all its processes, which finds those that left its session. */
export function toMarker(hostId: string, record: TaskRecord): string {
  return `NABLA_TASK=${hostId}/${record.name}`;
}

export function createTaskRun({ host, store, key, record, main: mainAtStart, env }: TaskRunParts): TaskRun {
  const { options, table } = host;
  const { clock, log } = options;
  const groups = record.limited ? host.cgroups : undefined;
  let main = mainAtStart;
  let exit: DriverExit | undefined;
  let ending = false;
  let missedLooks = 0;
  let settle: (exit: DriverExit) => void = () => {};
  const ended = new Promise<DriverExit>((resolve) => {
    settle = resolve;
  });

  const pause = (ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve));
  const identity = (stat: ProcStat): ProcessIdentity => ({
    pid: stat.pid,
    startTicks: stat.startTicks,
    bootId: record.bootId,
  });
  const isMainAlive = async (): Promise<boolean> =>
    main !== undefined && (await table.isAlive(identity(main)));
  const findLeft = (): Promise<readonly ProcStat[]> =>
    table.findMarked({ sessionId: main?.sessionId ?? -1, marker: toMarker(options.hostId, record) });

  const kill = async (): Promise<void> => {
    if (groups !== undefined) await killGroup(groups, record.name);
    // The main process may stand outside the group for the blink between its start and its joining.
    if (main !== undefined && (await isMainAlive())) sendSignal(main.pid, 'SIGKILL');
    if (groups === undefined) for (const { pid } of await findLeft()) sendSignal(pid, 'SIGKILL');
  };
  const clear = async (): Promise<void> => {
    if (groups !== undefined) return await clearGroups(groups, record.name, clock);
    if (record.bootId !== (await table.bootId())) return;
    for (let round = 0; ; round++) {
      const left = await findLeft();
      if (left.length === 0) return;
      for (const { pid } of left) sendSignal(pid, 'SIGKILL');
      await pause(KILL_PAUSES_MS[Math.min(round, KILL_PAUSES_MS.length - 1)] ?? 500);
    }
  };

  const finish = async (
    status: ExitStatus,
    facts: { oom: boolean; written: boolean; atMs: number },
  ): Promise<void> => {
    const failed = status.code !== 0;
    let outOfMemory = facts.oom;
    if (failed && !outOfMemory && groups !== undefined) {
      outOfMemory = (await countOomKills(groups, record.name)) > 0;
      if (outOfMemory && facts.written) await store.noteOutOfMemory(key);
    }
    await clear();
    if (!facts.written) await store.writeExit(key, status.signal);
    if (!facts.written && outOfMemory) await store.noteOutOfMemory(key);
    exit = { ...status, outOfMemory, finishedAtMs: facts.atMs };
    settle(exit);
  };
  const end = (status: ExitStatus, facts: { oom: boolean; written: boolean; atMs: number }): void => {
    if (ending) return;
    ending = true;
    void finish(status, facts).catch((error: unknown) => {
      // Not proved, so not ended: the next look tries again.
      ending = false;
      log.warn('end of a task could not be proved', { task: record.name, error: toClusterError(error).code });
    });
  };
  const endFromFile = async (): Promise<boolean> => {
    const file = await store.readRun(key);
    main ??= file?.main;
    if (file?.status === undefined) return false;
    end(file.status, { oom: file.outOfMemory, written: true, atMs: file.writtenAtMs });
    return true;
  };

  return {
    key,
    record,
    env,
    ended,
    started: { containerId: `process:${record.name}`, startedAtMs: record.startedAtMs, ports: record.ports },
    exit: () => exit,
    main: () => main,
    onWrapperExit(status) {
      const atMs = clock.nowMs();
      if (status === undefined) return;
      // Statuses beyond 128 may stand for a signal: what the shell said about it is in the run file.
      if (status <= 128) end(toExitStatus(status, false), { oom: false, written: true, atMs });
      else void endFromFile();
    },
    async look() {
      if (ending || (await isMainAlive())) return;
      if (await endFromFile()) return;
      // No process and no status: the wrapper was killed too, or the host was restarted. Twice, because the wrapper
      // may be about to write.
      if (record.bootId === (await table.bootId())) {
        const wrapper = main === undefined ? undefined : await table.stat(main.sessionId);
        const gone = wrapper === undefined || wrapper.sessionId !== main?.sessionId || !isLive(wrapper);
        missedLooks = gone ? missedLooks + 1 : 0;
        if (missedLooks < 2) return;
      }
      end({ signal: 9 }, { oom: false, written: false, atMs: clock.nowMs() });
    },
    async signalGroup(signal) {
      if (main === undefined || !(await isMainAlive())) return;
      if (!record.viewed) return sendSignal(-main.groupId, signal);
      // Bubblewrap's first process inside leads a session of its own; the one outside is not to be disturbed.
      for (const { pid, groupId } of await table.children(main.pid))
        if (pid === groupId) sendSignal(-pid, signal);
    },
    async findMain() {
      if (main === undefined || !(await isMainAlive())) return undefined;
      if (!record.viewed) return main;
      const [inner] = await table.children(main.pid);
      return inner === undefined ? undefined : (await table.children(inner.pid))[0];
    },
    kill,
  };
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended between the look and the signal; whoever waits for its end will see that.
  }
}
