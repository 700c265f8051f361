import { readFileSync } from 'node:fs';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Compile } from 'typebox/schema';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { attenuateToken } from '../../src/auth/macaroon.ts';
import { match } from '../../src/http/routes.ts';
import { OPENAPI_FILE, openapiText } from '../../tools/openapi.ts';
import { type Answer, TestServer, until } from '../support/server.ts';

// biome-ignore lint/suspicious/noExplicitAny: a document of a foreign format
type Json = any;
const document: Json = JSON.parse(readFileSync(OPENAPI_FILE, 'utf8'));

/** A schema with everything it points to in place. */
function resolved(node: Json): Json {
  if (Array.isArray(node)) return node.map(resolved);
  if (typeof node !== 'object' || node === null) return node;
  if (typeof node.$ref === 'string') {
    const at = (node.$ref as string).slice(2).split('/');
    return resolved(at.reduce((found, key) => found[key], document));
  }
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, resolved(value)]));
}

interface Operation {
  readonly name: string;
  readonly path: string;
  readonly body: Json;
  readonly parameters: Json[];
  readonly responses: Record<string, Json>;
}
const operations: Operation[] = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item as Json).map(([method, operation]: [string, Json]) => ({
    name: `${method.toUpperCase()} ${path}`,
    path,
    body: resolved(operation.requestBody?.content['application/json'].schema),
    parameters: resolved(operation.parameters),
    responses: resolved(operation.responses),
  })),
);

/** What only a fault of the surroundings brings about; each has a test that brings it about elsewhere. */
const NOT_HERE = new Set([
  'E_INTERNAL',
  'journal',
  'not_owner',
  'starting',
  'draining',
  'verifier',
  'degraded_writes',
  'auth',
  'memory',
]);

const seen = new Set<string>();
const MSG = '01J8ZC4V2N6Q9R0S3T5W7X8Y1A';

/** Holds an answer to the document: a status, headers and a body that it has for this route. */
function hold(method: string, url: string, answer: Answer): Answer {
  const found = match(method, url);
  if (found === null || typeof found === 'string') return answer;
  const name = `${method} ${found.route.path}`;
  const operation = operations.find((known) => known.name === name);
  const response = operation?.responses[answer.status];
  expect(response, `${name}: ${answer.status} ${JSON.stringify(answer.body)}`).toBeDefined();
  const content = response.content[answer.headers.get('content-type') ?? 'none'];
  expect(content, `${name}: ${answer.headers.get('content-type')}`).toBeDefined();
  for (const header of Object.keys(response.headers))
    expect(answer.headers.get(header), `${name} ${header}`).not.toBeNull();
  // A stream may end without a line.
  const errors = answer.body === null ? [] : Compile(content.schema).Errors(answer.body)[1];
  expect(errors, `${name}: ${answer.status} ${JSON.stringify(answer.body)}`).toEqual([]);
  seen.add(`${name} ${answer.status}`);
  if (answer.body?.code !== undefined) seen.add(`${name} ${answer.body.reason ?? answer.body.code}`);
  return answer;
}

describe('openapi', () => {
  let server: TestServer;
  let admin: string;
  beforeAll(async () => {
    server = await TestServer.start({
      ...{ ready_shards: '1', shard_capacity: '12', dedup_capacity: '40', global_inflight: '3', max_attempts: '1' },
      auth_failure_burst: '1000000',
    });
    admin = server.cap('topic = t', 'op = admin');
  });
  afterAll(() => server.stop());

  const ask = async (
    method: string,
    url: string,
    body?: unknown,
    cap: string | null = server.capability,
    headers = {},
  ) => hold(method, url, await server.ask(method, url, body, { cap, headers }));
  const post = (url: string, body: unknown, cap?: string | null, headers = {}) => ask('POST', url, body, cap, headers);
  const message = (idem_key: string) => ({ topic: 't', idem_key, payload_b64: 'aGVsbG8=' });

  it('document: what the script writes now, and a valid OpenAPI 3.1 document', async () => {
    expect(readFileSync(OPENAPI_FILE, 'utf8') === openapiText(), 'npm run openapi').toBe(true);
    const { valid, errors } = await new Validator().validate(structuredClone(document));
    expect([valid, errors]).toEqual([true, undefined]);
  });

  it('contract: every answer to real requests is one the document has, and every one it has is given', async () => {
    const lease = async () => (await post('/v1/recv', { topic: 't', max_messages: 1 })).body.messages[0];
    await post('/v1/send', message('k1'));
    await post('/v1/send', message('k1'));
    await post('/v1/send', message('k1'), undefined, { 'x-idempotency-mode': '200-flag' });
    await post('/v1/send', { ...message('k1'), payload_b64: '' });
    await post('/v1/send', { ...message('k2'), payload_hash: `b3:${'0'.repeat(64)}` });
    const first = await lease();
    await post(`/v1/extend/${first.msg_id}`, { receipt: first.receipt });
    await post(`/v1/nack/${first.msg_id}`, { receipt: first.receipt, reason: 'no' });
    await ask('GET', '/v1/dlq?topic=t&include=payload', undefined, admin);
    await post('/v1/dlq/reprocess', { topic: 't' }, admin);
    const again = await lease();
    const acks = [
      { msg_id: again.msg_id, receipt: again.receipt },
      { msg_id: MSG, receipt: 'x' },
    ];
    await post('/v1/recv', { topic: 't', acks });
    await post('/v1/dlq/purge', { topic: 't', older_than_ms: 0 }, admin);
    await post('/v1/send', message('k3'));
    const second = await lease();
    await post(`/v1/ack/${second.msg_id}`, { receipt: second.receipt });
    for (const verb of ['ack', 'nack', 'extend']) {
      await post(`/v1/${verb}/${second.msg_id}`, { receipt: 'stale' });
      await post(`/v1/${verb}/${MSG}`, { receipt: 'x' });
    }
    await post('/v1/send/batch', { messages: [message('b1'), message('b1'), {}] });
    const streamed = (await post('/v1/recv/stream', { topic: 't', max_messages: 1 })).body;
    const item = { msg_id: streamed.msg_id, receipt: streamed.receipt };
    await post('/v1/nack/batch', { nacks: [item, { ...item, msg_id: MSG }] });
    await post('/v1/ack/batch', { acks: [item, {}] });
    await ask('GET', '/v1/stats?topic=t');
    await ask('GET', '/v1/keys', undefined, null);
    await ask('GET', '/healthz', undefined, null);
    await ask('GET', '/readyz', undefined, null);
    await post('/v1/admin/revoke', { nonce: MSG, reason: '' }, server.cap('topic = mailbox.admin', 'op = admin'));

    for (const { name, path, body, parameters } of operations) {
      const [method, template] = name.split(' ') as [string, string];
      const url = template.replace('{msg_id}', MSG);
      const query = parameters.some((parameter) => parameter.in === 'query') ? '?topic=t' : '';
      const valid = body === undefined ? undefined : minimal(body);
      if (path.startsWith('/v1/') && path !== '/v1/keys') {
        const isAdmin = path.startsWith('/v1/dlq') || path.startsWith('/v1/admin');
        const wrong = server.cap(
          'topic = t',
          isAdmin ? 'op = send' : path === '/v1/stats' ? 'op = send' : 'op = admin',
        );
        const op = isAdmin ? 'admin' : path === '/v1/stats' ? 'stats' : (template.split('/')[2] as string);
        const topic = path === '/v1/admin/revoke' ? 'mailbox.admin' : 't';
        await ask(method, url + query, valid, null);
        await ask(method, url + query, valid, wrong);
        const spent = server.cap(`topic = ${topic}`, `op = ${op}`, 'quota_ops = 1/1000');
        const known = server.cap(`topic = ${topic}`, `op = ${op}`);
        const target = /\{msg_id\}/.test(template) ? url.replace(MSG, first.msg_id) : url;
        for (let i = 0; i < 2; i++) await ask(method, target + query, valid, spent);
        await ask(method, `${url}?topic=t&colour=red`, valid, known);
        if (body !== undefined) {
          await ask(method, url, 'x'.repeat(1_048_577), known);
          await ask(method, url, '{}', known, { 'content-type': 'text/plain' });
        }
      } else hold(method, url, await withBody(server, url));
    }
    // A server without admin routes, and with room for one idem_key.
    const plain = await TestServer.start({
      ...{ enable_admin: 'false', ready_shards: '1', dedup_capacity: '1', max_streams: '1' },
    });
    const stream = plain.stream({ topic: 't' });
    await until(() => stream.head !== '');
    hold('POST', '/v1/recv/stream', await plain.post('/v1/recv/stream', { topic: 't' }));
    stream.socket.destroy();
    for (const key of ['a', 'b']) hold('POST', '/v1/send', await plain.post('/v1/send', message(key)));
    for (const { name, body } of operations.filter(({ name }) => /dlq|admin/.test(name))) {
      const [method, url] = name.split(' ') as [string, string];
      hold(method, url, await plain.ask(method, url, body === undefined ? undefined : minimal(body)));
    }
    await plain.stop();
    for (let i = 0; i < 5; i++) await post('/v1/recv', { topic: 't', max_messages: 1 }, undefined);
    for (let i = 0; i < 20; i++) await post('/v1/send', message(`fill-${i}`));
    for (let i = 0; i < 5; i++) await post('/v1/recv', { topic: 't', max_messages: 1 }, undefined);
    await ask('GET', '/readyz', undefined, null);

    const promised = operations.flatMap(({ name, responses }) =>
      Object.entries(responses).flatMap(([status, response]) => {
        const narrowed = response.content['application/json']?.schema.allOf?.[1]?.properties;
        if (narrowed === undefined) return [`${name} ${status}`];
        const codes: string[] = narrowed.reason?.enum ?? narrowed.code.enum;
        return codes.filter((code) => !NOT_HERE.has(code)).map((code) => `${name} ${code}`);
      }),
    );
    expect(promised.filter((promise) => !seen.has(promise))).toEqual([]);
  });

  it.each(operations.filter(({ body }) => body !== undefined).map((operation) => [operation.name, operation] as const))(
    '%s: the body the schema allows is read, each one that it does not is 400 (T4)',
    async (_name, { name, body }) => {
      const [method, template] = name.split(' ') as [string, string];
      const url = template.replace('{msg_id}', MSG);
      const cap = server.cap(
        template.includes('admin') ? 'topic = other' : 'topic = other',
        `op = ${/dlq|admin/.test(template) ? 'admin' : template.split('/')[2]}`,
      );
      const status = async (value: unknown) => (await ask(method, url, value, cap)).status;
      for (const value of allowed(body)) expect(await status(value), JSON.stringify(value)).not.toBe(400);
      for (const value of refused(body)) expect(await status(value), JSON.stringify(value)).toBe(400);
    },
  );

  it('attenuated capabilities are answered by the same document', async () => {
    await post('/v1/send', message('late'), attenuateToken(server.capability, ['op = recv']));
  });
});

/** A GET with a body, which fetch would not send. */
async function withBody(server: TestServer, url: string): Promise<Answer> {
  const text = await server.raw(`GET ${url} HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}`);
  const end = text.indexOf('\r\n\r\n');
  const [head, body] = [text.slice(0, end), text.slice(end)];
  const [line, ...fields] = head.split('\r\n') as [string, ...string[]];
  const headers = new Headers(fields.map((field) => field.split(': ') as [string, string]));
  return {
    status: Number(line.split(' ')[1]),
    headers,
    body: JSON.parse(body.slice(body.indexOf('{'), body.lastIndexOf('}') + 1)),
  };
}

// ---- values by schema

/** A value for a property, at its least. */
function least(name: string, schema: Json): unknown {
  if (schema.enum !== undefined) return schema.enum[0];
  if (schema.type === 'integer') return schema.minimum;
  if (schema.type === 'boolean') return false;
  if (schema.type === 'array') return Array.from({ length: schema.minItems ?? 0 }, () => least(name, schema.items));
  if (schema.type === 'object') return minimal(schema);
  return { payload_hash: `b3:${'0'.repeat(64)}`, payload_b64: '', reason: '', nonce: MSG }[name] ?? TEXT[name] ?? MSG;
}
const TEXT: Readonly<Record<string, string>> = {
  topic: 't',
  idem_key: 'minimal',
  receipt: 'r',
  key_id: 'k0',
  msg_ids: MSG,
};

/** Rules over two fields, which the schema cannot say: one of them is chosen. */
const CHOSEN: Readonly<Record<string, string>> = { older_than_ms: 'msg_ids', nonce: 'key_id' };

function minimal(schema: Json): Record<string, unknown> {
  const properties = schema.properties ?? {};
  const required: string[] = [...(schema.required ?? [])];
  for (const [one, other] of Object.entries(CHOSEN)) {
    if (one in properties && other in properties) required.push(one);
  }
  // A stream that waits for ever would be no answer.
  if ('credit' in properties) required.push('wait_ms');
  return Object.fromEntries(required.map((name) => [name, least(name, properties[name])]));
}

/** The minimal value, and with each optional property at its least and its most. */
function* allowed(schema: Json): Generator<unknown> {
  const base = minimal(schema);
  yield base;
  for (const [name, property] of Object.entries<Json>(schema.properties)) {
    if (name in base || Object.values(CHOSEN).includes(name) || name === 'payload_hash') continue;
    yield { ...base, [name]: least(name, property) };
    if (property.maximum !== undefined && name !== 'wait_ms') yield { ...base, [name]: property.maximum };
  }
}

/** Each required property left out, each property of another type or beyond its bounds, and one too many. */
function* refused(schema: Json): Generator<unknown> {
  const base = minimal(schema);
  for (const name of schema.required ?? []) yield { ...base, [name]: undefined };
  yield { ...base, colour: 'red' };
  yield [base];
  yield null;
  for (const [name, property] of Object.entries<Json>(schema.properties)) {
    // Items of a batch may be anything: each is answered alone.
    const isBatch = property.type === 'array' && property.items.type === undefined;
    const wrong: unknown[] = [null, { a: {} }, ...(isBatch ? [] : [[[]]])];
    if (property.minItems === 1) wrong.push([]);
    if (property.minimum !== undefined) wrong.push(property.minimum - 1);
    if (property.maximum !== undefined) wrong.push(property.maximum + 1, property.minimum + 0.5);
    if (property.pattern !== undefined) wrong.push('\u0000', 7);
    if (property.enum !== undefined) wrong.push('neither');
    if (property.maxItems !== undefined) {
      wrong.push(Array.from({ length: property.maxItems + 1 }, () => least(name, property.items)));
    }
    for (const value of wrong) yield { ...base, [name]: value };
  }
}
