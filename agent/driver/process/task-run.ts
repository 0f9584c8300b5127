/**
 * One task that was started or found again: how its end is noticed, proved and written down. All ways to an end (an
 * answer of the starter, a run file that changed, a look at the process table) meet in one place, which acts once.
 */
import type { TaskKey } from '../../../proto/domain/ids.ts';
import { toClusterError } from '../../../proto/errors/cluster-error.ts';
import type { DriverExit, StartedTask } from '../../core/driver-port.ts';
import { type CgroupRoot, clearGroups, countOomKills, isEmpty, killGroup, listProcesses } from './cgroup.ts';
import { isLive, type ProcStat } from './proc-stat.ts';
import type { ProcessHost } from './process-host.ts';
import { MARK } from './process-table.ts';
import { type ExitStatus, type TaskRecord, toExitStatus, toWrapper, UNKNOWN_START } from './run-file.ts';
import type { WrapperExit } from './starter.ts';
import type { TaskStore } from './task-store.ts';

/** Pauses between two rounds of killing what is left; the last repeats (a process may hang in the kernel). */
const KILL_PAUSES_MS = [2, 5, 10, 20, 50, 100, 250, 500];

/** How long a view is given to be set up when somebody wants to reach what is inside. */
const INNER_ROUNDS_MAX = 500;
const INNER_PAUSE_MS = 10;

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
  /** The wrapper's answer; undefined when it can no longer answer. */
  onWrapperExit(exit: WrapperExit | undefined): void;
  /** A command was run in the task: its control group is not used again, as the command may still be joining. */
  noteExec(): void;
  /** Whether the wrapper saw at the end that nothing was written to the stream. */
  isKnownEmpty(stream: 'stdout' | 'stderr'): boolean;
  /** Looks at files and processes. Cheap while the task runs. */
  look(): Promise<void>;
  /** Signals the process group of the user's program; quietly nothing when it has ended. */
  signalGroup(signal: NodeJS.Signals): Promise<void>;
  /** The user's own first process, as the host numbers it; undefined when it has ended. */
  findMain(): Promise<ProcStat | undefined>;
  findInner(): Promise<Inner | undefined>;
  /** SIGKILL for everything but the wrapper, which then writes down how it ended. */
  kill(): Promise<void>;
}

/** The user's side of a running task. */
export interface Inner {
  readonly main: ProcStat;
  /** First process in the task's namespaces; `main` itself when it has none of its own. */
  readonly first: ProcStat;
  /** Process group of the task's own processes. */
  readonly groupId: number;
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
export function toMarker(hostId: string, taskName: string): string {
  return `${MARK}${hostId}/${taskName}`;
}

/** What is known about an end besides the status. */
interface EndFacts {
  readonly outOfMemory: boolean;
  /** The run file has the status. */
  readonly written: boolean;
  readonly atMs: number;
  /** Present when the wrapper itself said so. */
  readonly wrapper?: WrapperExit;
}

/** Processes that are ending are waited for this long in all. */
const ENDING_PAUSES_MS = [1, 2, 4, 8];

/** ps tells whole seconds, and a busy host starts late. */
const START_TOLERANCE_MS = 90_000;

/** A wrapper names the main process right after its record, but a busy host may keep it waiting in between. */
const MAIN_NAMED_MS = 10_000;

/** A task that began this recently has only processes with newer numbers, however fast numbers are given out. */
const RECENT_MS = 2000;

export function createTaskRun(parts: TaskRunParts): TaskRun {
  return new TaskRunState(parts);
}

class TaskRunState implements TaskRun {
  readonly key: TaskKey;
  readonly record: TaskRecord;
  readonly env: ReadonlyMap<string, string> | undefined;
  readonly started: StartedTask;
  readonly ended: Promise<DriverExit>;
  readonly #host: ProcessHost;
  readonly #store: TaskStore;
  readonly #groups: CgroupRoot | undefined;
  #settle: (exit: DriverExit) => void = () => {};
  #main: ProcStat | undefined;
  #exit: DriverExit | undefined;
  #wrapper: WrapperExit | undefined;
  #ending = false;
  #missedLooks = 0;
  #looking: Promise<void> | undefined;
  /** How long the run file had not been written to when it was last read. */
  #silentMs = 0;
  #hadExec = false;
  #killed = false;
  #groupGivenBack = false;

  constructor({ host, store, key, record, main, env }: TaskRunParts) {
    this.key = key;
    this.record = record;
    this.env = env;
    this.started = {
      containerId: `process:${record.name}`,
      startedAtMs: record.startedAtMs,
      ports: record.ports,
    };
    this.ended = new Promise<DriverExit>((resolve) => {
      this.#settle = resolve;
    });
    this.#host = host;
    this.#store = store;
    this.#main = this.#toSeen(main);
    this.#groups = record.group === '' ? undefined : host.cgroups;
  }

  exit(): DriverExit | undefined {
    return this.#exit;
  }

  main(): ProcStat | undefined {
    return this.#main;
  }

  noteExec(): void {
    this.#hadExec = true;
  }

  isKnownEmpty(stream: 'stdout' | 'stderr'): boolean {
    return this.#wrapper !== undefined && !this.#wrapper[stream] && this.#isAlone(this.#wrapper);
  }

  onWrapperExit(wrapper: WrapperExit | undefined): void {
    if (wrapper === undefined) return;
    this.#wrapper = wrapper;
    const atMs = this.#host.options.clock.nowMs();
    const facts = { outOfMemory: false, written: true, atMs, wrapper };
    // Statuses beyond 128 may stand for a signal: what the shell said about it is in the run file.
    if (wrapper.status <= 128) this.#end(toExitStatus(wrapper.status, this.record.viewed), facts);
    else void this.#endFromFile(wrapper).catch(() => this.look());
  }

  /** One at a time: two looks at once would count one moment twice. */
  look(): Promise<void> {
    this.#looking ??= this.#lookOnce().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #lookOnce(): Promise<void> {
    if (this.#ending || (await this.#isMainAlive())) return;
    if (await this.#endFromFile()) return;
    if (this.#isBeginning()) return;
    // No process and no status: the wrapper was killed too, or the host was restarted. Twice, because the wrapper
    // may be about to write.
    if (this.record.bootId === (await this.#host.table.bootId())) {
      this.#missedLooks = (await this.#isWrapperAlive()) ? 0 : this.#missedLooks + 1;
      if (this.#missedLooks < 2) return;
    }
    this.#end({ signal: 9 }, { outOfMemory: false, written: false, atMs: this.#host.options.clock.nowMs() });
  }

  async signalGroup(signal: NodeJS.Signals): Promise<void> {
    const inner = await this.findInner();
    if (inner !== undefined) sendSignal(-inner.groupId, signal);
  }

  async findMain(): Promise<ProcStat | undefined> {
    return (await this.findInner())?.main;
  }

  async findInner(): Promise<Inner | undefined> {
    const { table, options } = this.#host;
    for (let round = 0; ; round++) {
      const outer = this.#main;
      if (outer === undefined || !(await this.#isMainAlive())) return undefined;
      if (!this.record.viewed) {
        // Where there is no /proc the wrapper stands for the program, which is its child.
        const main = isWrapper(outer) ? (await table.children(outer.pid))[0] : outer;
        return main === undefined ? undefined : { main, first: main, groupId: outer.groupId };
      }
      // Bubblewrap starts a first process in the new namespaces, leader of a session, and that one the command. A
      // signal sent while the command is not there yet would be lost on the first process, which ignores it.
      const [first] = await table.children(outer.pid);
      const [main] = first === undefined ? [] : await table.children(first.pid);
      if (first !== undefined && main !== undefined) return { main, first, groupId: first.pid };
      if (round >= INNER_ROUNDS_MAX) return undefined;
      await new Promise<void>((resolve) => void options.clock.after(INNER_PAUSE_MS, resolve));
    }
  }

  async kill(): Promise<void> {
    if (this.record.bootId !== (await this.#host.table.bootId())) return;
    // Both marks are set without a pause between look and mark: a group that is being killed is never given to
    // another task, and one that was given away is never killed.
    if (this.#groupGivenBack) return;
    this.#killed = true;
    if (this.#groups !== undefined) await killGroup(this.#groups, this.record.group);
    // The main process may stand outside the group for the blink between its start and its joining.
    const main = this.#main;
    if (main !== undefined && !isWrapper(main) && (await this.#isMainAlive()))
      sendSignal(main.pid, 'SIGKILL');
    if (this.#groups === undefined) for (const { pid } of await this.#findLeft()) sendSignal(pid, 'SIGKILL');
  }

  #end(status: ExitStatus, facts: EndFacts): void {
    if (this.#ending) return;
    this.#ending = true;
    void this.#finish(status, facts).catch((error: unknown) => {
      // Not proved, so not ended: the next look tries again.
      this.#ending = false;
      const { code } = toClusterError(error);
      this.#host.options.log.warn('end of a task could not be proved', {
        task: this.record.name,
        error: code,
      });
    });
  }

  async #endFromFile(wrapper?: WrapperExit): Promise<boolean> {
    // Before the reading: an agent may be frozen for long between the two.
    const readAtMs = this.#host.options.clock.nowMs();
    const file = await this.#store.read(this.key);
    this.#main ??= this.#toSeen(file?.main);
    this.#silentMs = readAtMs - (file?.writtenAtMs ?? 0);
    if (file?.status === undefined) return false;
    const { outOfMemory, writtenAtMs: atMs } = file;
    // Bubblewrap passes a signal on as a status, as container engines do, and no shell says more.
    const code = file.status.code ?? 0;
    const status = this.record.viewed && code > 128 ? toExitStatus(code, true) : file.status;
    this.#end(status, { outOfMemory, written: true, atMs, ...(wrapper === undefined ? {} : { wrapper }) });
    return true;
  }

  async #finish(status: ExitStatus, facts: EndFacts): Promise<void> {
    let { outOfMemory } = facts;
    if (status.code !== 0 && !outOfMemory && this.#groups !== undefined) {
      outOfMemory = (await countOomKills(this.#groups, this.record.group)) > 0;
      if (outOfMemory && facts.written) await this.#store.noteOutOfMemory(this.key);
    }
    await this.#clear(facts.wrapper, outOfMemory);
    if (!facts.written) await this.#store.writeExit(this.key, status.signal);
    if (!facts.written && outOfMemory) await this.#store.noteOutOfMemory(this.key);
    this.#exit = { ...status, outOfMemory, finishedAtMs: facts.atMs };
    this.#settle(this.#exit);
  }

  /** Resolves once no process of the task is left. */
  async #clear(wrapper: WrapperExit | undefined, outOfMemory: boolean): Promise<void> {
    const { clock } = this.#host.options;
    // Nothing outlives its boot, and names of groups may be given again in another one.
    if (this.record.bootId !== (await this.#host.table.bootId())) return;
    if (this.#groups !== undefined) {
      const { group } = this.record;
      const empty = wrapper !== undefined && (await this.#becomesEmpty(this.#groups, wrapper));
      if (empty && !outOfMemory && !this.#hadExec && !this.#killed) {
        this.#groupGivenBack = true;
        return this.#host.pool?.giveBack(group, wrapper.memoryBytesLeft);
      }
      return await clearGroups(this.#groups, group, clock);
    }
    if (wrapper !== undefined && this.#isAlone(wrapper)) return;
    for (let round = 0; ; round++) {
      const left = await this.#findLeft();
      if (left.length === 0) return;
      for (const { pid } of left) sendSignal(pid, 'SIGKILL');
      const pauseMs = KILL_PAUSES_MS[Math.min(round, KILL_PAUSES_MS.length - 1)] ?? 500;
      await new Promise<void>((resolve) => void clock.after(pauseMs, resolve));
    }
  }

  /**
   * Whether the wrapper's answer already proves that nothing is left: a control group that nothing is charged to, or
   * the end of a view that was not cut short.
   */
  #isAlone(wrapper: WrapperExit): boolean {
    if (this.#groups !== undefined) return !wrapper.processesLeft;
    return this.record.viewed && wrapper.status <= 128 && !this.#killed && !this.#hadExec;
  }

  /** What is ending already gets a moment: a group that is left clean can be used again. */
  async #becomesEmpty(groups: CgroupRoot, wrapper: WrapperExit): Promise<boolean> {
    if (this.#isAlone(wrapper)) return true;
    for (const pauseMs of [0, ...ENDING_PAUSES_MS]) {
      if (pauseMs > 0)
        await new Promise<void>((resolve) => void this.#host.options.clock.after(pauseMs, resolve));
      if (await isEmpty(groups, this.record.group)) return true;
      if ((await listProcesses(groups, this.record.group)).length > 0) return false;
    }
    return false;
  }

  async #isMainAlive(): Promise<boolean> {
    const main = this.#main;
    if (main === undefined) return false;
    const { pid } = main;
    const startTicks = main.startTicks === UNKNOWN_START ? await this.#findStart(pid) : main.startTicks;
    return await this.#host.table.isAlive({ pid, startTicks, bootId: this.record.bootId });
  }

  /** The wrapper has taken the file, and not yet written which process is the main one: it may be about to. */
  #isBeginning(): boolean {
    return this.#main === undefined && this.#silentMs >= 0 && this.#silentMs < MAIN_NAMED_MS;
  }

  #toSeen(main: ProcStat | undefined): ProcStat | undefined {
    return main !== undefined && this.#host.byPs ? toWrapper(main.sessionId) : main;
  }

  /** Without /proc the wrapper cannot say when it began; the record says when it was to begin. */
  async #findStart(pid: number): Promise<string> {
    const found = await this.#host.table.stat(pid);
    const lateMs = Number(found?.startTicks ?? 0) * 1000 - this.record.startedAtMs;
    return found !== undefined && Math.abs(lateMs) < START_TOLERANCE_MS ? found.startTicks : UNKNOWN_START;
  }

  /** A process that has the wrapper's number but began after the task's program is somebody else. */
  async #isWrapperAlive(): Promise<boolean> {
    const main = this.#main;
    const wrapper = main === undefined ? undefined : await this.#host.table.stat(toWrapperPid(main));
    if (main === undefined || wrapper === undefined || !isLive(wrapper)) return false;
    if (main.startTicks === UNKNOWN_START) return await this.#isMainAlive();
    return wrapper.sessionId === main.sessionId && Number(wrapper.startTicks) <= Number(main.startTicks);
  }

  /**
   * Live processes of the task: by the mark in their environment, and by session while that number is surely the
   * task's: its leader lives, or has just told its end.
   */
  async #findLeft(): Promise<readonly ProcStat[]> {
    const { hostId, clock } = this.#host.options;
    const ours = this.#wrapper !== undefined || (await this.#isWrapperAlive());
    const wrapperPid = ours && this.#main !== undefined ? toWrapperPid(this.#main) : undefined;
    // A session that the wrapper does not lead is other tasks' too.
    const sessionId = wrapperPid === this.#main?.sessionId ? wrapperPid : undefined;
    const ageMs = clock.nowMs() - this.record.startedAtMs;
    const recent = wrapperPid !== undefined && ageMs >= 0 && ageMs < RECENT_MS;
    return await this.#host.table.findMarked({
      sessionId: sessionId ?? -1,
      marker: toMarker(hostId, this.record.name),
      ...(recent ? { newerThanPid: wrapperPid } : {}),
    });
  }
}

/** The wrapper forked what became the program, and may lead a session or not. */
function toWrapperPid(main: ProcStat): number {
  return isWrapper(main) ? main.pid : main.parentPid;
}

function isWrapper(main: ProcStat): boolean {
  return main.pid === main.sessionId;
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended between the look and the signal; whoever waits for its end will see that.
  }
}
