/**
 * Whose doing the end of a container was: its own, or that of the engine that ran it. An engine that is stopped ends its
 * containers and still tells how they ended, so what it says of an end is not enough; and one that is merely slow has
 * ended nothing, so its doing must be proven.
 */
import type { Clock } from '../../../proto/ports/index.ts';
import type { DriverTask } from '../../core/driver-port.ts';
import { endedAcrossEngines, mayBeEngines } from './container-state.ts';
import { type Door, type Engine, readStartMs, wasKilledThrough } from './engine.ts';

/** Containers of one kind that are remembered; all of that kind are forgotten beyond that. */
export const REMEMBERED_MAX = 4096;
/**
 * An engine that answers on old connections and opens no new one for so long is not about to end: service managers kill
 * one that takes 90 s for it. Its socket was taken away, or it never gets to the door.
 */
export const ENGINE_END_MAX_MS = 120_000;

export interface EndJudge {
  /** The engine answered, maybe on an old connection: if it was away, it is asked whether it is back. Never rejects. */
  noteAnswer(): Promise<void>;
  /** Nobody listened at its socket. Slowness is not that. */
  noteAway(): void;
  /** A user asked for a signal: what it does is the task's own end. */
  noteSignalled(containerId: string): void;
  /** The container ended just now: was the engine ending its containers? Never rejects; waits a few seconds at most. */
  noteEnd(containerId: string): Promise<void>;
  /**
   * The task with its end told as the engine's where that is proven: by a start of the engine after it, or by a signal
   * sent through it. `unknown` while an engine may be going away, {@link ENGINE_END_MAX_MS} at most. Exit code 0 is
   * always the task's own. @throws ClusterError as of the engine's calls
   */
  judge(task: DriverTask): Promise<DriverTask>;
}

export interface EndJudgeOptions {
  readonly engine: Engine;
  readonly clock: Pick<Clock, 'nowMs' | 'monotonicMs'>;
  /** Of the engine: then it ends no containers when it ends itself. */
  readonly liveRestore: boolean;
}

export function createEndJudge(options: EndJudgeOptions): EndJudge {
  return new EngineEndJudge(options);
}

type EndedTask = Extract<DriverTask, { state: 'exited' }>;

class EngineEndJudge implements EndJudge {
  readonly #options: EndJudgeOptions;
  /** Nobody listened, and then when somebody did again; for engines that do not say when they came up. */
  #isAway = false;
  #backAtMs = 0;
  /** Ends that nothing was said of yet, by when that was first so; on the monotonic clock. */
  readonly #doubtedSince = new Map<string, number>();
  readonly #signalled = new Set<string>();
  /** Seen to end while the engine took no connections: it may have asked them all to end, and a status of theirs obeys. */
  readonly #endedAtShutDoor = new Set<string>();

  constructor(options: EndJudgeOptions) {
    this.#options = options;
  }

  async noteAnswer(): Promise<void> {
    if (this.#isAway) await this.#knock();
  }

  noteAway(): void {
    this.#isAway = true;
  }

  noteSignalled(containerId: string): void {
    remember(this.#signalled, containerId);
  }

  async noteEnd(containerId: string): Promise<void> {
    if (this.#options.liveRestore) return;
    if ((await this.#knock()) !== 'open') remember(this.#endedAtShutDoor, containerId);
  }

  async judge(task: DriverTask): Promise<DriverTask> {
    if (task.state !== 'exited') return task;
    const { exit, started } = task;
    if (exit.code === 0 || exit.outOfMemory) return task;
    if (!mayBeEngines(exit) && !this.#endedAtShutDoor.has(started.containerId)) return task;
    const isOpen = (await this.#knock()) === 'open';
    if (!isOpen && this.#mayDoubt(started.containerId))
      return { state: 'unknown', reason: 'ENGINE_STOPPING' };
    if (isOpen) this.#doubtedSince.delete(started.containerId);
    const made = await this.#wasMadeByEngine(task).catch((error: unknown) => {
      // Its old connections may be too few for the question; what cannot be proven by now never will be.
      if (isOpen) throw error;
      return false;
    });
    return made ? { ...task, exit: { ...exit, cutOffBy: 'engine' } } : task;
  }

  async #wasMadeByEngine({ exit, started }: EndedTask): Promise<boolean> {
    const { engine, clock } = this.#options;
    const { containerId, startedAtMs: sinceMs } = started;
    const upAtMs = Math.max(this.#backAtMs, await readStartMs(engine));
    if (endedAcrossEngines(exit, sinceMs, upAtMs)) return true;
    if (!mayBeEngines(exit) || this.#signalled.has(containerId)) return false;
    return await wasKilledThrough(engine, { containerId, sinceMs, untilMs: clock.nowMs() });
  }

  async #knock(): Promise<Door> {
    const { engine, clock } = this.#options;
    const door = await engine.knock();
    if (door === 'open' && this.#isAway) this.#backAtMs = clock.nowMs();
    if (door !== 'silent') this.#isAway = door === 'shut';
    return door;
  }

  #mayDoubt(containerId: string): boolean {
    const nowMs = this.#options.clock.monotonicMs();
    const sinceMs = this.#doubtedSince.get(containerId) ?? nowMs;
    if (this.#doubtedSince.size >= REMEMBERED_MAX) this.#doubtedSince.clear();
    this.#doubtedSince.set(containerId, sinceMs);
    return nowMs - sinceMs < ENGINE_END_MAX_MS;
  }
}

function remember(set: Set<string>, containerId: string): void {
  if (set.size >= REMEMBERED_MAX) set.clear();
  set.add(containerId);
}
