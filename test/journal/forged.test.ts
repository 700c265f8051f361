import { describe, expect, it } from 'vitest';
import type { MessageFields, MessageImage } from '../../src/core/image.ts';
import { formatMsgId } from '../../src/core/msg-id.ts';
import { audit } from '../../src/journal/audit.ts';
import { Writer } from '../../src/journal/bytes.ts';
import { filesOf, segmentFile, snapshotFile } from '../../src/journal/layout.ts';
import { writeRecord } from '../../src/journal/record.ts';
import type { Entry, Item } from '../../src/journal/record-items.ts';
import { recover } from '../../src/journal/recover.ts';
import { forgeFrame, forgeSnapshot, rawRecord } from '../support/forge.ts';
import { hashOf, JournalBench, LIMITS, RECOVERING, sha256 } from '../support/journal.ts';

const integrity = { payloadHashOf: hashOf, hashChainOf: (_t: string, _a: number, _k: string, hash: string) => hash };

/** A journal of a process, with a snapshot or without. */
function lived(steps: number): JournalBench {
  const bench = new JournalBench(4, { segmentBytes: 4096 }).open();
  bench.start();
  for (let i = 0; i < steps; i++) {
    bench.queue.run();
    bench.step(3, 100);
  }
  bench.queue.run();
  return bench;
}

const NOW = 2_000_000;
const ID = formatMsgId(NOW, 0, 77, 0);
const HASH = `b3:${'00'.repeat(32)}`;
const limits = (w: Writer, changed: Partial<typeof LIMITS> = {}): void => {
  const all = Object.values({ ...ORDERED, ...changed });
  w.u16(all.length);
  for (const value of all) w.f64(value);
};
/** As they stand on disk. */
const { shardCapacity, globalInflight, dedupCapacity, settledCapacity, dlqMaxPerTopic, dlqCapacity } = LIMITS;
const { dlqRetentionMs, defaultVisibilityMs, backoffBaseMs, backoffMaxMs, tReplayMs, maxAttempts, maxRedrives } =
  LIMITS;
const ORDERED = {
  ...{ shardCapacity, globalInflight, dedupCapacity, settledCapacity, dlqMaxPerTopic, dlqCapacity, dlqRetentionMs },
  ...{ defaultVisibilityMs, backoffBaseMs, backoffMaxMs, tReplayMs, maxAttempts, maxRedrives },
  inflightFactor: LIMITS.inflightFactor,
  readyRetentionMs: LIMITS.readyRetentionMs,
  releasesMax: LIMITS.releasesMax,
};
const started = (term: number, shards = 2, changed: Partial<typeof LIMITS> = {}): Uint8Array =>
  rawRecord('started', null, (w) => {
    w.f64(NOW);
    w.f64(term);
    w.u16(shards);
    limits(w, changed);
  });
const limited = (changed: Partial<typeof LIMITS>): Uint8Array => rawRecord('limited', null, (w) => limits(w, changed));
const received = (visibilityMs: number, leaseEndsMs: number): Uint8Array =>
  rawRecord('received', 0, (w) => {
    w.f64(NOW);
    w.text(ID);
    w.text('r'.repeat(22));
    w.f64(visibilityMs);
    w.f64(leaseEndsMs);
  });
const sent = ({ atMs = NOW, topic = 't0', attrs = 0, msgId = ID, shard = 0 }): Uint8Array =>
  rawRecord('sent', shard, (w) => {
    w.f64(atMs);
    for (const text of [msgId, topic, 'key']) w.text(text);
    for (const hash of [HASH, HASH]) w.hash(hash);
    w.u16(attrs);
    for (let i = 0; i < Math.min(attrs, 3); i++) for (const text of [`k${i}`, '']) w.text(text);
    w.text('c');
    for (const ms of [NOW, Number.POSITIVE_INFINITY, NOW + 300]) w.f64(ms);
    w.u32(0);
  });

describe('forged facts', () => {
  const cases: [string, readonly Uint8Array[], string][] = [
    [
      'a process with term 2^53',
      [started(2 ** 53)],
      'started: term is 9007199254740992, not a whole number 1..4294967295',
    ],
    ['a process with term Infinity', [started(Number.POSITIVE_INFINITY)], 'started: term is Infinity'],
    ['a process with an term that leaves some out', [started(7)], 'started: term is 7, after 1'],
    ['a process with 65,535 shards', [started(2, 65_535)], 'started: shards is 65535, not a whole number 1..1024'],
    [
      'a limit of NaN',
      [limited({ maxAttempts: Number.NaN })],
      'limited: max_attempts is NaN, not a whole number 1..1000',
    ],
    ['a limit of 0', [limited({ shardCapacity: 0 })], 'limited: shard_capacity is 0'],
    ['a limit of -1', [limited({ tReplayMs: -1 })], 'limited: t_replay is -1'],
    ['a limit beyond its setting', [limited({ inflightFactor: 101 })], 'limited: inflight_factor is 101'],
    ['visibility Infinity', [received(Number.POSITIVE_INFINITY, NOW + 500)], 'received: visibility_ms is Infinity'],
    ['visibility of a day', [received(86_400_000, NOW + 500)], 'received: visibility_ms is 86400000'],
    ['a lease beyond every date', [received(50, 8.7e15)], 'received: lease_ends_ms is 8700000000000000'],
    ['a send beyond every msg_id', [sent({ atMs: 2 ** 48 })], 'sent: at_ms is 281474976710656'],
    ['65,535 attrs', [sent({ attrs: 65_535 })], 'sent: attrs is 65535, not a whole number 0..32'],
    ['a control character in a topic', [sent({ topic: 't\u001b[2J' })], 'sent: topic is no text of 1..128 characters'],
    ['a send of another shard', [sent({ shard: 1 })], `${ID} is not of shard 1`],
    ['a part of a snapshot', [rawRecord('free_slots', 0, (w) => w.u32(0))], 'free_slots: in the log'],
    ['the head of a snapshot', [rawRecord('end', null, (w) => w.f64(1))], 'end: in the log'],
  ];

  it.each(cases)('%s: the start is refused with file, place and field; verify says the same', (_name, records, why) => {
    const bench = lived(130);
    const { segment, at } = bench.journal.end;
    forgeFrame(bench.disk, ...records);
    const place = { file: segmentFile(segment), at };
    const found = recover(bench.disk, RECOVERING);
    expect(found).toMatchObject({ kind: 'refused', ...place, why: expect.stringContaining(why) });
    expect(() => bench.open()).toThrow(why);
    const { problems } = audit(bench.disk, { hash: sha256, integrity });
    expect(problems).toEqual([{ ...place, why: expect.stringContaining(why) }]);
  });
});

type Records = { readonly entry: Entry; bytes: Uint8Array }[];

function written({ shard, item }: Entry): Uint8Array {
  const w = new Writer();
  writeRecord(w, shard, item);
  return new Uint8Array(w.buffer.subarray(0, w.length));
}

/** The records with those of one name changed. */
const changing =
  <N extends Item['name']>(
    name: N,
    change: (item: Extract<Item, { name: N }>, shard: number | null) => Uint8Array | Item,
  ) =>
  (records: Records) =>
    records.map(({ entry, bytes }) => {
      if (entry.item.name !== name) return { bytes };
      const changed = change(entry.item as Extract<Item, { name: N }>, entry.shard);
      return { bytes: changed instanceof Uint8Array ? changed : written({ shard: entry.shard, item: changed }) };
    });
/** Only the first of a name is changed. */
const first = <T>(one: (item: T) => T): ((item: T) => T) => {
  let done = false;
  return (item) => {
    if (done) return item;
    done = true;
    return one(item);
  };
};
const rawShard = (slots: number) =>
  changing('shard', ({ nowMs, lastSeq, lastNumber }, shard) =>
    rawRecord('shard', shard, (w) => {
      for (const value of [nowMs, lastSeq, lastNumber]) w.f64(value);
      w.u32(slots);
    }),
  );
const message = (change: (fields: MessageFields) => Partial<MessageFields>) =>
  changing(
    'message',
    first((item: MessageImage) => ({ ...item, message: { ...item.message, ...change(item.message) } })),
  );

describe('forged snapshots', () => {
  const cases: [string, (records: Records) => { bytes: Uint8Array }[], string][] = [
    [
      '65,535 shards',
      changing('head', ({ sequence, term, hash, segment }) =>
        rawRecord('head', null, (w) => {
          for (const value of [sequence, term]) w.f64(value);
          w.text(hash);
          w.f64(segment);
          w.u16(65_535);
          limits(w);
        }),
      ),
      'head: shards is 65535, not a whole number 1..1024',
    ],
    ['0xffffffff slots', rawShard(0xffffffff), 'shard: slots is 4294967295, not a whole number 0..1073741824'],
    ['more slots than its file could hold', rawShard(2 ** 30), 'shard: slots is 1073741824, more than a file of'],
    [
      'a free slot twice',
      changing('free_slots', (item) => ({ ...item, slots: [...item.slots, item.slots[0] as number] })),
      'is there twice',
    ],
    [
      'a slot that is neither free nor taken',
      changing('free_slots', (item) => ({ ...item, slots: item.slots.slice(1) })),
      'of them are there',
    ],
    ['a message in the slot of another', message(({ slot }) => ({ slot: slot + 1 })), 'message'],
    ['a message out of order', message(() => ({ seq: 2 ** 40 })), 'seq is 1099511627776, after 0 and up to'],
    ['a message older than all numbers', message(() => ({ ageNumber: 2 ** 40 })), 'age_number is 1099511627776'],
    ['a lease without a receipt', message(() => ({ state: 'leased', receipt: null })), 'leased'],
    ['a payload of a message that is over', message(() => ({ state: 'acked', payload: new Uint8Array(3) })), 'acked'],
    [
      'a settled receipt of nothing',
      (all) => [...all.slice(0, -1), { bytes: written({ shard: 0, item: SETTLED }) }, ...all.slice(-1)],
      'settled: no message in slot',
    ],
    [
      'another frame than its name says',
      changing('head', (head) => ({ ...head, sequence: head.sequence + 1 })),
      'head: sequence is',
    ],
    [
      'a shard twice',
      (all) => all.flatMap((one) => (one.entry.item.name === 'shard' ? [one, one] : [one])),
      'is there twice',
    ],
    ['no shard', (all) => all.filter(({ entry }) => entry.shard === null), 'end: '],
    ['a fact', (all) => [...all.slice(0, 1), { bytes: sent({}) }, ...all.slice(1)], 'sent: in a snapshot'],
    ['an end before its end', changing('end', () => ({ name: 'end', records: 3 })), 'records, not 3'],
    ['more after its end', (all) => [...all, ...all.slice(1, 2)], 'after the end'],
    ['no end', (all) => all.slice(0, -1), 'not whole'],
  ];
  const SETTLED = { name: 'settled', slot: 2 ** 20, receipt: 'r', verb: 'ack', state: 'acked', untilMs: NOW } as const;

  it.each(cases)(
    '%s: passed over for the log, and named; refused where there is nothing else',
    (_name, change, why) => {
      const bench = lived(130);
      const whole = bench.look();
      const { snapshots } = filesOf(bench.disk);
      const newest = snapshots.at(-1) as number;
      expect(snapshots.length).toBeGreaterThan(1);
      forgeSnapshot(bench.disk, newest, change);
      const found = recover(bench.disk, RECOVERING);
      const says = { file: snapshotFile(newest), why: expect.stringContaining(why) };
      expect(found).toMatchObject({ kind: 'recovered', damagedSnapshots: [says] });
      expect(bench.look()).toBe(whole);
      expect(audit(bench.disk, { hash: sha256, integrity }).problems).toMatchObject([says]);
      for (const other of snapshots.slice(0, -1)) bench.disk.now({ op: 'remove', file: snapshotFile(other) });
      expect(recover(bench.disk, RECOVERING)).toMatchObject({ kind: 'refused', ...says });
    },
  );

  it('the older of two: it is not counted as one, and the start goes on', () => {
    const bench = lived(130);
    const [older] = filesOf(bench.disk).snapshots as [number];
    forgeSnapshot(bench.disk, older, cases[0]?.[1] as (records: Records) => { bytes: Uint8Array }[]);
    expect(() => bench.open()).not.toThrow();
  });
});
