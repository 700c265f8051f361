import { randomBytes } from 'node:crypto';
import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestServer, until } from '../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start({ max_body_memory: '1MiB', read_timeout: '1s', tenant_share: '0' });
});
afterAll(() => server.stop());

const brotli = (plain: Buffer): Buffer =>
  brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } });
const ENCODERS = { gzip: gzipSync, deflate: deflateSync, br: brotli } as const;
const bodyOf = (key: string, payload: Buffer): Buffer =>
  Buffer.from(JSON.stringify({ topic: 't.enc', idem_key: key, payload_b64: payload.toString('base64') }));
const post = (encoding: string, body: Buffer) =>
  server.postBytes('/v1/send', body, { 'content-type': 'application/json', 'content-encoding': encoding });
const codeOf = (bytes: Buffer): string => JSON.parse(bytes.toString()).code;
const depth = async (): Promise<number> => (await server.ask('GET', '/v1/stats?topic=t.enc')).body.depth;

describe('encoded bodies', () => {
  it.each(Object.entries(ENCODERS))('%s: read as if it were plain (D3)', async (encoding, encode) => {
    for (const size of [0, 10, 40_000, 600_000]) {
      const payload = randomBytes(size);
      const answer = await post(encoding, encode(bodyOf(`${encoding}-${size}`, payload)));
      expect([size, answer.status]).toEqual([size, 200]);
    }
    expect((await post(encoding.toUpperCase(), encode(bodyOf(`${encoding}-0`, Buffer.alloc(0))))).status).toBe(409);
  });

  it.each(Object.entries(ENCODERS))(
    '%s: beyond the ratio is 413, however it is spread (D3)',
    async (encoding, encode) => {
      const before = await depth();
      const bombs = [Buffer.alloc(1_000), Buffer.alloc(1_000_000), Buffer.alloc(16 * 1024 * 1024)];
      for (const plain of bombs) {
        const answer = await post(encoding, encode(plain));
        expect([answer.status, codeOf(answer.bytes)], String(plain.length)).toEqual([413, 'E_FRAME_TOO_LARGE']);
        expect(answer.headers.get('connection')).toBe('close');
      }
      // Random bytes first, so that the beginning is within the ratio.
      const late = encode(Buffer.concat([randomBytes(50_000), Buffer.alloc(900_000)]));
      expect((await post(encoding, late)).status).toBe(413);
      expect(await depth()).toBe(before);
      expect(await server.metric('rejected_total{reason="ratio_cap"}')).toBeGreaterThanOrEqual(4);
    },
  );

  it.each(Object.entries(ENCODERS))(
    '%s: more than 1 MiB expanded is 413 within the ratio, too (D2)',
    async (encoding, encode) => {
      const answer = await post(encoding, encode(Buffer.from(randomBytes(600_000).toString('hex'))));
      expect([answer.status, codeOf(answer.bytes)]).toEqual([413, 'E_FRAME_TOO_LARGE']);
    },
  );

  it('what is not whole, not alone or not what it says is 400', async () => {
    const before = await depth();
    // Always the same bytes: of random ones, a flipped bit might by chance expand beyond the ratio.
    const body = bodyOf('broken', Buffer.from(Array.from({ length: 2_000 }, (_, i) => (i * i * 31 + i * 17) % 251)));
    const gzip = gzipSync(body);
    const flipped = Buffer.from(gzip);
    flipped[100]! ^= 1;
    const cases: [string, string, Buffer][] = [
      ['cut short', 'gzip', gzip.subarray(0, -9)],
      ['cut in its trailer', 'gzip', gzip.subarray(0, -1)],
      ['a flipped bit', 'gzip', flipped],
      ['garbage after it', 'gzip', Buffer.concat([gzip, Buffer.from('x')])],
      ['zeros after it', 'gzip', Buffer.concat([gzip, Buffer.alloc(8)])],
      ['two members', 'gzip', Buffer.concat([gzipSync(body.subarray(0, 50)), gzipSync(body.subarray(50))])],
      ['plain text', 'gzip', body],
      ['nothing', 'gzip', Buffer.alloc(0)],
      ['deflate without its header', 'deflate', deflateRawSync(body)],
      ['garbage after deflate', 'deflate', Buffer.concat([deflateSync(body), Buffer.from('xx')])],
      ['gzip called br', 'br', gzip],
      ['garbage after br', 'br', Buffer.concat([brotliCompressSync(body), Buffer.from('xx')])],
      ['br cut short', 'br', brotliCompressSync(body).subarray(0, -3)],
      ['a layer inside', 'gzip', gzipSync(gzip)],
      [
        'br with a large window',
        'br',
        brotliCompressSync(body, {
          params: { [constants.BROTLI_PARAM_LARGE_WINDOW]: 1, [constants.BROTLI_PARAM_LGWIN]: 30 },
        }),
      ],
    ];
    for (const [name, encoding, bytes] of cases) {
      const answer = await post(encoding, bytes);
      expect([answer.status, codeOf(answer.bytes)], name).toEqual([400, 'E_SCHEMA']);
    }
    expect(await depth()).toBe(before);
  });

  it('identity is no encoding', async () => {
    expect((await post('identity', bodyOf('identity', Buffer.alloc(3)))).status).toBe(200);
  });

  it('memory: large bodies being read are bounded together, small ones pass; what is let go is given back (D4)', async () => {
    const head = (bytes: number, more = '') =>
      `POST /v1/send HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${server.capability}\r\nContent-Type: application/json\r\n${more}Content-Length: ${bytes}\r\n\r\n`;
    const slow = server.raw(head(900_000) + 'x'.repeat(800_000));
    const held = (): Promise<number> => server.metric('body_memory_bytes');
    await until(async () => (await held()) === 800_000);
    const large = await server.post('/v1/send', {
      topic: 't.enc',
      idem_key: 'large',
      payload_b64: 'A'.repeat(400_000),
    });
    expect([large.status, large.body.code, large.body.reason]).toEqual([429, 'E_SATURATED', 'memory']);
    expect((await server.send('t.enc', 'small')).status).toBe(200);
    expect(await slow).toMatch(/^HTTP\/1\.1 408 /);
    await until(async () => (await held()) === 0);
  });
});
