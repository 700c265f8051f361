import { describe, expect, it } from 'vitest';
import { Heap } from '../../src/core/heap.ts';
import { Line } from '../../src/core/line.ts';
import { formatMsgId, shardOf, slotOf, timeOf } from '../../src/core/msg-id.ts';
import { Savepoint } from '../../src/core/savepoint.ts';
import fc, { Reached } from '../support/properties.ts';

interface Item {
  key: number;
  place: number;
}
class Items extends Heap<Item> {
  protected override key(item: Item): number {
    return item.key;
  }
  protected override place(item: Item): number {
    return item.place;
  }
  protected override setPlace(item: Item, place: number): void {
    item.place = place;
  }
}

/** What to do: `roll` of a hundred against how many of a hundred are additions. Few keys make many ties, many keys few. */
const anyStep = fc.record({ roll: fc.nat(99), key: fc.oneof(fc.nat(9), fc.nat(10_000)), which: fc.nat(1000) });
const steps = (most: number) =>
  fc.record({
    grows: fc.constantFrom(50, 60, 80),
    moves: fc.boolean(),
    steps: fc.array(anyStep, { minLength: 1, maxLength: most }),
  });
type Step = { readonly roll: number; readonly key: number; readonly which: number };

/** Every item stands where it says, and none is less than the one above it: so they come out in order. */
function expectHeap(heap: Items, model: readonly Item[]): void {
  const items = heap.values();
  expect([heap.size, heap.first()]).toEqual([model.length, items[0]]);
  for (let place = 0; place < items.length; place++) {
    const item = items[place] as Item;
    if (item.place !== place) expect.fail(`the item at ${place} says ${item.place}`);
    if ((items[(place - 1) >> 1] ?? item).key > item.key) expect.fail(`out of order at ${place} of ${items.length}`);
  }
  for (const item of model) if (!heap.has(item)) expect.fail('an item is not in it');
}

function stepHeap(heap: Items, model: Item[], grows: number, { roll, key, which }: Step): void {
  const item = model[which % Math.max(model.length, 1)];
  if (roll < grows || item === undefined) {
    const fresh = { key, place: -1 };
    heap.push(fresh);
    model.push(fresh);
  } else if (roll % 4 === 0) {
    item.key = key;
    heap.update(item);
  } else if (roll % 16 === 1) {
    for (const one of model) one.key = (one.key * 7 + key) % 10_007;
    heap.reorder();
  } else {
    const gone = roll % 4 === 1 ? (heap.first() as Item) : item;
    heap.remove(gone);
    expect([heap.has(gone), gone.place]).toEqual([false, -1]);
    model.splice(model.indexOf(gone), 1);
  }
}

const heapProperty = (reached: Reached) =>
  fc.property(steps(200), ({ grows, steps }) => {
    const heap = new Items();
    const model: Item[] = [];
    for (const step of steps) {
      stepHeap(heap, model, grows, step);
      expectHeap(heap, model);
      reached.saw({ items: model.length });
    }
    reached.saw({ steps: steps.length });
    for (const key of model.map((item) => item.key).sort((a, b) => a - b)) {
      const first = heap.first() as Item;
      expect(first.key).toBe(key);
      heap.remove(first);
    }
  });

/** A line, and the numbers that must be in it. */
class Lined {
  line = new Line<string>();
  numbers: number[] = [];
  private last = 0;

  step(grows: number, { roll, which }: Step): void {
    const { line, numbers } = this;
    if (roll < grows) {
      this.last += 1 + (which % 3);
      line.push(this.last, `i${this.last}`);
      numbers.push(this.last);
    } else if (roll % 4 === 0) {
      expect(line.shift()).toBe(numbers.length === 0 ? undefined : `i${numbers.shift()}`);
    } else if (numbers.length > 0) {
      const [gone] = numbers.splice(which % numbers.length, 1);
      line.remove(gone as number);
    }
  }

  /** By a savepoint, into another line. */
  move(): void {
    const to = new Savepoint();
    this.line.save(to);
    this.line = new Line();
    this.line.restore(to.rewind());
  }
}

const lineProperty = (reached: Reached) =>
  fc.property(steps(300), ({ grows, moves, steps }) => {
    const all = new Lined();
    for (const [i, step] of steps.entries()) {
      const before = all.line.values().length;
      all.step(grows, step);
      if (moves && i % 50 === 49) all.move();
      const { line, numbers } = all;
      const names = numbers.map((number) => `i${number}`);
      expect([line.size, line.first()]).toEqual([names.length, names[0]]);
      expect([...line.after(-1)]).toEqual(names);
      const after = numbers[step.which % Math.max(numbers.length, 1)] ?? 0;
      expect([...line.after(after)]).toEqual(names.slice(numbers.indexOf(after) + 1));
      // Gaps are never more than the items and a few.
      expect(line.values().length).toBeLessThanOrEqual(2 * names.length + 33);
      reached.saw({ items: names.length, compactions: Number(line.values().length < before) });
    }
    reached.saw({ steps: steps.length });
  });

type Method = (this: Record<string, (...args: unknown[]) => unknown>, ...args: unknown[]) => unknown;
/** A structure with one method as it must not be. */
const BROKEN: readonly [what: string, of: object, method: string, instead: Method][] = [
  [
    'a heap whose removal only sinks',
    Heap.prototype,
    'moved',
    function (item, place) {
      return this['sink']?.(item, place);
    },
  ],
  [
    'a heap whose removal only rises',
    Heap.prototype,
    'moved',
    function (item, place) {
      return this['rise']?.(item, place);
    },
  ],
  [
    'a heap whose additions stay at the end',
    Heap.prototype,
    'rise',
    function (item, place) {
      return this['put']?.(item, place);
    },
  ],
  ['a heap that is never put in order', Heap.prototype, 'reorder', () => {}],
  ['a line that is never compacted', Line.prototype, 'compact', () => {}],
  [
    'a line that compacts its items and not their numbers',
    Line.prototype,
    'compact',
    function () {
      const { items, numbers } = this as unknown as { items: unknown[]; numbers: number[] };
      const kept = items.filter((item) => item !== undefined);
      items.splice(0, items.length, ...kept);
      numbers.length = kept.length;
      Object.assign(this, { head: 0 });
    },
  ],
];

describe('structures', () => {
  it('heap: every step leaves all of it in order, under additions, removals, updates and reorders', () => {
    const reached = new Reached('heap');
    fc.assert(heapProperty(reached), { numRuns: 100 });
    reached.atLeast({ steps: 180, items: 60 });
  });

  it('heap: refuses to remove what is not in it', () => {
    const heap = new Items();
    expect(() => heap.remove({ key: 1, place: -1 })).toThrow(/not in it/);
    expect(() => heap.remove({ key: 1, place: 0 })).toThrow(/not in it/);
  });

  it('line: every step leaves all of it in order, under additions, removals, compactions and savepoints', () => {
    const reached = new Reached('line');
    fc.assert(lineProperty(reached), { numRuns: 100 });
    reached.atLeast({ steps: 270, items: 100, compactions: 1 });
  });

  it.each(BROKEN)('finds %s', (_what, of, method, instead) => {
    const prototype = of as Record<string, unknown>;
    const shipped = prototype[method];
    expect(shipped).toBeTypeOf('function');
    prototype[method] = instead;
    try {
      const property = of === Heap.prototype ? heapProperty(new Reached('')) : lineProperty(new Reached(''));
      expect(fc.check(property, { numRuns: 60, endOnFailure: true }).failed).toBe(true);
    } finally {
      prototype[method] = shipped;
    }
  });

  it('line: refuses numbers that do not grow and items it does not hold', () => {
    const line = new Line<string>();
    line.push(2, 'two');
    expect(() => line.push(2, 'again')).toThrow(/must grow/);
    expect(() => line.remove(1)).toThrow(/no item/);
    line.remove(2);
    expect(() => line.remove(2)).toThrow(/no item/);
  });

  it('msg_id: a ULID whose first 16 random bits are the shard (AC3)', () => {
    const anyId = fc.tuple(
      fc.nat(2 ** 48 - 1),
      fc.nat(65_535),
      fc.integer({ min: 0, max: 2 ** 34 - 1 }),
      fc.integer({ min: 0, max: 2 ** 30 - 1 }),
    );
    fc.assert(
      fc.property(anyId, ([atMs, shard, random, slot]) => {
        const msgId = formatMsgId(atMs, shard, random, slot);
        expect(msgId).toMatch(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
        expect([timeOf(msgId), shardOf(msgId), slotOf(msgId)]).toEqual([atMs, shard, slot]);
        // Independent reading: 128 bits as one number.
        const digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
        const value = [...msgId].reduce((sum, digit) => sum * 32n + BigInt(digits.indexOf(digit)), 0n);
        expect(value).toBe((BigInt(atMs) << 80n) | (BigInt(shard) << 64n) | (BigInt(random) << 30n) | BigInt(slot));
      }),
    );
  });

  it('msg_id: text that is none names no slot, shard or time', () => {
    for (const text of ['', 'short', 'u'.repeat(26), 'é'.repeat(26), '0'.repeat(25), '0'.repeat(27)]) {
      expect(slotOf(text)).toBe(-1);
      expect(shardOf(text)).toBe(-1);
      expect(timeOf(text)).toBe(-1);
    }
  });
});
