import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, TestServer } from '../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start({ shard_capacity: '3', ready_shards: '1', read_timeout: '300ms' });
});
afterAll(() => server.stop());

const message = { topic: 't.bad', idem_key: 'k', payload_b64: 'aGVsbG8=' };
const MSG = '01J8ZC4V2N6Q9R0S3T5W7X8Y1A';
const depthNow = async (): Promise<number> => (await server.ask('GET', '/v1/stats?topic=t.bad')).body.depth;

/** A request in full, for what no client library would send. */
const raw = (head: string[], body = ''): Promise<string> =>
  server.raw(`${head.join('\r\n')}\r\n\r\n${body}`, (answer) => /\r\n\r\n.*\}$/s.test(answer));
const authorized = () => `Authorization: Bearer ${server.capability}`;
const JSON_HEAD = 'Content-Type: application/json';
const posting = (...more: string[]) => ['POST /v1/send HTTP/1.1', 'Host: x', authorized(), JSON_HEAD, ...more];

describe('refusals', () => {
  const wrong: [string, object, string][] = [
    ['topic missing', { topic: undefined }, 'topic: missing'],
    ['topic upper case', { topic: 'T' }, 'topic: 1..128 of a-z'],
    ['topic empty', { topic: '' }, 'topic: 1..128'],
    ['topic 129 long', { topic: 'a'.repeat(129) }, 'topic: 1..128'],
    ['topic a number', { topic: 1 }, 'topic: must be string'],
    ['idem_key missing', { idem_key: undefined }, 'idem_key: missing'],
    ['idem_key empty', { idem_key: '' }, 'idem_key: 1..128'],
    ['idem_key with a space', { idem_key: 'a b' }, 'idem_key: 1..128'],
    ['idem_key not ASCII', { idem_key: 'é' }, 'idem_key: 1..128'],
    ['payload_b64 without padding', { payload_b64: 'aGVsbG8' }, 'payload_b64: not canonical'],
    ['payload_b64 url-safe', { payload_b64: '_-8=' }, 'payload_b64: not canonical'],
    ['payload_b64 with a line break', { payload_b64: 'aGVs\nbG8=' }, 'payload_b64: not canonical'],
    ['payload_b64 with loose bits', { payload_b64: 'aGVsbG9=' }, 'payload_b64: not canonical'],
    ['payload_hash malformed', { payload_hash: 'b3:00' }, 'payload_hash: b3: and 64'],
    ['payload_hash upper case', { payload_hash: `b3:${'A'.repeat(64)}` }, 'payload_hash: b3: and 64'],
    ['unknown field', { priority: 1 }, 'priority: unknown field'],
    ['delay_ms negative', { delay_ms: -1 }, 'delay_ms: must be >= 0'],
    ['delay_ms a fraction', { delay_ms: 1.5 }, 'delay_ms: must be integer'],
    ['delay_ms too long', { delay_ms: 43_200_001 }, 'delay_ms: must be <= 43200000'],
    ['ttl_ms zero', { ttl_ms: 0 }, 'ttl_ms: must be >= 1'],
    ['attrs a list', { attrs: [] }, 'attrs: must be object'],
    ['attrs key', { attrs: { 'A b': '' } }, 'attrs.(a name that is none): unknown field (keys are'],
    ['attrs value a number', { attrs: { a: 1 } }, 'attrs.a: must be string'],
    ['attrs value with a control character', { attrs: { a: 'x\u0007' } }, 'text without control characters'],
    ['attrs value too long', { attrs: { a: 'é'.repeat(513) } }, 'attrs.a: at most 1024 bytes'],
    ['attrs too many', { attrs: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`k${i}`, ''])) }, 'than 32'],
  ];
  it.each(wrong)('send: %s is 400 and changes nothing (T4, R4)', async (_name, change, text) => {
    const answer = await server.post('/v1/send', { ...message, ...change });
    expect([answer.status, answer.body.code]).toEqual([400, 'E_SCHEMA']);
    expect(answer.body.message).toContain(text);
    expect(answer.body.corr_id).toBe(answer.headers.get('x-corr-id'));
    expect(Object.keys(answer.body)).toEqual(['code', 'message', 'corr_id']);
    expect(await depthNow()).toBe(0);
  });

  it('send: a lone surrogate, __proto__, a duplicate key and an unsafe number are 400', async () => {
    const bodies: [string, string][] = [
      ['{"topic":"t.bad","idem_key":"k","payload_b64":"","attrs":{"a":"\\ud800"}}', 'attrs.a: a lone surrogate'],
      ['{"topic":"t.bad","idem_key":"k","payload_b64":"","attrs":{"__proto__":"x"}}', 'attrs.__proto__: unknown field'],
      ['{"topic":"t.bad","idem_key":"k","payload_b64":"","__proto__":{}}', '__proto__: unknown field'],
      ['{"topic":"t.bad","topic":"t.bad","idem_key":"k","payload_b64":""}', 'a key is there twice'],
      ['{"topic":"t.bad","idem_key":"k","payload_b64":"","delay_ms":9007199254740993}', 'delay_ms: must be <='],
      ['null', 'body: must be object'],
      ['[]', 'body: must be object'],
      ['', 'body: not valid JSON'],
    ];
    for (const [body, text] of bodies) {
      const answer = await server.post('/v1/send', body);
      expect([answer.status, answer.body.code], body).toEqual([400, 'E_SCHEMA']);
      expect(answer.body.message, body).toContain(text);
    }
    expect(await depthNow()).toBe(0);
  });

  const others: [string, string, string, unknown, string][] = [
    [
      'recv: visibility below the range',
      'POST',
      '/v1/recv',
      { topic: 't', visibility_ms: 249 },
      'visibility_ms: must be >= 250',
    ],
    [
      'recv: visibility above the range',
      'POST',
      '/v1/recv',
      { topic: 't', visibility_ms: 43_200_001 },
      'visibility_ms',
    ],
    ['recv: no message', 'POST', '/v1/recv', { topic: 't', max_messages: 0 }, 'max_messages: must be >= 1'],
    ['recv: 257 messages', 'POST', '/v1/recv', { topic: 't', max_messages: 257 }, 'max_messages: must be <= 256'],
    ['recv: no byte', 'POST', '/v1/recv', { topic: 't', max_bytes: 0 }, 'max_bytes: must be >= 1'],
    ['recv: waiting too long', 'POST', '/v1/recv', { topic: 't', wait_ms: 20_001 }, 'wait_ms: must be <= 20000'],
    [
      'recv: an ack without a receipt',
      'POST',
      '/v1/recv',
      { topic: 't', acks: [{ msg_id: MSG }] },
      'acks.0.receipt: missing',
    ],
    ['ack: no receipt', 'POST', `/v1/ack/${MSG}`, {}, 'receipt: missing'],
    [
      'nack: reason too long',
      'POST',
      `/v1/nack/${MSG}`,
      { receipt: 'r', reason: 'x'.repeat(1025) },
      'reason: at most 1024',
    ],
    [
      'nack: dead_letter a word',
      'POST',
      `/v1/nack/${MSG}`,
      { receipt: 'r', dead_letter: 'yes' },
      'dead_letter: must be boolean',
    ],
    [
      'extend: too short',
      'POST',
      `/v1/extend/${MSG}`,
      { receipt: 'r', visibility_ms: 1 },
      'visibility_ms: must be >= 250',
    ],
    ['dlq: no topic', 'GET', '/v1/dlq', undefined, 'topic: missing'],
    ['dlq: unknown parameter', 'GET', '/v1/dlq?topic=t&x=1', undefined, 'x: unknown field'],
    ['dlq: a parameter twice', 'GET', '/v1/dlq?topic=t&topic=u', undefined, 'a name is there twice'],
    ['dlq: limit too large', 'GET', '/v1/dlq?topic=t&limit=1001', undefined, 'limit: a whole number 1..1000'],
    ['purge: neither choice', 'POST', '/v1/dlq/purge', { topic: 't' }, 'exactly one of them'],
    [
      'revoke: both choices',
      'POST',
      '/v1/admin/revoke',
      { nonce: MSG, key_id: 'k1', reason: '' },
      'exactly one of them',
    ],
    ['send: a query', 'POST', '/v1/send?x=1', {}, 'query: none is taken here'],
  ];
  it.each(others)('%s is 400', async (_name, method, path, body, text) => {
    const admin = /dlq|admin/.test(path);
    const cap = admin ? server.cap('topic = t', 'op = admin') : server.capability;
    const answer = await server.ask(method, path, body, { cap });
    expect([answer.status, answer.body.code]).toEqual([400, 'E_SCHEMA']);
    expect(answer.body.message).toContain(text);
  });

  it('idempotency mode: one we do not know is 400', async () => {
    const answer = await server.post('/v1/send', message, { headers: { 'x-idempotency-mode': 'maybe' } });
    expect([answer.status, answer.body.message]).toEqual([400, 'x-idempotency-mode: 409 or 200-flag']);
  });

  it('paths and methods: 404 and 405 in the same words (R4)', async () => {
    for (const path of ['/', '/v1/sends', '/v1/send/', '/v1/ack/', '/v1/ack/x', '/V1/send', '/v1/%73end', '/metrics']) {
      const answer = await server.post(path, message);
      expect([answer.status, answer.body.code], path).toEqual([404, 'E_NOT_FOUND']);
    }
    for (const [method, path, allow] of [
      ['GET', '/v1/send', 'POST'],
      ['PUT', '/v1/send', 'POST'],
      ['DELETE', '/healthz', 'GET'],
      ['POST', '/v1/dlq', 'GET'],
      ['OPTIONS', '/v1/recv', 'POST'],
    ] as const) {
      const answer = await server.ask(method, path);
      expect([answer.status, answer.body.code, answer.headers.get('allow')], path).toEqual([405, 'E_METHOD', allow]);
    }
  });

  it('media types: JSON in UTF-8 or frames where they are taken, one known encoding; else 415', async () => {
    for (const type of ['text/plain', 'application/json; charset=latin1', 'application/jsonx', 'application/oap2']) {
      const answer = await server.post('/v1/send', message, { headers: { 'content-type': type } });
      expect([answer.status, answer.body.code], type).toEqual([415, 'E_MEDIA_TYPE']);
    }
    const frames = { headers: { 'content-type': 'application/oap1' } };
    expect((await server.post(`/v1/extend/${MSG}`, message, frames)).status).toBe(415);
    for (const encoding of ['zstd', 'x-gzip', 'compress', 'gzip, br', 'gzip,gzip', 'gzip;q=1', '']) {
      const encoded = await server.post('/v1/send', message, { headers: { 'content-encoding': encoding } });
      expect([encoded.status, encoded.body.code], encoding).toEqual([415, 'E_MEDIA_TYPE']);
    }
    for (const type of ['application/json; charset=utf-8', 'Application/JSON;charset="UTF-8"']) {
      const answer = await server.post('/v1/recv', { topic: 't' }, { headers: { 'content-type': type } });
      expect(answer.status, type).toBe(200);
    }
  });

  it('size: 1 MiB is the limit, declared or chunked, and the connection goes (D2)', async () => {
    const largest = 1024 * 1024;
    const head = JSON.stringify({ ...message, payload_b64: '' }).length;
    const payload = 'A'.repeat(Math.floor((largest - head) / 4) * 4);
    const within = await server.post('/v1/send', { ...message, payload_b64: payload });
    expect(within.status).toBe(200);
    const declared = await raw(posting(`Content-Length: ${largest + 1}`));
    expect(declared).toMatch(/^HTTP\/1\.1 413 .*connection: close.*E_FRAME_TOO_LARGE.*at most 1048576 bytes/is);
    const chunk = `10000\r\n${'a'.repeat(65_536)}\r\n`;
    const chunked = await raw(posting('Transfer-Encoding: chunked'), chunk.repeat(17));
    expect(chunked).toMatch(/^HTTP\/1\.1 413 .*connection: close.*E_FRAME_TOO_LARGE/is);
    expect(await server.metric('rejected_total{reason="oversize"}')).toBe(2);
    // Where none is taken its size is not what is wrong.
    const got = await raw(['GET /v1/stats?topic=t HTTP/1.1', 'Host: x', authorized(), 'Content-Length: 2000000']);
    expect(got).toMatch(/^HTTP\/1\.1 400 .*body: none is taken here/s);
  });

  const heads: [string, string[], RegExp][] = [
    ['two Authorization', [authorizedLater(), authorizedLater()], /400.*authorization: there twice/s],
    ['two Host', ['Host: y'], /^HTTP\/1\.1 400/],
    ['two Content-Type', ['Content-Type: text/plain'], /400.*content-type: there twice/s],
    ['two X-Corr-Id', ['X-Corr-Id: a', 'X-Corr-Id: b'], /400.*x-corr-id: there twice/s],
    [
      'a transfer coding that is not chunked',
      ['Transfer-Encoding: gzip, chunked'],
      /400.*transfer-encoding: only chunked/s,
    ],
    ['an upgrade', ['Connection: upgrade', 'Upgrade: h2c'], /400.*upgrade: not supported/s],
    ['a length and chunks', ['Content-Length: 2', 'Transfer-Encoding: chunked'], /^HTTP\/1\.1 400/],
    ['two lengths', ['Content-Length: 2', 'Content-Length: 3'], /^HTTP\/1\.1 400/],
    ['a negative length', ['Content-Length: -1'], /^HTTP\/1\.1 400/],
  ];
  function authorizedLater(): string {
    return 'Authorization: Bearer x';
  }
  it.each(heads)('head: %s is 400 and the connection closes', async (_name, lines, expected) => {
    const answer = await raw([...posting(...lines)], '0\r\n\r\n');
    expect(answer).toMatch(expected);
    expect(answer.toLowerCase()).toContain('connection: close');
  });

  it('head: absolute targets, HTTP/1.0 and TRACE are refused', async () => {
    expect(await raw(['GET http://x/healthz HTTP/1.1', 'Host: x'])).toMatch(/400.*must be a path/s);
    expect(await raw(['GET /healthz HTTP/1.0', 'Host: x'])).toMatch(/400.*must be 1\.1/s);
    expect(await raw(['TRACE /healthz HTTP/1.1', 'Host: x'])).toMatch(/405.*E_METHOD/s);
  });

  it('expect: the body is asked for only when the capability is accepted', async () => {
    const body = JSON.stringify(message);
    const head = [
      'POST /v1/send HTTP/1.1',
      'Host: x',
      JSON_HEAD,
      `Content-Length: ${body.length}`,
      'Expect: 100-continue',
    ];
    expect(await raw(head)).toMatch(/^HTTP\/1\.1 401 /);
    expect(await server.raw(`${[...head, authorized()].join('\r\n')}\r\n\r\n`, (text) => text.includes('100'))).toMatch(
      /^HTTP\/1\.1 100 Continue/,
    );
  });

  it('slow body and slow head: cut by the read timeout with 408 (D1)', async () => {
    expect(await server.raw(`${posting('Content-Length: 10').join('\r\n')}\r\n\r\n{`)).toMatch(/^HTTP\/1\.1 408 /);
    expect(await server.raw('POST /v1/send HTTP/1.1\r\nHost: x\r\n')).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('saturation: 429 with Retry-After and the reason, duplicates still answered; readyz says so (D5, D7, ID5, O4)', async () => {
    const depth = 3 - (await depthNow());
    for (let i = 0; i < depth; i++) expect((await server.send('t.bad', `fill-${i}`)).status).toBe(200);
    const full = await server.send('t.bad', 'one-more');
    expect([full.status, full.body.code, full.body.reason]).toEqual([429, 'E_SATURATED', 'shard']);
    expect(Number(full.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect((await server.send('t.bad', 'fill-0')).body.code).toBe('E_DUPLICATE');
    const ready = await server.ask('GET', '/readyz');
    expect([ready.status, ready.body]).toMatchObject([503, { ready: false, missing: ['shard_capacity'] }]);
    expect(ready.headers.get('retry-after')).toBe(String(ready.body.retry_after));
    expect(ready.body.retry_after).toBeGreaterThanOrEqual(1);
    expect((await server.ask('GET', '/healthz')).status).toBe(200);
    const { messages } = (await server.post('/v1/recv', { topic: 't.bad', max_messages: 2 })).body;
    for (const { msg_id, receipt } of messages) await server.post(`/v1/ack/${msg_id}`, { receipt });
    expect((await server.ask('GET', '/readyz')).body).toEqual({ ready: true, missing: [], retry_after: 0 });
    expect(await server.metric('busy_rejections_total{endpoint="/v1/send"}')).toBe(1);
  });

  it('retention: nothing a refused request carried is in a log line (I2)', async () => {
    const secret = 'c2VjcmV0LW1hcmtlci0xMjM0NTY3OA==';
    const answers: Answer[] = [
      await server.post('/v1/send', { ...message, payload_b64: secret, extra: secret }),
      await server.post('/v1/send', { ...message, payload_b64: secret }, { cap: `${server.capability}${secret}` }),
      await server.post('/v1/send', `{"payload_b64":"${secret}"`),
    ];
    expect(answers.map((answer) => answer.status)).toEqual([400, 401, 400]);
    const all = JSON.stringify([server.lines, answers.map((answer) => answer.body)]) + (await server.metrics());
    expect(all).not.toContain(secret.slice(0, 12));
    expect(all).not.toContain(server.capability.slice(0, 60));
    expect(all).not.toContain(server.capability.slice(-40));
  });
});
