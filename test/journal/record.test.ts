import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEAD_REASONS, PURGE_REASONS, STATES } from '../../spec/vocabulary.ts';
import { PLACES } from '../../src/core/image.ts';
import { BytesError, Reader, Writer } from '../../src/journal/bytes.ts';
import { KINDS, readRecord, writeRecord } from '../../src/journal/record.ts';
import { APART } from '../../src/journal/record-parts.ts';
import { anyEntry } from '../support/records.ts';
import { sendOf } from '../support/shard.ts';

describe('record', () => {
  it('every kind: read back as it was written, one after the other', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(fc.array(anyEntry, { maxLength: 10 }), (entries) => {
        const w = new Writer(16);
        for (const { shard, item } of entries) {
          seen.add(item.name);
          writeRecord(w, shard, item);
        }
        const r = new Reader(w.buffer, 0, w.length);
        expect(entries.map(() => readRecord(r))).toEqual(entries);
        expect(r.at).toBe(w.length);
      }),
      { numRuns: 500 },
    );
    expect([...seen].sort()).toEqual(
      Object.keys(KINDS)
        .filter((name) => !/_(apart|within)$/.test(name))
        .sort(),
    );
  });

  it('a payload of its own file: everything else is there', () => {
    const hash = `b3:${'1f'.repeat(32)}`;
    const { delayMs, ttlMs, random, ...send } = sendOf(5, 't', 'k', { payloadHash: hash, hashChain: hash });
    const item = { ...send, name: 'sent', msgId: 'm', notBeforeMs: 5, ttlAtMs: 9, idemUntilMs: 7 } as const;
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

  it('numbers on disk: kinds and lists only grow at their end', () => {
    expect(Object.entries(KINDS).join(' ')).toMatchInlineSnapshot(
      `"sent,1 sent_apart,2 received,3 acked,4 nacked,5 extended,6 released,7 expired,8 reprocessed,9 purged,10 recovered,11 started,32 limited,33 revoked,34 charged,35 shard,64 free_slots,65 message,66 message_apart,67 settled,68 head,96 end,97 head_within,98"`,
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
