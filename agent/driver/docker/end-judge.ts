/**
 * Whose doing the end of a container was: its own, or that of the engine that ran it. An engine that is stopped ends its
 * containers and still tells how they ended, so what it says of an end is not enough.
 */
import type { Clock } from '../../../proto/ports/index.ts';
import type { DriverTask } from '../../core/driver-port.ts';
import { mayBeEngines, toExitAcrossEngines } from './container-state.ts';
import { type Engine, readStartMs, wasKilledThrough } from './engine.ts';

/** Containers of one kind that are remembered; all of that kind are forgotten beyond that. */
export const REMEMBERED_MAX = 4096;

export interface EndJudge {
  /** The engine answered, on whatever connection. */
  noteAnswer(): void;
  noteAway(): void;
  /** A user asked for a signal: what it does is the task's own end. */
  noteSignalled(containerId: string): void;
  /** The container ended just now: was the engine ending its containers? Never rejects; waits a few seconds at most. */
  noteEnd(containerId: string): Promise<void>;
  /**
   * The task with its end told as the engine's where that made it; `unknown` while an engine that may have made it is
   * going away. @throws ClusterError as of the engine's calls
   */
  judge(task: DriverTask): Promise<DriverTask>;
}

export interface EndJudgeOptions {
  readonly engine: Engine;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Of the engine: then it ends no containers when it ends itself. */
  readonly liveRestore: boolean;
}

export function createEndJudge(options: EndJudgeOptions): EndJudge {
  return new EngineEndJudge(options);
}

class EngineEndJudge implements EndJudge {
  readonly #options: EndJudgeOptions;
  /** The engine was seen not to answer, and then when it was seen to answer again; for engines that do not say it. */
  #isAway = false;
  #backAtMs = 0;
  readonly #signalled = new Set<string>();
  /** Seen to end while the engine ended its containers: it asked them all to end, and a status of their own obeys. */
  readonly #endedWithEngine = new Set<string>();

  constructor(options: EndJudgeOptions) {
    this.#options = options;
  }

  noteAnswer(): void {
    if (this.#isAway) this.#backAtMs = this.#options.clock.nowMs();
    this.#isAway = false;
  }

  noteAway(): void {
    this.#isAway = true;
  }

  noteSignalled(containerId: string): void {
    remember(this.#signalled, containerId);
  }

  async noteEnd(containerId: string): Promise<void> {
    const { engine, liveRestore } = this.#options;
    if (!liveRestore && !(await engine.answersAnew())) remember(this.#endedWithEngine, containerId);
  }

  async judge(task: DriverTask): Promise<DriverTask> {
    if (task.state !== 'exited') return task;
    const { containerId, startedAtMs: sinceMs } = task.started;
    const withEngine = this.#endedWithEngine.has(containerId) && !task.exit.outOfMemory;
    if (!withEngine && !mayBeEngines(task.exit)) return task;
    const { engine, clock } = this.#options;
    if (!(await engine.answersAnew())) {
      this.noteAway();
      return { state: 'unknown', reason: 'ENGINE_STOPPING' };
    }
    const upAtMs = Math.max(this.#backAtMs, await readStartMs(engine));
    const exit = toExitAcrossEngines(task.exit, sinceMs, upAtMs);
    if (withEngine) return { ...task, exit: { ...exit, cutOffBy: 'engine' } };
    if (exit.cutOffBy !== undefined || this.#signalled.has(containerId)) return { ...task, exit };
    const killed = await wasKilledThrough(engine, { containerId, sinceMs, untilMs: clock.nowMs() });
    return killed ? { ...task, exit: { ...exit, cutOffBy: 'engine' } } : task;
  }
}

function remember(set: Set<string>, containerId: string): void {
  if (set.size >= REMEMBERED_MAX) set.clear();
  set.add(containerId);
}
