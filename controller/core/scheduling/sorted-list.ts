/** A list that is kept in order while its elements come and go; many that come at once are sorted in together. */

/** Up to so many changes are made one by one. */
const ONE_BY_ONE_MAX = 64;

export class SortedList<T extends object> {
  readonly #compare: (left: T, right: T) => number;
  #items: T[] = [];
  readonly #coming = new Set<T>();
  readonly #going = new Set<T>();

  /** `compare` is total: only the same element is equal to itself. */
  constructor(compare: (left: T, right: T) => number) {
    this.#compare = compare;
  }

  /** In order. The live array: valid until the next change. */
  get items(): readonly T[] {
    this.#settle();
    return this.#items;
  }

  add(item: T): void {
    this.#coming.add(item);
  }

  /** What was added before and did not change since in what the order depends on. */
  remove(item: T): void {
    if (!this.#coming.delete(item)) this.#going.add(item);
  }

  #settle(): void {
    const changes = this.#coming.size + this.#going.size;
    if (changes === 0) return;
    if (changes > ONE_BY_ONE_MAX) {
      const kept = this.#going.size === 0 ? this.#items : this.#items.filter((one) => !this.#going.has(one));
      this.#items = [...kept, ...this.#coming].sort(this.#compare);
    } else {
      for (const item of this.#going) this.#items.splice(this.#placeOf(item), 1);
      for (const item of this.#coming) this.#items.splice(this.#placeOf(item), 0, item);
    }
    this.#going.clear();
    this.#coming.clear();
  }

  #placeOf(item: T): number {
    let low = 0;
    let high = this.#items.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(this.#items[middle] as T, item) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
