import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { OUTCOMES } from '../../spec/vocabulary.ts';
import { plainText } from '../../src/client/bytes.ts';
import { portableCrypto } from '../../src/client/crypto.ts';
import { errorOf, MailboxError } from '../../src/client/error.ts';
import { APP, framesOf, receivedIn, unitBytes } from '../../src/client/frames.ts';
import { brokenFieldOf } from '../../src/client/integrity.ts';
import { linesOf } from '../../src/client/lines.ts';
import { nodeCrypto } from '../../src/client/node-crypto.ts';
import { eachOf } from '../../src/client/pages.ts';
import type { FrameEnvelope, FramesReceived } from '../../src/client/types.ts';
import { hashChainOf, payloadHashOf } from '../../src/integrity/hash-chain.ts';
import { signerOf } from '../../src/integrity/signature.ts';
import { FLAG } from '../../src/wire/frame.ts';
import { readUnits, UnitWriter } from '../../src/wire/units.ts';
import fc from '../support/properties.ts';

const text = fc.string({ unit: 'binary', maxLength: 40 });
const attrs = fc.dictionary(fc.stringMatching(/^[a-z0-9.-]{1,12}$/), text, { maxKeys: 6 });
const bytes = (maxLength: number) => fc.uint8Array({ maxLength, size: 'max' });
const { privateKey } = generateKeyPairSync('ed25519');
const signer = signerOf(Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' })));

const envelopes = fc.record({ topic: text, ts: text, idem_key: text, payload: bytes(5000), attrs }).map((fields) => {
  const payload_hash = payloadHashOf(fields.payload);
  const hash_chain = hashChainOf(fields.topic, fields.ts, fields.idem_key, payload_hash, fields.attrs);
  return { ...fields, payload_hash, hash_chain, sig: signer.sign(hash_chain) } as unknown as FrameEnvelope;
});

for (const [name, crypto] of [
  ['portable', portableCrypto],
  ['native', nodeCrypto],
] as const) {
  describe(`client, ${name}: checks on receipt`, () => {
    it('what the server hashes and signs holds, and nothing that was changed does (T1, T2, K3)', async () => {
      const field = fc.constantFrom('topic', 'ts', 'idem_key', 'payload', 'attrs', 'payload_hash', 'hash_chain', 'sig');
      await fc.assert(
        fc.asyncProperty(envelopes, field, async (envelope, changed) => {
          expect(await brokenFieldOf(crypto, envelope)).toBeNull();
          expect(await brokenFieldOf(crypto, envelope, [signer.jwk])).toBeNull();
          expect(await brokenFieldOf(crypto, { ...envelope, sig: null }, [signer.jwk])).toBe('sig');
          expect(await brokenFieldOf(crypto, envelope, [])).toBe('sig');
          const other = {
            ...{ topic: `${envelope.topic}x`, ts: `${envelope.ts}x`, idem_key: `x${envelope.idem_key}` },
            ...{ payload: Uint8Array.of(...envelope.payload, 1), attrs: { ...envelope.attrs, 'x.y': '' } },
            ...{ payload_hash: `b3:${'0'.repeat(64)}`, hash_chain: 'b3:', sig: signer.sign(`b3:${'0'.repeat(64)}`) },
          }[changed];
          const broken = await brokenFieldOf(crypto, { ...envelope, [changed]: other } as FrameEnvelope, [signer.jwk]);
          expect(broken).toBe(
            changed.startsWith('payload') ? 'payload_hash' : changed === 'sig' ? 'sig' : 'hash_chain',
          );
        }),
      );
    });
  });
}

describe('client: frames without Buffer', () => {
  it('what it writes is what the server reads, of the size that it said (T5)', () => {
    const units = fc.array(
      fc.record({
        json: fc.record({ topic: text, attrs }),
        payload: fc.oneof({ weight: 9, arbitrary: bytes(5_000) }, fc.constant(new Uint8Array(200_000).fill(7))),
      }),
      {
        minLength: 1,
        maxLength: 4,
      },
    );
    fc.assert(
      fc.property(units, (given) => {
        const body = Buffer.from(framesOf(APP.send, given));
        const { units: read, broken } = readUnits(body, { kind: FLAG.REQ, unitsMax: 256, expand: null });
        expect(broken).toBeNull();
        expect(read.map(({ head }) => JSON.parse(head.toString()))).toEqual(
          given.map(({ json }) => JSON.parse(JSON.stringify(json))),
        );
        for (const [i, { payload }] of read.entries()) expect(payload.equals(given[i]!.payload)).toBe(true);
        const sizes = read.map(({ head, payload }) => unitBytes(head.length, payload.length));
        expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(body.length);
      }),
    );
  });

  it('what the server writes it reads; of bytes that were changed or cut off it makes an error or an answer, never anything else', async () => {
    const messages = fc.array(
      fc.record({
        idem_key: text,
        payload: fc.oneof({ weight: 9, arbitrary: bytes(5_000) }, fc.constant(new Uint8Array(100_000).fill(7))),
      }),
      { maxLength: 3 },
    );
    const change = fc.record({ at: fc.nat(), to: fc.nat(255), cut: fc.nat() });
    await fc.assert(
      fc.asyncProperty(messages, change, async (given, { at, to, cut }) => {
        const writer = new UnitWriter(FLAG.RESP, 64);
        for (const { payload, ...json } of given)
          writer.add({ app: 2, code: 200, capability: '', corrHi: 0, corrLo: 1 }, JSON.stringify(json), payload);
        const body = Buffer.from(writer.bytes());
        const answered = (bytes: Buffer) => ({ response: new Response(bytes), version: 1 }) as const;
        const { messages: read } = (await receivedIn(answered(body))) as FramesReceived;
        expect(read.map(({ idem_key }) => idem_key)).toEqual(given.map(({ idem_key }) => idem_key));
        for (const [i, { payload }] of read.entries()) expect(Buffer.compare(payload, given[i]!.payload)).toBe(0);
        if (body.length === 0) return;
        body[at % body.length] = to;
        const broken = body.subarray(0, body.length - (cut % 3 === 0 ? cut % body.length : 0));
        const failed = await receivedIn(answered(broken)).catch((error: unknown) => error);
        expect(failed instanceof MailboxError || Array.isArray((failed as { messages: unknown }).messages)).toBe(true);
      }),
    );
  });
});

describe('client: errors, pages, lines, reasons', () => {
  it('every code of the table has a class of its family, and is retryable where the table says so (R4)', () => {
    for (const { status, code, retryable, ...row } of Object.values(OUTCOMES)) {
      if (code === null) continue;
      const error = errorOf(status, { code, message: 'm', corr_id: 'c', ...row });
      expect(error).toMatchObject({ code, retryable, corrId: 'c', reason: 'reason' in row ? row.reason : null });
      expect(error.constructor, code).not.toBe(MailboxError);
      expect(error.name).toBe(error.constructor.name);
    }
    expect(errorOf(502, {})).toMatchObject({ code: 'E_HTTP', retryable: true });
    expect(errorOf(451, { code: '__proto__' })).toMatchObject({ code: '__proto__', retryable: false });
  });

  it('pages: each asked for once, in order, and no further than the reader goes; a cursor that leads nowhere is an error', async () => {
    const asked: (string | undefined)[] = [];
    const ask = async (cursor: string | undefined) => {
      asked.push(cursor);
      const at = Number(cursor ?? 0);
      return { items: [at, at + 1], next: at < 4 ? String(at + 2) : null };
    };
    const all: number[] = [];
    for await (const item of eachOf(ask, ({ items }) => items)) all.push(item);
    expect(all).toEqual([0, 1, 2, 3, 4, 5]);
    expect(asked.splice(0)).toEqual([undefined, '2', '4']);
    for await (const item of eachOf(ask, ({ items }) => items)) if (item === 1) break;
    expect(asked).toEqual([undefined]);
    const stuck = eachOf(
      async () => ({ next: '7' }),
      () => [1],
    );
    await expect(
      (async () => {
        for await (const _ of stuck);
      })(),
    ).rejects.toThrow('next 7');
  });

  it('lines: whole ones however they come; one without an end is not gathered for ever', async () => {
    const chunks = (parts: Iterable<string>) =>
      new Response(ReadableStream.from([...parts].map((part) => new TextEncoder().encode(part))));
    const read = async (response: Response) => {
      const lines: string[] = [];
      for await (const line of linesOf(response)) lines.push(line);
      return lines;
    };
    expect(await read(chunks(['{"a"', ':1}\n\n{"b"', ':2}\n']))).toEqual(['{"a":1}', '{"b":2}']);
    const endless = Array.from({ length: 80 }, () => 'x'.repeat(65_536));
    await expect(read(chunks(endless))).rejects.toThrow('a line of more than 4194304 characters');
  });

  it('a reason is cut to what the server takes: well-formed, no control characters, so many bytes', () => {
    expect(plainText('a\ud800b\nc', 4)).toBe('a\ufffd');
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 3000, size: 'max' }), (given) => {
        const reason = plainText(given, 1024);
        expect(Buffer.byteLength(reason)).toBeLessThanOrEqual(1024);
        expect(reason.isWellFormed()).toBe(true);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what may not be in it
        expect(reason).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
        if (Buffer.byteLength(given) < 1000 && /^[ -~]*$/.test(given)) expect(reason).toBe(given);
      }),
    );
  });
});
