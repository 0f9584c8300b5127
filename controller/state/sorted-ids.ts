/**
 * A set of ids in order. Ids are minted in order of time, so adding is nearly always at the end; the rest is a
 * binary search and one move of memory.
 */
export class SortedIds<Id extends string> {
  readonly #ids: Id[] = [];

  get size(): number {
    return this.#ids.length;
  }

  [Symbol.iterator](): IterableIterator<Id> {
    return this.#ids[Symbol.iterator]();
  }

  last(): Id | undefined {
    return this.#ids[this.#ids.length - 1];
  }

  /** Returns false when it was there already. */
  add(id: Id): boolean {
    const last = this.last();
    if (last === undefined || last < id) {
      this.#ids.push(id);
      return true;
    }
    const at = this.#lowerBound(id);
    if (this.#ids[at] === id) return false;
    this.#ids.splice(at, 0, id);
    return true;
  }

  /** Returns false when it was not there. */
  delete(id: Id): boolean {
    const at = this.#lowerBound(id);
    if (this.#ids[at] !== id) return false;
    this.#ids.splice(at, 1);
    return true;
  }

  /** Ids that start with `prefix`, in order, at most `max`. O(log n + max). */
  startingWith(prefix: string, max: number): readonly Id[] {
    const found: Id[] = [];
    for (let at = this.#lowerBound(prefix); at < this.#ids.length && found.length < max; at++) {
      const id = this.#ids[at]!;
      if (!id.startsWith(prefix)) break;
      found.push(id);
    }
    return found;
  }

  #lowerBound(text: string): number {
    let low = 0;
    let high = this.#ids.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ids[middle]! < text) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
