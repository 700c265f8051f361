import { readFileSync } from 'node:fs';
import { blake3 } from '@noble/hashes/blake3.js';
import { describe, expect, it } from 'vitest';
import { blake3Hex } from '../../src/integrity/blake3.ts';
import { hashesOf } from '../../src/integrity/blake3-lanes.ts';
import { hashChainOf, integrity, payloadHashOf } from '../../src/integrity/hash-chain.ts';
import { timestampOf } from '../../src/integrity/timestamp.ts';
import { type HashedEnvelope, verifyEnvelope } from '../../src/integrity/verify.ts';
import fc, { Reached } from '../support/properties.ts';

interface Vector {
  readonly name: string;
  readonly envelope: HashedEnvelope;
}
const read = (name: string) => JSON.parse(readFileSync(new URL(`../vectors/${name}`, import.meta.url), 'utf8'));
const { vectors } = read('hash-chain.json') as { vectors: Vector[] };

const reference = (bytes: Uint8Array): string => Buffer.from(blake3(bytes)).toString('hex');
/** The official test inputs: bytes counting 0..250, again and again. */
const counting = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i % 251);

const lp = (bytes: Uint8Array): Buffer => {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(bytes.length);
  return Buffer.concat([head, bytes]);
};

describe('blake3', () => {
  it('hash: equals the published vectors', () => {
    const { cases } = read('blake3.json') as { cases: { input_len: number; hash: string }[] };
    expect(cases.length).toBeGreaterThan(5);
    for (const { input_len, hash } of cases) expect(blake3Hex(counting(input_len)), `${input_len} bytes`).toBe(hash);
  });

  it('hash: equals the reference at every length around the block, chunk and switch sizes (T1)', () => {
    for (const middle of [0, 64, 1024, 2048, 4096, 65_536]) {
      for (let length = Math.max(0, middle - 3); length <= middle + 3; length++) {
        expect(blake3Hex(counting(length)), `${length} bytes`).toBe(reference(counting(length)));
      }
    }
    const largest = counting(1_048_576);
    expect(blake3Hex(largest)).toBe(reference(largest));
  });

  it('hash: equals the reference on any bytes, views into larger buffers included', () => {
    const reached = new Reached('blake3');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 6000 }), fc.nat({ max: 64 }), (bytes, offset) => {
        reached.saw({ bytes: bytes.length });
        const view = new Uint8Array(offset + bytes.length).subarray(offset);
        view.set(bytes);
        return blake3Hex(view) === reference(bytes);
      }),
      { numRuns: 100 },
    );
    // Both builds, and a tree of chunks.
    reached.atLeast({ bytes: 5_000 });
  });
});

describe('many hashes', () => {
  it('in lanes: equals the reference at every length of a lane, beside any others, and beyond it (T1)', () => {
    for (let length = 0; length <= 1026; length++) {
      const inputs = [length, 1024 - Math.min(length, 1024), 0, (7 * length) % 1025, length, 65].map(counting);
      expect(hashesOf(inputs), `${length} bytes`).toEqual(inputs.map((bytes) => `b3:${blake3Hex(bytes)}`));
    }
    const lengths = [0, 1, 63, 64, 65, 1023, 1024, 1025, 3000];
    expect(hashesOf(lengths.map(counting))).toEqual(lengths.map((length) => `b3:${reference(counting(length))}`));
  });

  it('of any bytes and any number of them, nothing left of what was hashed before; none of none (T1)', () => {
    expect(hashesOf([])).toEqual([]);
    const inputs = fc.array(fc.uint8Array({ maxLength: 1100, size: 'max' }), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(inputs, (all) => {
        expect(hashesOf(all)).toEqual(all.map((bytes) => `b3:${reference(bytes)}`));
      }),
      { numRuns: 60 },
    );
  });

  it('chains of many are those of each, attributes among them (T2)', () => {
    const text = fc.string({ unit: 'binary', maxLength: 300 });
    const chained = fc.record({
      ...{ topic: text, sentAtMs: fc.nat(4e12), idemKey: text, payloadHash: fc.constant(payloadHashOf(counting(9))) },
      attrs: fc.dictionary(fc.stringMatching(/^[a-z0-9]{1,9}$/), text, { maxKeys: 4 }),
    });
    const large = Object.fromEntries(Array.from({ length: 32 }, (_, i) => [`a${i}`, 'x'.repeat(1000)]));
    const wide = chained.map((one) => ({ ...one, attrs: large }));
    fc.assert(
      fc.property(fc.array(fc.oneof({ weight: 4, arbitrary: chained }, wide), { maxLength: 9 }), (all) => {
        expect(integrity.hashChainsOf?.(all)).toEqual(
          all.map((one) => hashChainOf(one.topic, timestampOf(one.sentAtMs), one.idemKey, one.payloadHash, one.attrs)),
        );
      }),
    );
  });
});

describe('hash chain', () => {
  it.each(vectors)('vector: $name', ({ envelope }) => {
    const { topic, ts, idem_key, payload_hash, attrs, hash_chain } = envelope;
    expect(hashChainOf(topic, ts, idem_key, payload_hash, attrs)).toBe(hash_chain);
    expect(verifyEnvelope(envelope)).toBeNull();
  });

  it('chain: is the concatenation that the wire contract says, on any input (T2)', () => {
    const text = fc.string({ maxLength: 40, unit: 'grapheme' });
    const reached = new Reached('hash chain');
    const attrs = fc.dictionary(fc.stringMatching(/^[a-z0-9._-]{1,64}$/), text, { maxKeys: 32 });
    fc.assert(
      fc.property(
        text,
        text,
        fc.nat(),
        fc.uint8Array({ maxLength: 300 }),
        attrs,
        (topic, idemKey, ms, payload, pairs) => {
          reached.saw({ attrs: Object.keys(pairs).length, payload: payload.length, text: topic.length });
          const hash = payloadHashOf(payload);
          const keys = Object.keys(pairs).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
          const count = Buffer.alloc(4);
          count.writeUInt32BE(keys.length);
          const parts = ['svc-mailbox/envelope/v1', topic, new Date(ms).toISOString(), idemKey].map((s) =>
            Buffer.from(s),
          );
          const bytes = Buffer.concat([
            ...parts.map(lp),
            lp(Buffer.from(hash.slice(3), 'hex')),
            count,
            ...keys.flatMap((key) => [lp(Buffer.from(key)), lp(Buffer.from(pairs[key] as string))]),
          ]);
          return integrity.hashChainOf(topic, ms, idemKey, hash, pairs) === `b3:${reference(bytes)}`;
        },
      ),
    );
    reached.atLeast({ attrs: 25, payload: 250, text: 30 });
  });

  it('chain: a change of any field that it is over is noticed, of each hash too', () => {
    for (const { envelope } of vectors) {
      const payload = Buffer.from(`${envelope.payload_b64}A`, 'base64').toString('base64');
      const changed: [Partial<HashedEnvelope>, string][] = [
        [{ topic: `${envelope.topic}x` }, 'hash_chain'],
        [{ ts: '2026-02-01T00:00:00.002Z' }, 'hash_chain'],
        [{ idem_key: `x${envelope.idem_key}` }, 'hash_chain'],
        [{ attrs: { ...envelope.attrs, extra: '' } }, 'hash_chain'],
        [{ payload_b64: `AAAA${payload}` }, 'payload_hash'],
        [{ payload_hash: `b3:${'0'.repeat(64)}` }, 'payload_hash'],
        [{ hash_chain: `b3:${'0'.repeat(64)}` }, 'hash_chain'],
      ];
      for (const [change, field] of changed) expect(verifyEnvelope({ ...envelope, ...change })).toBe(field);
    }
  });

  it('timestamp: is that of Date at any millisecond', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 4e12 }), (ms) => timestampOf(ms) === new Date(ms).toISOString()));
  });
});
