import { readFileSync } from 'node:fs';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Compile } from 'typebox/schema';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OPENAPI_FILE, openapiText } from '../../tools/openapi.ts';
import { allowed, document, hold, NO_MSG, operationOf, operations, refused } from '../support/contract.ts';
import fc from '../support/properties.ts';
import { TestServer } from '../support/server.ts';

const withBodies = operations.filter(({ body }) => body !== undefined);

describe('openapi', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await TestServer.start({ auth_failure_burst: '1000000' });
  });
  afterAll(() => server.stop());

  const ask = async (method: string, url: string, body: unknown, cap: string) =>
    hold(method, url, await server.ask(method, url, body, { cap }));
  const post = (url: string, body: unknown, cap: string) => ask('POST', url, body, cap);

  it('document: what the script writes now, and a valid OpenAPI 3.1 document', async () => {
    expect(readFileSync(OPENAPI_FILE, 'utf8') === openapiText(), 'npm run openapi').toBe(true);
    const { valid, errors } = await new Validator().validate(structuredClone(document));
    expect([valid, errors]).toEqual([true, undefined]);
  });

  it.each(withBodies.map((operation) => [operation.name, operation] as const))(
    '%s: the body the schema allows is read, each one that it does not is 400 (T4)',
    async (_name, operation) => {
      const { method, path, body, ops } = operation;
      const url = path.replace('{msg_id}', NO_MSG);
      const cap = server.cap('topic = other', `op = ${ops[0]}`);
      const isValid = Compile(body);
      for (const value of allowed(body)) {
        expect(isValid.Check(value), JSON.stringify(value)).toBe(true);
        expect((await ask(method, url, value, cap)).status, JSON.stringify(value)).not.toBe(400);
      }
      for (const value of refused(body)) {
        expect(isValid.Check(JSON.parse(JSON.stringify(value))), JSON.stringify(value)).toBe(false);
        expect((await ask(method, url, value, cap)).status, JSON.stringify(value)).toBe(400);
      }
    },
  );

  it('payload_b64: the pattern is what the server takes, bytes of any length and every slip of them', async () => {
    const { pattern } = operationOf('send').body.properties.payload_b64;
    const encoded = fc.uint8Array({ maxLength: 40, size: 'max' }).map((bytes) => Buffer.from(bytes).toString('base64'));
    const slips = fc
      .tuple(encoded, fc.nat(60), fc.constantFrom('', '=', '==', 'A', 'B', 'w', '-', '_', ' ', '\n', 'é'), fc.nat(2))
      .map(([text, at, by, cut]) => text.slice(0, at) + by + text.slice(at + cut));
    const lengths: number[] = [];
    const texts = fc.sample(fc.oneof(encoded, slips), 400);
    const messages = texts.map((payload_b64, i) => ({ topic: 't.none', idem_key: `p${i}`, payload_b64 }));
    const cap = server.cap('topic = t.other', 'op = send');
    const taken: boolean[] = [];
    for (let i = 0; i < messages.length; i += 200) {
      const { results } = (await post('/v1/send/batch', { messages: messages.slice(i, i + 200) }, cap)).body;
      // Outside the capability: what is malformed is refused before.
      for (const { code } of results) taken.push(code !== 'E_SCHEMA');
    }
    texts.forEach((text, i) => {
      lengths.push(text.length);
      expect(new RegExp(pattern).test(text), JSON.stringify(text)).toBe(taken[i]);
    });
    expect(Math.max(...lengths)).toBeGreaterThan(40);
    expect(new Set(taken)).toEqual(new Set([true, false]));
  });

  it('payload_b64: the longest that a body has room for, and no longer', async () => {
    const { maxLength } = operationOf('send').body.properties.payload_b64;
    const status = async (payload_b64: string) =>
      (await post('/v1/send', { topic: 'a', idem_key: 'a', payload_b64 }, server.cap('topic = b', 'op = send'))).status;
    expect(await status('A'.repeat(maxLength))).toBe(403);
    expect(await status('A'.repeat(maxLength + 4))).toBe(413);
  });

  it('reprocess: the rule over rate and limit is that of the server', async () => {
    const { body } = operationOf('reprocess');
    const isValid = Compile(body);
    const ids = (count: number) => ({ msg_ids: Array(count).fill(NO_MSG) });
    const cap = server.cap('topic = other', 'op = admin');
    for (const more of [
      ...[
        { rate_per_s: 1, limit: 60 },
        { rate_per_s: 1, limit: 61 },
        { rate_per_s: 16, limit: 960 },
      ],
      ...[
        { rate_per_s: 16, limit: 961 },
        { rate_per_s: 17, limit: 1000 },
        { rate_per_s: 1, ...ids(60) },
      ],
      ...[{ rate_per_s: 1, ...ids(61) }, { rate_per_s: 1, ...ids(61), limit: 60 }, ids(1000), { limit: 1000 }],
    ]) {
      const asked = { topic: 't', ...more };
      const { status } = await post('/v1/dlq/reprocess', asked, cap);
      expect(status, JSON.stringify({ ...more, msg_ids: '..' })).toBe(isValid.Check(asked) ? 403 : 400);
    }
    // A list is bounded as it stands, whatever its limit.
    const slow = { topic: 't', rate_per_s: 1, ...ids(61), limit: 1 };
    expect((await post('/v1/dlq/reprocess', slow, cap)).status).toBe(400);
  });

  it('links: each leads to an operation that there is, with what that takes', () => {
    const linked = new Set<string>();
    for (const { responses } of operations) {
      for (const link of Object.values<{ operationId: string; parameters?: object; requestBody?: object }>(
        responses['200'].links ?? {},
      )) {
        const { id, parameters, body } = operationOf(link.operationId);
        linked.add(id);
        const named = parameters.filter((one) => one.in !== 'header').map(({ name }) => name);
        for (const name of Object.keys(link.parameters ?? {})) expect(named, id).toContain(name);
        if (typeof link.requestBody !== 'object') continue;
        for (const name of Object.keys(link.requestBody)) expect(Object.keys(body.properties), id).toContain(name);
        for (const name of body.required) expect(Object.keys(link.requestBody), id).toContain(name);
      }
    }
    for (const id of ['recv', 'ack', 'nack', 'extend', 'listDeadLetters', 'reprocess', 'purge'])
      expect(linked).toContain(id);
  });
});
