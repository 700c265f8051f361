import { describe, expect, it } from 'vitest';
import { advance } from '../../src/core/advance.ts';
import { apply } from '../../src/core/apply.ts';
import type { Command } from '../../src/core/commands.ts';
import { due } from '../../src/core/due.ts';
import { execute } from '../../src/core/execute.ts';
import type { Fact } from '../../src/core/facts.ts';
import { imagesOf } from '../../src/core/image.ts';
import type { Limits } from '../../src/core/limits.ts';
import { ShardState } from '../../src/core/state.ts';
import { Reader, Writer } from '../../src/journal/bytes.ts';
import { LIMIT_FIELDS } from '../../src/journal/fields.ts';
import { readRecord, writeRecord } from '../../src/journal/record.ts';
import type { Entry, Item } from '../../src/journal/record-items.ts';
import { Replica } from '../../src/journal/replica.ts';
import fc from '../support/properties.ts';

const HOURS_12_MS = 12 * 3_600_000;
const YEAR_MS = 365 * 86_400_000;
const SHARD = 1023;
/** The first, one of today, and the last of which a `msg_id` can be. */
const TIMES_MS = [0, 1_700_000_000_000, 2 ** 48 - 1 - 2 * YEAR_MS];
const HASH = `b3:${'f'.repeat(64)}`;
const KIB = 'é\u{1f989}\ufffd~'.repeat(102) + 'a'.repeat(4);
const ATTRS = Object.fromEntries(Array.from({ length: 32 }, (_, i) => [`${i}`.padEnd(64, 'k'), KIB]));

const NOTHING = new Uint8Array(0);
const SOME = new Uint8Array(3);
const MIB = new Uint8Array(1024 ** 2);

const written = (entries: readonly Entry[]): Buffer => {
  const w = new Writer();
  for (const { shard, item } of entries) writeRecord(w, shard, item);
  return Buffer.from(w.buffer.subarray(0, w.length));
};
function mustBeReadBack(entries: readonly Entry[]): void {
  const bytes = written(entries);
  const r = new Reader(bytes);
  const again = entries.map(() => readRecord(r));
  expect(r.at).toBe(bytes.length);
  expect(written(again).equals(bytes)).toBe(true);
  // A megabyte was compared as bytes.
  expect(again.map(withoutPayload)).toEqual(entries.map(withoutPayload));
}
const withoutPayload = ({ shard, item }: Entry): object => ({ shard, item: { ...item, payload: 0 } });

/** What a shard is, in a snapshot: whole, and another shard is made of it that says the same. */
function mustBeASnapshot(state: ShardState, limits: Limits): void {
  const head = {
    name: 'head',
    sequence: 1,
    term: 1,
    hash: '0'.repeat(64),
    segment: 1,
    at: 768,
    shards: SHARD + 1,
    limits,
  } as const;
  const others = Array.from({ length: SHARD }, (_, shard) => ({
    shard,
    item: [...imagesOf(new ShardState(shard, limits))][0] as Item,
  }));
  const images: Entry[] = [...imagesOf(state)].map((item) => ({ shard: SHARD, item }));
  const all: Entry[] = [{ shard: null, item: head }, ...others, ...images];
  const bytes = written([...all, { shard: null, item: { name: 'end', records: all.length } }]);
  const { take, done } = Replica.restoring(1, bytes.length, { shard: SHARD });
  for (const r = new Reader(bytes); r.at < r.end; ) take(readRecord(r));
  const again = done().replica.shards[SHARD] as ShardState;
  expect(written([...imagesOf(again)].map((item) => ({ shard: SHARD, item }))).equals(written(images))).toBe(true);
}

const limitsOf = (picks: readonly number[]): Limits =>
  Object.fromEntries(
    Object.entries(LIMIT_FIELDS).map(([name, { min, max }], i) => [
      name,
      [min, max, Math.min(max, 5)][(picks[i] as number) % 3],
    ]),
  ) as unknown as Limits;

/** A command at the ends of what the wire takes, about some message that there is. */
function commandOf(state: ShardState, atMs: number, roll: number, key: number): Command | null {
  const pick = <T>(...of: readonly T[]): T => of[Math.floor(roll / 16) % of.length] as T;
  const [leased] = state.leases.values();
  const dead = state.dead.first();
  const { msgId = '', receipt = '' } = leased ?? {};
  switch (roll % 9) {
    case 0:
    case 1: {
      const idemKey = `${key}`.padStart(pick(1, 128), '~');
      const payload = pick(NOTHING, SOME, roll % 7 === 0 ? MIB : SOME);
      const content = {
        topic: pick('t'.repeat(128), 'a', '0:.-_'),
        idemKey,
        payload,
        payloadHash: HASH,
        hashChain: HASH,
      };
      const times = { delayMs: pick(0, HOURS_12_MS), ttlMs: pick(1, YEAR_MS, Number.POSITIVE_INFINITY) };
      const random = pick(0, 2 ** 34 - 1);
      const tsMs = pick(0, 2 ** 48 - 1);
      return { name: 'send', atMs, tsMs, ...content, attrs: pick({}, ATTRS), corrId: 'c'.repeat(36), ...times, random };
    }
    case 2:
    case 3: {
      const topic = [...state.topics.keys()][0] ?? 'a';
      const lease = {
        visibilityMs: pick(250, HOURS_12_MS),
        bytesMax: 1024 ** 2,
        inflightElsewhere: 0,
        tenantInflightElsewhere: 0,
      };
      return { name: 'recv', atMs, topic, receipt: pick('!', '~').repeat(pick(1, 128)), ...lease };
    }
    case 4:
      return { name: 'ack', atMs, msgId, receipt: receipt as string };
    case 5: {
      const how = {
        retryAfterMs: pick(0, HOURS_12_MS, null),
        deadLetter: pick(false, true),
        damaged: pick(false, true),
      };
      return {
        name: 'nack',
        atMs,
        msgId,
        receipt: receipt as string,
        jitter: pick(0, 0.999999),
        reason: pick(KIB, '', null),
        ...how,
      };
    }
    case 6:
      return { name: 'extend', atMs, msgId, receipt: receipt as string, visibilityMs: pick(250, HOURS_12_MS, null) };
    case 7:
      return { name: 'release', atMs, msgId, receipt: receipt as string, jitter: pick(0, 0.999999) };
    default:
      if (dead === undefined) return null;
      return pick<Command>(
        { name: 'reprocess', atMs, msgId: dead.msgId },
        { name: 'purge', atMs, msgId: dead.msgId, reason: 'admin' },
      );
  }
}

describe('extremes', () => {
  it('whatever is decided on what the wire takes, under whatever limits, is read back; clocks set back too (TM1)', () => {
    const seen = new Map<string, number>();
    const rolls = fc.array(fc.nat(2 ** 20), { minLength: 60, maxLength: 60, size: 'max' });
    const picks = fc.array(fc.nat(2), { minLength: 21, maxLength: 21, size: 'max' });
    fc.assert(
      fc.property(rolls, picks, fc.constantFrom(...TIMES_MS), (drawn, chosen, startMs) => {
        const limits = limitsOf(chosen);
        const state = new ShardState(SHARD, limits);
        let atMs = startMs;
        const take = (facts: readonly Fact[]): void => {
          mustBeReadBack(facts.map((item) => ({ shard: SHARD, item })));
          for (const { name } of facts) seen.set(name, (seen.get(name) ?? 0) + 1);
        };
        for (const [i, roll] of drawn.entries()) {
          atMs += [0, 1, 250, HOURS_12_MS][Math.floor(roll / 9) % 4] as number;
          if (atMs > state.nowMs) advance(state, atMs);
          const overdue = due(state, 0.5);
          if (overdue !== null) take(execute(state, overdue).facts);
          const command = commandOf(state, atMs, roll, i);
          if (command !== null) take(execute(state, command).facts);
        }
        mustBeASnapshot(state, limits);
        for (const backMs of [atMs - HOURS_12_MS, 0]) {
          if (backMs < 0) continue;
          const fact = { name: 'recovered', atMs: backMs } as const;
          apply(state, fact);
          take([fact]);
          mustBeASnapshot(state, limits);
        }
      }),
      { numRuns: 30 },
    );
    console.log([...seen].map(([name, count]) => `${name} ${count}`).join(', '));
    expect(seen.size).toBe(10);
  });
});
