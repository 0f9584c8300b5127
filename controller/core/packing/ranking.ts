/**
 * The best list of one shape: host states that can take it, cheapest loss first, in a binary heap that catches up
 * with the states born since it was last asked. States that died stay in it until they come to the top.
 */
import type { HostStates } from './host-states.ts';

export class Ranking {
  /** Generation of the states, and round of the prices, that the losses belong to. */
  generation = -1;
  round = -1;
  /** How far along the births it is. */
  cursor = 0;
  /** Verdicts by layout kind and by traits: 0 unknown, 1 yes, 2 no. */
  readonly kindVerdicts: number[] = [];
  readonly traitVerdicts: number[] = [];
  #losses: number[] = [];
  #entries: number[] = [];
  #isIn = new Uint8Array(0);

  get length(): number {
    return this.#entries.length;
  }

  clear(states: number): void {
    this.#losses = [];
    this.#entries = [];
    if (this.#isIn.length < states) this.#isIn = new Uint8Array(2 * states);
    else this.#isIn.fill(0);
  }

  has(state: number): boolean {
    return this.#isIn[state] === 1;
  }

  get top(): number {
    return this.#entries[0] as number;
  }

  get topLoss(): number {
    return this.#losses[0] as number;
  }

  push(state: number, loss: number, states: HostStates): void {
    if (state >= this.#isIn.length) {
      const wide = new Uint8Array(2 * (state + 1));
      wide.set(this.#isIn);
      this.#isIn = wide;
    }
    this.#isIn[state] = 1;
    const losses = this.#losses;
    const entries = this.#entries;
    let at = entries.length;
    entries.push(state);
    losses.push(loss);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(loss, state, losses[parent] as number, entries[parent] as number, states)) break;
      losses[at] = losses[parent] as number;
      entries[at] = entries[parent] as number;
      at = parent;
    }
    losses[at] = loss;
    entries[at] = state;
  }

  pop(states: HostStates): void {
    const losses = this.#losses;
    const entries = this.#entries;
    this.#isIn[entries[0] as number] = 0;
    const loss = losses.pop() as number;
    const state = entries.pop() as number;
    const length = entries.length;
    if (length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= length) break;
      const other = child + 1;
      if (
        other < length &&
        isBefore(
          losses[other] as number,
          entries[other] as number,
          losses[child] as number,
          entries[child] as number,
          states,
        )
      )
        child = other;
      if (!isBefore(losses[child] as number, entries[child] as number, loss, state, states)) break;
      losses[at] = losses[child] as number;
      entries[at] = entries[child] as number;
      at = child;
    }
    losses[at] = loss;
    entries[at] = state;
  }
}

/** Smaller loss, then the order of the states' contents. */
function isBefore(aLoss: number, a: number, bLoss: number, b: number, states: HostStates): boolean {
  return aLoss < bLoss || (aLoss === bLoss && a !== b && states.compare(a, b) < 0);
}
