import { describe, expect, it } from 'vitest';
import { DEAD_REASONS, PURGE_REASONS, STATES } from '../../spec/vocabulary.ts';
import { PLACES } from '../../src/core/image.ts';
import { BytesError, Reader, Writer } from '../../src/journal/bytes.ts';
import { readRecord, writeRecord } from '../../src/journal/record.ts';
import { KINDS } from '../../src/journal/record-items.ts';
import { APART } from '../../src/journal/record-parts.ts';
import type { Barred, Charged } from '../../src/ports/process-facts.ts';
import fc, { Reached } from '../support/properties.ts';
import { anyEntry } from '../support/records.ts';
import { sendOf } from '../support/shard.ts';

describe('record', () => {
  it('every kind: read back as it was written, one after the other', () => {
    const seen = new Set<string>();
    const reached = new Reached('records');
    fc.assert(
      fc.property(fc.array(anyEntry, { maxLength: 60 }), (entries) => {
        const w = new Writer(16);
        for (const { shard, item } of entries) {
          seen.add('chain' in item && item.name === 'charged' ? 'charged_link' : item.name);
          writeRecord(w, shard, item);
        }
        const r = new Reader(w.buffer, 0, w.length);
        expect(entries.map(() => readRecord(r))).toEqual(entries);
        expect(r.at).toBe(w.length);
        reached.saw({ entries: entries.length, bytes: w.length });
      }),
      { numRuns: 100 },
    );
    reached.atLeast({ entries: 50, bytes: 5_000 });
    expect([...seen].sort()).toEqual(
      Object.keys(KINDS)
        .filter((name) => !/_(apart|within)$/.test(name))
        .sort(),
    );
  });

  it('quota windows and bars: their bytes, and those that an earlier version wrote without a chain (AU2, AU6)', () => {
    const on = { nonce: 'n', endMs: 3, windowMs: 4 };
    const bytesOf = (item: Charged | Barred): string => {
      const w = new Writer();
      writeRecord(w, null, item);
      expect(readRecord(new Reader(w.buffer, 0, w.length)).item).toEqual(item);
      return Buffer.from(w.buffer.subarray(0, w.length)).toString('hex');
    };
    const charged: Charged = { name: 'charged', line: 'l', used: 2, ...on };
    const barred: Barred = { name: 'barred', chain: 'a.b', ...on };
    expect([charged, { ...charged, chain: 'a.b' }, barred].map(bytesOf)).toMatchInlineSnapshot(`
      [
        "23ffff1c000000016e016c000000000000004000000000000008400000000000001040",
        "25ffff2000000003612e62016e016c000000000000004000000000000008400000000000001040",
        "26ffff1600000003612e62016e00000000000008400000000000001040",
      ]
    `);
  });

  it('a payload of its own file: everything else is there', () => {
    const hash = `b3:${'1f'.repeat(32)}`;
    const { delayMs, ttlMs, random, tsMs, ...send } = sendOf(5, 't', 'k', { payloadHash: hash, hashChain: hash });
    const msgId = '0'.repeat(26);
    const item = { ...send, name: 'sent', msgId, notBeforeMs: 5, ttlAtMs: 9, idemUntilMs: 7 } as const;
    const w = new Writer();
    writeRecord(w, 3, item, true);
    const { item: read } = readRecord(new Reader(w.buffer, 0, w.length));
    expect(read).toEqual({ ...item, payload: APART });
    expect((read as typeof item).payload).toBe(APART);
  });

  it('bytes that are no record: refused, never read past their end', () => {
    fc.assert(
      fc.property(anyEntry, fc.nat(), fc.nat(255), ({ shard, item }, at, value) => {
        const w = new Writer();
        writeRecord(w, shard, item);
        const bytes = new Uint8Array(w.buffer.subarray(0, w.length));
        expect(() => readRecord(new Reader(bytes, 0, at % bytes.length))).toThrow(BytesError);
        bytes[at % bytes.length] = value;
        try {
          readRecord(new Reader(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(BytesError);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('clocks: times that are none are refused, and named (TM1)', () => {
    const read = (serviceMs: number, wallMs: number) => {
      const w = new Writer();
      writeRecord(w, null, { name: 'clocks', serviceMs, wallMs });
      return readRecord(new Reader(w.buffer, 0, w.length)).item;
    };
    const none = fc.oneof(
      fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -1, 0.5, 2 ** 53),
      fc.double({ max: -Number.MIN_VALUE }),
    );
    fc.assert(
      fc.property(none, (time) => {
        expect(() => read(time, 5)).toThrow(`service_ms is ${time}, not a whole number`);
        expect(() => read(5, time)).toThrow(`wall_ms is ${time}, not a whole number`);
      }),
    );
    expect(() => read(5, 2 ** 48)).toThrow('wall_ms');
    expect(read(5, 2 ** 48 - 1)).toEqual({ name: 'clocks', serviceMs: 5, wallMs: 2 ** 48 - 1 });
  });

  it('numbers on disk: kinds and lists only grow at their end', () => {
    expect(Object.entries(KINDS).join(' ')).toMatchInlineSnapshot(
      `"sent,1 sent_apart,2 received,3 acked,4 nacked,5 extended,6 released,7 expired,8 reprocessed,9 purged,10 recovered,11 started,32 limited,33 revoked,34 charged,35 clocks,36 charged_link,37 barred,38 told,39 redrive_begun,40 redrive_went,41 shard,64 free_slots,65 message,66 message_apart,67 settled,68 head,96 end,97 head_within,98"`,
    );
    expect([STATES, DEAD_REASONS, PURGE_REASONS, PLACES].map((list) => list.join(' '))).toMatchInlineSnapshot(`
      [
        "absent queued leased redelivered acked dead_lettered purged",
        "max_attempts rejected integrity retention ttl",
        "admin age count",
        "none fresh returned waiting",
      ]
    `);
  });
});
