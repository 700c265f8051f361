import type { Savepoint } from './savepoint.ts';

/**
 * Binary min-heap whose items know their own place, so that any of them can be removed in O(log n).
 * Subclasses say which number orders an item and where it keeps its place (-1 while outside); and a second number where
 * the order of equal ones counts.
 */
export abstract class Heap<T> {
  private readonly items: T[] = [];

  protected abstract key(item: T): number;
  protected abstract place(item: T): number;
  protected abstract setPlace(item: T, place: number): void;
  /** Orders items of equal keys. */
  protected tie(_item: T): number {
    return 0;
  }

  get size(): number {
    return this.items.length;
  }

  first(): T | undefined {
    return this.items[0];
  }

  has(item: T): boolean {
    const place = this.place(item);
    return place >= 0 && this.items[place] === item;
  }

  push(item: T): void {
    this.items.push(item);
    this.rise(item, this.items.length - 1);
  }

  remove(item: T): void {
    const place = this.place(item);
    if (this.items[place] !== item) throw new Error('heap: removing an item that is not in it');
    const last = this.items.pop() as T;
    this.setPlace(item, -1);
    if (last !== item) this.moved(last, place);
  }

  /** Restores the order after the key of an item inside changed. */
  update(item: T): void {
    this.moved(item, this.place(item));
  }

  /** Restores the order after many keys changed, O(n). */
  reorder(): void {
    for (let place = (this.items.length >> 1) - 1; place >= 0; place--) this.sink(this.items[place] as T, place);
  }

  values(): readonly T[] {
    return this.items;
  }

  save(to: Savepoint): void {
    to.put(this.items.length);
    for (let place = 0; place < this.items.length; place++) to.keep(this.items[place]);
  }

  /** Puts the items back; their places are theirs to put back. */
  restore(from: Savepoint): void {
    const { items } = this;
    const length = from.numbers[from.number++]!;
    while (items.length > length) items.pop();
    for (let place = 0; place < length; place++) items[place] = from.objects[from.object++] as T;
  }

  private moved(item: T, place: number): void {
    this.rise(item, place);
    if (this.place(item) === place) this.sink(item, place);
  }

  private rise(item: T, start: number): void {
    const key = this.key(item);
    let place = start;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = this.items[parent] as T;
      const aboveKey = this.key(above);
      if (aboveKey < key || (aboveKey === key && this.tie(above) <= this.tie(item))) break;
      this.put(above, place);
      place = parent;
    }
    this.put(item, place);
  }

  private sink(item: T, start: number): void {
    const key = this.key(item);
    const half = this.items.length >> 1;
    let place = start;
    while (place < half) {
      let child = 2 * place + 1;
      const right = child + 1;
      if (right < this.items.length && this.isBefore(this.items[right] as T, this.items[child] as T)) child = right;
      const below = this.items[child] as T;
      const belowKey = this.key(below);
      if (key < belowKey || (key === belowKey && this.tie(item) <= this.tie(below))) break;
      this.put(below, place);
      place = child;
    }
    this.put(item, place);
  }

  private isBefore(one: T, other: T): boolean {
    const key = this.key(one);
    const otherKey = this.key(other);
    return key < otherKey || (key === otherKey && this.tie(one) < this.tie(other));
  }

  private put(item: T, place: number): void {
    this.items[place] = item;
    this.setPlace(item, place);
  }
}
