import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Heap } from '../../src/core/heap.ts';
import { Line } from '../../src/core/line.ts';
import { formatMsgId, shardOf, slotOf, timeOf } from '../../src/core/msg-id.ts';

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

const heapStep = fc.record({
  what: fc.constantFrom('push', 'remove', 'update', 'pop'),
  key: fc.nat(20),
  which: fc.nat(50),
});

describe('structures', () => {
  it('heap: agrees with a sorted array under push, remove, update and reorder', () => {
    fc.assert(
      fc.property(fc.array(heapStep, { maxLength: 80 }), fc.boolean(), (steps, reorder) => {
        const heap = new Items();
        const model: Item[] = [];
        for (const { what, key, which } of steps) {
          const item = model[which % Math.max(model.length, 1)];
          if (what === 'push' || item === undefined) {
            const fresh = { key, place: -1 };
            heap.push(fresh);
            model.push(fresh);
          } else if (what === 'update') {
            item.key = key;
            heap.update(item);
          } else {
            const gone = what === 'pop' ? (heap.first() as Item) : item;
            heap.remove(gone);
            expect(heap.has(gone)).toBe(false);
            model.splice(model.indexOf(gone), 1);
          }
          expect(heap.size).toBe(model.length);
          expect(heap.first()?.key).toBe(model.length === 0 ? undefined : Math.min(...model.map((m) => m.key)));
        }
        if (!reorder) return;
        for (const item of model) item.key = 20 - item.key;
        heap.reorder();
        const sorted = model.map((m) => m.key).sort((a, b) => a - b);
        expect(
          sorted.map(() => {
            const first = heap.first() as Item;
            heap.remove(first);
            return first.key;
          }),
        ).toEqual(sorted);
      }),
      { numRuns: 500 },
    );
  });

  it('heap: refuses to remove what is not in it', () => {
    const heap = new Items();
    expect(() => heap.remove({ key: 1, place: -1 })).toThrow(/not in it/);
    expect(() => heap.remove({ key: 1, place: 0 })).toThrow(/not in it/);
  });

  it('line: agrees with an array under push, shift, remove and after', () => {
    const steps = fc.array(
      fc.record({ what: fc.constantFrom('push', 'push', 'shift', 'remove'), which: fc.nat(400) }),
      { maxLength: 400 },
    );
    fc.assert(
      fc.property(steps, fc.nat(400), (all, after) => {
        const line = new Line<string>();
        let model: number[] = [];
        let last = 0;
        for (const { what, which } of all) {
          if (what === 'push') {
            last += 1 + (which % 3);
            line.push(last, `i${last}`);
            model.push(last);
          } else if (what === 'shift') {
            expect(line.shift()).toBe(model.length === 0 ? undefined : `i${model.shift()}`);
          } else if (model.length > 0) {
            const number = model[which % model.length] as number;
            line.remove(number);
            model = model.filter((n) => n !== number);
          }
          expect(line.size).toBe(model.length);
          expect(line.first()).toBe(model.length === 0 ? undefined : `i${model[0]}`);
        }
        expect([...line.after(after)]).toEqual(model.filter((n) => n > after).map((n) => `i${n}`));
      }),
      { numRuns: 300 },
    );
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
