import { describe, expect, it } from 'vitest';
import { DEAD_REASONS } from '../../spec/vocabulary.ts';
import type { Sent } from '../../src/core/facts.ts';
import { type HashKey, keyedHash } from '../../src/core/keyed-hash.ts';
import { Message, type Settled, Topic } from '../../src/core/message.ts';
import { formatMsgId } from '../../src/core/msg-id.ts';
import { type Form, Packing, packedBytesOf, packedLength, packedMost } from '../../src/core/packing.ts';
import { Rows } from '../../src/core/rows.ts';
import { Savepoint } from '../../src/core/savepoint.ts';
import { SlotQueue, SlotTable } from '../../src/core/slots.ts';
import { Tenant } from '../../src/core/tenant.ts';
import { WindowIndex } from '../../src/core/window-index.ts';
import fc, { Reached } from '../support/properties.ts';

const hex = (digits: number) =>
  fc.array(fc.constantFrom(...'0123456789abcdef'), { minLength: digits, maxLength: digits }).map((all) => all.join(''));
const uuid = fc.uuid();
const hash = hex(64).map((digits) => `b3:${digits}`);
/** What the service makes, what nearly is that, and anything else. */
const anyText = fc.oneof(
  ...[uuid, hash, hex(32), hex(33), uuid.map((text) => text.toUpperCase()), hash.map((text) => text.slice(1))],
  ...[hash.map((text) => `${text.slice(0, 66)}g`), uuid.map((text) => text.replaceAll('-', '_')), fc.constant('')],
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.string({ minLength: 1, maxLength: 128 }),
  fc.constantFrom('é'.repeat(255), 'x'.repeat(256), '\ud800', '\0', 'b3:', '-'.repeat(36), 'İ'.repeat(32)),
);
const anyForm = fc.constantFrom<Form>('uuid', 'hash', 'token');

const packs = fc.property(anyText, anyForm, (text, form) => {
  const packing = new Packing(packedMost(text) + 8);
  packing.at = 3;
  const how = packing.pack(text, form);
  const bytes = packing.at - 3;
  expect(bytes).toBeLessThanOrEqual(packedMost(text));
  expect(packedBytesOf(text, form)).toBe(bytes);
  expect(packedLength(packing.bytes, 3, how, form)).toBe(bytes);
  packing.at = 3;
  expect(packing.unpack(how, form)).toBe(text);
  expect(packing.at - 3).toBe(bytes);
});

/** As many operations as it takes for the index to split its buckets over and over; `key`: of few, so that many are of one hash. */
const entries = fc.array(
  fc.record({ key: fc.nat(40), remove: fc.nat(9).map((roll) => roll < 3), which: fc.nat(1000) }),
  {
    minLength: 200,
    maxLength: 1500,
  },
);
const GOOD: HashKey = [1, 2];
const hashOfKey = (key: number): number => keyedHash(GOOD, key, new DataView(new ArrayBuffer(0)), 0, 0);
/** Collisions in the bucket, in the eight bits that are compared, in all of them. */
const POOR: readonly ((key: number) => number)[] = [
  hashOfKey,
  (key) => key << 24,
  (key) => key * 64,
  () => 7,
  (key) => key,
];

/** The index against a list that is looked through. */
const indexes = (reached: Reached) =>
  fc.property(entries, fc.constantFrom(...POOR), (steps, hashOf) => {
    const index = new WindowIndex();
    const keys: (number | undefined)[] = [];
    const newest: number[] = [];
    const hashes = { hashIn: (slot: number) => hashOf(keys[slot] as number) };
    const check = (key: number): void => {
      const found: number[] = [];
      for (let slot = index.first(hashOf(key)); slot >= 0; slot = index.after(slot, hashOf(key)))
        if (keys[slot] === key) found.push(slot);
      expect(found).toEqual(newest.filter((slot) => keys[slot] === key));
    };
    for (const { key, remove, which } of steps) {
      if (remove && newest.length > 0) {
        const [slot] = newest.splice(which % newest.length, 1) as [number];
        index.remove(slot, hashes.hashIn(slot));
        keys[slot] = undefined;
      } else {
        const free = keys.indexOf(undefined);
        const slot = free < 0 || which % 3 > 0 ? keys.length : free;
        keys[slot] = key;
        newest.unshift(slot);
        index.add(slot, hashOf(key), hashes);
      }
      check(key);
      expect(index.size).toBe(newest.length);
    }
    for (let key = 0; key <= 40; key++) check(key);
    expect([...index.values()].sort((a, b) => a - b)).toEqual([...newest].sort((a, b) => a - b));
    expect(() => index.remove(keys.length, 0)).toThrow('is not in it');
    const savepoint = new Savepoint();
    index.save(savepoint, keys.length);
    for (const slot of newest) index.remove(slot, hashes.hashIn(slot));
    index.restore(savepoint.rewind(), keys.length);
    for (let key = 0; key <= 40; key++) check(key);
    reached.saw({ entries: newest.length });
  });

// ---- rows

const SHARD = 5;
const tenant = new Tenant<Message>('t');
const TOPICS = Array.from({ length: 3 }, (_, i) => new Topic(`t${i}`, i === 2 ? 70_000 : i, tenant));
const BY_NUMBER: Topic[] = [];
for (const topic of TOPICS) BY_NUMBER[topic.number] = topic;

const anyMs = fc.oneof(fc.nat(1_000_000), fc.constantFrom(2 ** 47, 1.5, 2 ** 31, -7));
const anyCount = fc.oneof(fc.constant(1), fc.nat(3), fc.constantFrom(255, 256, 65_535, 65_536, 2 ** 40));
const anySettled = fc.record({
  receipt: fc.oneof(hex(32), anyText),
  verb: fc.constantFrom<Settled['verb']>('ack', 'nack'),
  state: fc.constantFrom<Settled['state']>('acked', 'queued', 'redelivered', 'dead_lettered'),
  untilMs: anyMs,
});
const anyMessage = fc.record({
  ...{
    tsMs: fc.oneof(fc.nat(1_000_000), fc.constantFrom(2 ** 48 - 1, 0)),
    random: fc.integer({ min: 0, max: 2 ** 34 - 1 }),
  },
  ...{ slot: fc.nat(2 ** 30 - 1), seq: fc.oneof(fc.nat(5000), fc.constant(2 ** 50)), topic: fc.nat(2) },
  ...{
    idemKey: fc.oneof(uuid, anyText),
    corrId: fc.oneof(uuid, anyText),
    payloadHash: anyText,
    hashChain: fc.oneof(hash, anyText),
  },
  ...{ idemUntilMs: fc.oneof(fc.constant(0), anyMs), attempt: anyCount, epoch: anyCount },
  // Half of them were leased just once.
  redrives: fc.oneof(fc.constant(0), anyCount),
  ...{ purged: fc.boolean(), deadReason: fc.constantFrom(null, ...DEAD_REASONS) },
  settled: fc.oneof(fc.array(anySettled, { maxLength: 2 }), fc.array(anySettled, { maxLength: 20 })),
});

function messageOf(drawn: typeof anyMessage extends fc.Arbitrary<infer T> ? T : never): Message {
  const { tsMs, random, slot, seq, topic, purged, deadReason, settled, attempt, epoch, redrives, ...texts } = drawn;
  const msgId = formatMsgId(tsMs, SHARD, random, slot);
  const sent = { ...texts, msgId, payload: null } as unknown as Sent;
  const message = new Message(sent, slot, seq, TOPICS[topic] as Topic);
  Object.assign(message, { attempt, epoch, redrives, deadReason });
  message.state = purged ? 'purged' : 'acked';
  for (const { receipt, verb, state, untilMs } of settled) message.settle(receipt, verb, state, untilMs);
  return message;
}

const anyStep = fc.record({
  what: fc.constantFrom('put', 'put', 'put', 'close', 'forget', 'settle', 'remove', 'remove', 'save', 'back'),
  ...{ which: fc.nat(1000), message: anyMessage, by: fc.nat(1000), entry: anySettled },
});

/** As `Message.setBack`, of the times that a row has. */
function setBack(message: Message, byMs: number): void {
  if (message.idemUntilMs !== 0) message.idemUntilMs -= byMs;
  for (let entry = message.oldestSettled; entry !== null; entry = entry.next) entry.untilMs -= byMs;
}

/** Everything a row can be asked, against the message that it was made of. */
function sameAs(rows: Rows, place: number, kept: Message): void {
  expect(rows.read(place, kept.slot)).toEqual(kept);
  expect(rows.isOf(place, kept.msgId)).toBe(true);
  const [first = ''] = kept.msgId;
  expect(rows.isOf(place, `${kept.msgId.slice(0, 19)}${first === '0' ? '1' : '0'}${kept.msgId.slice(20)}`)).toBe(
    kept.msgId[19] === (first === '0' ? '1' : '0'),
  );
  expect([rows.seqOf(place), rows.topicOf(place)]).toEqual([kept.seq, kept.topic]);
  expect(rows.idemUntilMsOf(place)).toBe(kept.idemUntilMs);
  expect(rows.isDone(place)).toBe(kept.idemUntilMs === 0 && kept.oldestSettled === null);
  if (kept.oldestSettled !== null) expect(rows.settledUntilMsOf(place)).toBe(kept.oldestSettled.untilMs);
  expect(rows.isKey(place, kept.topic.number, kept.idemKey)).toBe(true);
  expect(rows.isKey(place, kept.topic.number + 1, kept.idemKey)).toBe(false);
  expect(rows.isKey(place, kept.topic.number, `${kept.idemKey}x`)).toBe(false);
}

/** The rows against the messages themselves, which a list keeps. */
const likeMessages = (reached: Reached) =>
  fc.property(fc.array(anyStep, { minLength: 30, maxLength: 120 }), (steps) => {
    const rows = new Rows(SHARD, BY_NUMBER);
    const kept: { place: number; message: Message }[] = [];
    let saved: { savepoint: Savepoint; places: number[] } | null = null;
    for (const { what, which, message: drawn, by, entry } of steps) {
      const one = kept[which % Math.max(1, kept.length)];
      if (what === 'put') {
        // Some of them many times over, so that segments fill.
        for (let i = 0; i <= by % 40; i++) {
          const message = messageOf(drawn);
          // Room for a receipt that is to come shows nowhere.
          const place = by % 3 === 0 && message.oldestSettled === null ? rows.putExpecting(message) : rows.put(message);
          if (by % 3 === 0 && drawn.settled.length === 0) message.unsettle();
          kept.push({ message, place });
        }
      } else if (what === 'back') {
        rows.setBack(
          kept.map(({ place }) => place),
          by,
        );
        for (const { message } of kept) setBack(message, by);
        saved = null;
      } else if (one === undefined) continue;
      else if (what === 'close') {
        rows.closeWindow(one.place);
        one.message.idemUntilMs = 0;
      } else if (what === 'forget' && one.message.oldestSettled !== null) {
        rows.forgetSettled(one.place);
        one.message.unsettle();
      } else if (what === 'settle') {
        one.place = rows.settle(one.place, one.message.slot, { ...entry, next: null });
        one.message.settle(entry.receipt, entry.verb, entry.state, entry.untilMs);
        saved = null;
      } else if (what === 'remove') {
        for (const { place } of kept.splice(which % kept.length, 1 + (by % 60))) rows.remove(place);
        saved = null;
      } else if (what === 'save') {
        if (saved !== null) rows.restore(saved.savepoint.rewind());
        const savepoint = new Savepoint();
        rows.save(savepoint);
        saved = { savepoint, places: kept.map(({ place }) => place) };
        rows.put(messageOf(drawn));
        rows.restore(savepoint.rewind());
      }
      if (saved !== null && what !== 'save') saved = null;
      const again = kept[which % Math.max(1, kept.length)];
      if (again !== undefined) sameAs(rows, again.place, again.message);
    }
    for (const { place, message } of kept) sameAs(rows, place, message);
    reached.saw({ rows: kept.length, bytes: rows.bytes });
    for (const { place } of kept) rows.remove(place);
    // The open segment and the one kept for the next.
    expect(rows.bytes).toBeLessThanOrEqual(2 ** 18);
  });

/** Held with one of its methods as somebody might have got it wrong: does the property see it? */
function isSeen<T extends object>(
  prototype: T,
  method: string,
  wrong: (this: T, ...args: never[]) => unknown,
  property: fc.IProperty<unknown>,
): boolean {
  const methods = prototype as unknown as Record<string, unknown>;
  const shipped = methods[method];
  methods[method] = wrong;
  try {
    return fc.check(property, { numRuns: 60, endOnFailure: true }).failed;
  } finally {
    methods[method] = shipped;
  }
}

describe('rows', () => {
  it('packing: every text comes back as it was, in the bytes that were said beforehand (ID1, LE4)', () => {
    fc.assert(packs, { numRuns: 3000 });
    expect(packedBytesOf('0190c2a0-0000-7000-8000-00000000000a', 'uuid')).toBe(16);
    expect(packedBytesOf(`b3:${'a'.repeat(64)}`, 'hash')).toBe(32);
    expect(packedBytesOf('order-17', 'uuid')).toBe(9);
  });

  it('keyed hash: another secret, number, byte or length is another hash, and buckets fill alike (D8)', () => {
    const bytes = new DataView(new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8, 9]).buffer);
    const of = (key: HashKey, number: number, from: number, to: number) => keyedHash(key, number, bytes, from, to);
    const seen = new Set<number>();
    for (let to = 0; to <= 9; to++) seen.add(of([1, 2], 3, 0, to));
    for (const key of [
      [1, 3],
      [2, 2],
      [0, 0],
    ] as const)
      seen.add(of(key, 3, 0, 9));
    for (let number = 4; number < 20; number++) seen.add(of([1, 2], number, 0, 9));
    expect(seen.size).toBe(10 + 3 + 16);
    const buckets = new Uint32Array(256);
    const tags = new Uint32Array(256);
    for (let i = 0; i < 25_600; i++) {
      const [low, high] = [hashOfKey(i) & 255, hashOfKey(i) >>> 24];
      buckets[low]!++;
      tags[high]!++;
    }
    for (const counts of [buckets, tags]) {
      expect(Math.max(...counts)).toBeLessThan(160);
      expect(Math.min(...counts)).toBeGreaterThan(50);
    }
  });

  it('slots: a table and a queue of them are what an array is, over segments and savepoints', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ push: fc.nat(3000), shift: fc.nat(3000) }), { minLength: 5, maxLength: 12 }),
        (steps) => {
          const queue = new SlotQueue();
          const model: number[] = [];
          const table = new SlotTable();
          for (const [i, { push, shift }] of steps.entries()) {
            for (let n = 0; n < push; n++) {
              queue.push(n * 7 + i);
              model.push(n * 7 + i);
            }
            const taken = model.splice(0, shift);
            expect(taken.map(() => queue.shift())).toEqual(taken);
            const savepoint = new Savepoint();
            queue.save(savepoint);
            queue.push(1);
            queue.restore(savepoint.rewind());
            expect([queue.size, queue.first()]).toEqual([model.length, model[0] ?? -1]);
            table.set(push * 5, push);
            expect([table.get(push * 5), table.get(push * 5 + 20_000)]).toEqual([push, 0]);
          }
          expect([...queue.values()]).toEqual(model);
        },
      ),
      { numRuns: 20 },
    );
  });

  it('index: the newest of a key first and each of them, whatever collides and however it grew (ID1, E6)', () => {
    const reached = new Reached('index of windows');
    fc.assert(indexes(reached), { numRuns: 30, endOnFailure: true });
    reached.atLeast({ entries: 200 });
  });

  it('rows: a message that is over is what it was, however odd, until it is forgotten; then its bytes come free (ID1..ID4, LE4, BD0)', () => {
    const reached = new Reached('rows');
    fc.assert(likeMessages(reached), { numRuns: 40, endOnFailure: true });
    reached.atLeast({ rows: 300, bytes: 2 ** 18 });
  }, 120_000);

  it('rows: one with more settled receipts than a segment has room for stands alone, and spoils none that comes after (LE4)', () => {
    const [drawn] = fc.sample(anyMessage, 1) as [Parameters<typeof messageOf>[0]];
    for (const count of [1000, 2000, 3000, 6000]) {
      const settled = Array.from({ length: count }, (_, i) => {
        return { receipt: `receipt-${i}`, verb: 'nack', state: 'redelivered', untilMs: i } as const;
      });
      const rows = new Rows(SHARD, BY_NUMBER);
      const messages = [0, 1, 2, 3].flatMap((slot) => [
        messageOf({ ...drawn, slot: 2 * slot, settled }),
        messageOf({ ...drawn, slot: 2 * slot + 1, settled: [] }),
      ]);
      const places = messages.map((message) => rows.put(message));
      for (const [i, message] of messages.entries()) sameAs(rows, places[i] as number, message);
      expect(new Set(places).size).toBe(places.length);
    }
  });

  it('rows: one of another shard comes back too; what is no msg_id throws', () => {
    const message = messageOf(fc.sample(anyMessage, 1)[0]!);
    const rows = new Rows(SHARD + 1, BY_NUMBER);
    expect(rows.read(rows.put(message), message.slot)).toEqual(message);
    const nameless = new Message({ ...message, msgId: 'none' } as unknown as Sent, 0, 1, TOPICS[0] as Topic);
    expect(() => rows.put(nameless)).toThrow('rows: none is no msg_id');
  });

  it('planted: an index that splits without moving, one that forgets the rest of its bucket, a text cut short are seen', () => {
    const index = WindowIndex.prototype as unknown as { buckets: number; round: number };
    const split = function (this: typeof index): void {
      if (++this.buckets === 2 * this.round) this.round *= 2;
    };
    expect(isSeen(index, 'split', split, indexes(new Reached('')))).toBe(true);
    const first = (WindowIndex.prototype as unknown as Record<string, () => number>)['first']!;
    const after = (): number => -1;
    expect(isSeen(index, 'after', after, indexes(new Reached('')))).toBe(true);
    expect(first).toBe(WindowIndex.prototype.first);
    const packShort = (Packing.prototype as unknown as Record<string, (text: string) => boolean>)['packShort']!;
    const cut = function (this: Packing, text: string): boolean {
      return packShort.call(this, text.slice(0, 127));
    };
    expect(isSeen(Packing.prototype, 'packShort', cut as never, packs)).toBe(true);
  });

  it('planted: a window that is never closed, a receipt that is never forgotten, times that do not move back are seen', () => {
    for (const method of ['closeWindow', 'forgetSettled', 'setBack'])
      expect(
        isSeen(Rows.prototype, method, () => {}, likeMessages(new Reached(''))),
        method,
      ).toBe(true);
  }, 120_000);
});
