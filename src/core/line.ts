import type { Savepoint } from './savepoint.ts';

/**
 * A line of items in the order of their numbers: joins at the end, leaves anywhere. Numbers only grow. Joining and
 * leaving at the head are O(1) amortised, leaving elsewhere and resuming after a number O(log n).
 */
export class Line<T> {
  private items: (T | undefined)[] = [];
  private numbers: number[] = [];
  private head = 0;
  private count = 0;

  get size(): number {
    return this.count;
  }

  first(): T | undefined {
    return this.items[this.head];
  }

  push(number: number, item: T): void {
    if (this.numbers.length > this.head && number <= this.numbers[this.numbers.length - 1]!) {
      throw new Error('line: numbers must grow');
    }
    this.items.push(item);
    this.numbers.push(number);
    this.count++;
  }

  remove(number: number): void {
    const at = this.find(number);
    if (this.numbers[at] !== number || this.items[at] === undefined) throw new Error('line: no item of that number');
    this.items[at] = undefined;
    this.count--;
    while (this.head < this.items.length && this.items[this.head] === undefined) this.head++;
    if (this.items.length - this.count > this.count + 32) this.compact();
  }

  /** Takes the first item out. */
  shift(): T | undefined {
    const item = this.items[this.head];
    if (item !== undefined) this.remove(this.numbers[this.head]!);
    return item;
  }

  /** Items with a larger number than `after`, in order. */
  *after(after: number): Generator<T> {
    for (let at = this.find(after + 1); at < this.items.length; at++) {
      const item = this.items[at];
      if (item !== undefined) yield item;
    }
  }

  /** Items in order, and gaps where some left. */
  values(): readonly (T | undefined)[] {
    return this.items;
  }

  save(to: Savepoint): void {
    to.put(this.items.length - this.head);
    to.put(this.count);
    for (let at = this.head; at < this.items.length; at++) {
      to.put(this.numbers[at]!);
      to.keep(this.items[at]);
    }
  }

  restore(from: Savepoint): void {
    const { items, numbers } = this;
    const length = from.numbers[from.number++]!;
    this.count = from.numbers[from.number++]!;
    this.head = 0;
    while (items.length > length) {
      items.pop();
      numbers.pop();
    }
    for (let at = 0; at < length; at++) {
      numbers[at] = from.numbers[from.number++]!;
      items[at] = from.objects[from.object++] as T | undefined;
    }
  }

  /** Index of the first entry whose number is at least `number`. */
  private find(number: number): number {
    let low = this.head;
    if (this.numbers[low] === number) return low;
    let high = this.numbers.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.numbers[middle]! < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private compact(): void {
    let kept = 0;
    for (let at = this.head; at < this.items.length; at++) {
      const item = this.items[at];
      if (item === undefined) continue;
      this.items[kept] = item;
      this.numbers[kept] = this.numbers[at]!;
      kept++;
    }
    this.items.length = kept;
    this.numbers.length = kept;
    this.head = 0;
  }
}
