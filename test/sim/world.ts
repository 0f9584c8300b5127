/**
 * Simulated time: one heap of events, each owned by the process that it would wake. A step is one event and
 * everything that production code does about it before it waits again; nothing here waits for real time.
 */
import type { Clock, Timer } from '../../proto/ports/index.ts';
import { createRng, type SplittableRng } from '../../proto/runtime/rng.ts';

/** Node's own, taken before a run puts the simulated one in its place. */
const realSetImmediate = globalThis.setImmediate;

export interface SimEvent {
  readonly dueMs: number;
  readonly order: number;
  readonly label: string;
  readonly owner: SimProcess | undefined;
  readonly fire: () => void;
  cancelled: boolean;
}

const WALL_START_MS = Date.UTC(2026, 0, 1);

export class World {
  nowMs = 0;
  steps = 0;
  traceHash = 0x811c9dc5;
  violation: { readonly message: string; readonly step: number } | undefined;
  /** The process whose event runs: what it schedules by `setImmediate` is its own. */
  current: SimProcess | undefined;
  readonly rng: SplittableRng;
  readonly log: ((line: string) => void) | undefined;
  readonly #heap: SimEvent[] = [];
  #order = 0;

  constructor(seed: number, log?: (line: string) => void) {
    this.rng = createRng(seed);
    this.log = log;
  }

  schedule(afterMs: number, label: string, fire: () => void, owner?: SimProcess): SimEvent {
    const event: SimEvent = {
      dueMs: this.nowMs + Math.max(0, afterMs),
      order: this.#order++,
      label,
      owner,
      fire,
      cancelled: false,
    };
    push(this.#heap, event);
    return event;
  }

  violate(message: string): void {
    this.violation ??= { message, step: this.steps };
    this.log?.(`VIOLATION ${message}`);
  }

  /** Adds what happened to the trace, so that two runs of one seed can be compared. */
  mark(text: string): void {
    let hash = this.traceHash;
    for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
    this.traceHash = hash >>> 0;
    this.log?.(`${this.nowMs.toFixed(1)} ${text}`);
  }

  /**
   * Fires events until `done` says so, nothing is left, or a violation was found. All microtasks of an event are
   * run before the next: Node empties that queue before it calls an immediate.
   */
  run(done: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const turn = (): void => {
        try {
          if (this.violation !== undefined || done() || !this.#step()) resolve();
          else realSetImmediate(turn);
        } catch (error) {
          reject(error as Error);
        }
      };
      realSetImmediate(turn);
    });
  }

  #step(): boolean {
    for (;;) {
      const event = pop(this.#heap);
      if (event === undefined) return false;
      if (event.cancelled) continue;
      const { owner } = event;
      if (owner !== undefined && !owner.alive) continue;
      this.nowMs = Math.max(this.nowMs, event.dueMs);
      if (owner?.paused === true) {
        owner.deferred.push(event);
        continue;
      }
      this.steps += 1;
      this.traceHash = (Math.imul(this.traceHash ^ event.label.length, 0x01000193) ^ (this.nowMs * 64)) >>> 0;
      this.current = owner;
      event.fire();
      return true;
    }
  }

  /** `globalThis.setImmediate` while a world runs: an event like any other, of the process that asked. */
  readonly immediate = (fire: () => void): SimEvent => this.schedule(0, 'turn', fire, this.current);
}

function sooner(a: SimEvent, b: SimEvent): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}

function push(heap: SimEvent[], event: SimEvent): void {
  let at = heap.length;
  heap.push(event);
  while (at > 0) {
    const above = (at - 1) >> 1;
    const parent = heap[above]!;
    if (!sooner(event, parent)) break;
    heap[at] = parent;
    at = above;
  }
  heap[at] = event;
}

function pop(heap: SimEvent[]): SimEvent | undefined {
  const top = heap[0];
  const last = heap.pop();
  if (top === undefined || last === undefined || heap.length === 0) return top;
  let at = 0;
  for (;;) {
    let below = at * 2 + 1;
    if (below >= heap.length) break;
    if (below + 1 < heap.length && sooner(heap[below + 1]!, heap[below]!)) below += 1;
    if (!sooner(heap[below]!, last)) break;
    heap[at] = heap[below]!;
    at = below;
  }
  heap[at] = last;
  return top;
}

/**
 * One life of an operating-system process. Killed, its timers never fire and its calls never return: the code is
 * frozen at the await where it stood. Paused, all that would wake it waits until it goes on.
 */
export class SimProcess {
  alive = true;
  paused = false;
  readonly deferred: SimEvent[] = [];
  readonly name: string;
  readonly world: World;
  readonly clock: Clock;

  /** `wallOffsetMs` is read at each look: it is how far this machine's clock is off. */
  constructor(world: World, name: string, wallOffsetMs: () => number) {
    this.world = world;
    this.name = name;
    this.clock = {
      nowMs: () => Math.trunc(WALL_START_MS + world.nowMs + wallOffsetMs()),
      monotonicMs: () => world.nowMs,
      after: (afterMs, fire): Timer => {
        const event = world.schedule(afterMs, 'timer', fire, this);
        return {
          cancel: () => {
            event.cancelled = true;
          },
        };
      },
    };
  }

  kill(): void {
    this.alive = false;
    this.deferred.length = 0;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    for (const { cancelled, label, fire } of this.deferred.splice(0)) {
      if (!cancelled) this.world.schedule(0, label, fire, this);
    }
  }

  /** Settles after `afterMs` with what `produce` gives or throws then; never if the process dies before. */
  later<T>(afterMs: number, label: string, produce: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.world.schedule(
        afterMs,
        label,
        () => {
          try {
            resolve(produce());
          } catch (error) {
            reject(error as Error);
          }
        },
        this,
      );
    });
  }
}
