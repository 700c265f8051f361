import { readFileSync } from 'node:fs';
import { Compile } from 'typebox/schema';
import { expect } from 'vitest';
import { OUTCOMES, type Outcome } from '../../spec/vocabulary.ts';
import { OUTSIDE } from '../../src/api/outcomes.ts';
import { match } from '../../src/http/routes.ts';
import { OPENAPI_FILE } from '../../tools/openapi.ts';
import type { Answer, TestServer } from './server.ts';

/** The interface as docs/openapi.json has it, and answers held to it. */

// biome-ignore lint/suspicious/noExplicitAny: a document of a foreign format
export type Json = any;
export const document: Json = JSON.parse(readFileSync(OPENAPI_FILE, 'utf8'));
/** An id that no message has. */
export const NO_MSG = '01J8ZC4V2N6Q9R0S3T5W7X8Y1A';
const FRAMES = 'application/oap1';

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

export interface Operation {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly id: string;
  readonly ops: readonly string[];
  readonly body: Json;
  readonly parameters: Json[];
  readonly responses: Record<string, Json>;
}
export const operations: readonly Operation[] = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item as Json).map(([verb, operation]: [string, Json]) => ({
    name: `${verb.toUpperCase()} ${path}`,
    method: verb.toUpperCase(),
    path,
    id: operation.operationId,
    ops: operation['x-ops'] ?? [],
    body: resolved(operation.requestBody?.content['application/json'].schema),
    parameters: resolved(operation.parameters),
    responses: resolved(operation.responses),
  })),
);
/** Those that need a capability. */
export const guarded = operations.filter(({ ops }) => ops.length > 0);
export const operationOf = (id: string): Operation => operations.find((one) => one.id === id) as Operation;

/** `operation status`, `operation code` and `operation reason` of every answer that was held. */
export const seen = new Set<string>();

const codeOf = (outcome: Outcome): string => {
  const row: { code: string | null; reason?: string } = OUTCOMES[outcome];
  return row.reason ?? (row.code as string);
};
/** The name of what a request asks for that names no route of ours. */
const NO_ROUTE = '(none)';

/** Every answer that the contract promises. */
export const promised = (): string[] => [
  ...OUTSIDE.map((outcome) => `${NO_ROUTE} ${codeOf(outcome)}`),
  ...operations.flatMap(({ name, responses }) =>
    Object.entries(responses).flatMap(([status, { content }]) => {
      const narrowed = content['application/json']?.schema.allOf?.[1]?.properties;
      if (narrowed === undefined) return [`${name} ${status}`];
      const codes: string[] = narrowed.reason?.enum ?? narrowed.code.enum;
      return codes.map((code) => `${name} ${code}`);
    }),
  ),
];

/** Holds an answer to the document: a status, headers and a body that it has for this route. */
export function hold(method: string, url: string, answer: Answer): Answer {
  const found = match(method, url);
  if (found === null || typeof found === 'string') {
    const code = answer.body.reason ?? answer.body.code;
    expect(OUTSIDE.map(codeOf), `${method} ${url}`).toContain(code);
    seen.add(`${NO_ROUTE} ${code}`);
    return answer;
  }
  const name = `${method} ${found.route.path}`;
  const response = operations.find((known) => known.name === name)?.responses[answer.status];
  expect(response, `${name}: ${answer.status} ${JSON.stringify(answer.body)}`).toBeDefined();
  const type = answer.headers.get('content-type') ?? 'none';
  const content = response.content[type];
  expect(content, `${name}: ${answer.status} ${type}`).toBeDefined();
  for (const header of Object.keys(response.headers))
    expect(answer.headers.get(header), `${name} ${header}`).not.toBeNull();
  seen.add(`${name} ${answer.status}`);
  // A stream may end without a line.
  if (type === FRAMES || answer.body === null) return answer;
  const errors = Compile(content.schema).Errors(answer.body)[1];
  expect(errors, `${name}: ${answer.status} ${JSON.stringify(answer.body)}`).toEqual([]);
  if (answer.body.code !== undefined) seen.add(`${name} ${answer.body.reason ?? answer.body.code}`);
  return answer;
}

/** The topic that a capability for it must be of. */
export const topicFor = (path: string): string =>
  path === '/v1/admin/revoke' || path.startsWith('/v1/feed/decisions') ? 'mailbox.admin' : 't';

/** A request that is all right, under a capability for it: `t` is its topic, `msgId` the message that it names. */
export function requestFor(operation: Operation, server: TestServer, msgId = NO_MSG) {
  const { method, path, ops, body, parameters } = operation;
  const takesTopic = parameters.some((parameter) => parameter.in === 'query' && parameter.name === 'topic');
  // A feed that waits for ever would be no answer.
  const ends = path.startsWith('/v1/feed') ? ['wait_ms=0'] : [];
  const asked = [...(takesTopic ? ['topic=t'] : []), ...ends].join('&');
  const query = asked === '' ? '' : `?${asked}`;
  const topic = topicFor(path);
  return {
    method,
    url: path.replace(/\{[a-z_]+\}/, msgId) + query,
    body: body === undefined ? undefined : minimal(body),
    cap: ops.length === 0 ? null : server.cap(`topic = ${topic}`, `op = ${ops[0]}`),
  };
}

/** Asks so, and holds the answer. */
export const askHeld = async (
  server: TestServer,
  { method, url, body, cap }: { method: string; url: string; body?: unknown; cap: string | null },
): Promise<Answer> => hold(method, url, await server.ask(method, url, body, { cap }));

/** A request over a socket, byte for byte; its answer, whole. */
export async function askRaw(server: TestServer, text: string): Promise<Answer> {
  return answerIn(await server.raw(text));
}

/** The answer that these bytes are. */
export function answerIn(raw: string): Answer {
  const end = raw.indexOf('\r\n\r\n');
  const [line, ...fields] = raw.slice(0, end).split('\r\n') as [string, ...string[]];
  const headers = new Headers(fields.map((field) => field.split(': ') as [string, string]));
  const length = Number(headers.get('content-length'));
  return { status: Number(line.split(' ')[1]), headers, body: JSON.parse(raw.slice(end + 4, end + 4 + length)) };
}

// ---- values by schema

/** A value for a property, at its least. */
export function least(name: string, schema: Json): unknown {
  if (schema.enum !== undefined) return schema.enum[0];
  if (schema.type === 'integer') return schema.minimum;
  if (schema.type === 'boolean') return false;
  if (schema.type === 'array') return Array.from({ length: schema.minItems ?? 0 }, () => least(name, schema.items));
  if (schema.type === 'object') return minimal(schema);
  if (schema.anyOf !== undefined) return least(name, schema.anyOf[0]);
  return { payload_hash: `b3:${'0'.repeat(64)}`, payload_b64: '', reason: '' }[name] ?? TEXT[name] ?? NO_MSG;
}
const TEXT: Readonly<Record<string, string>> = {
  topic: 't',
  idem_key: 'minimal',
  receipt: 'r',
  key_id: 'k0',
};

export function minimal(schema: Json): Record<string, unknown> {
  const properties = schema.properties ?? {};
  const required: string[] = [...(schema.required ?? []), ...(schema.oneOf?.[0].required ?? [])];
  // A stream that waits for ever would be no answer.
  if ('credit' in properties) required.push('wait_ms');
  return Object.fromEntries(required.map((name) => [name, least(name, properties[name])]));
}

/** The minimal value, and with each optional property at its least and its most. */
export function* allowed(schema: Json): Generator<unknown> {
  const base = minimal(schema);
  yield base;
  const other = schema.oneOf?.[1].required[0];
  if (other !== undefined) {
    const { [schema.oneOf[0].required[0]]: _, ...rest } = base;
    yield { ...rest, [other]: least(other, schema.properties[other]) };
  }
  for (const [name, property] of Object.entries<Json>(schema.properties)) {
    if (name in base || name === other || name === 'payload_hash') continue;
    yield { ...base, [name]: least(name, property) };
    if (property.maximum !== undefined && name !== 'wait_ms') yield { ...base, [name]: property.maximum };
  }
}

/** Each required property left out, each property of another type or beyond its bounds, and one too many. */
export function* refused(schema: Json): Generator<unknown> {
  const base = minimal(schema);
  for (const name of schema.required ?? []) yield { ...base, [name]: undefined };
  yield { ...base, colour: 'red' };
  yield [base];
  yield null;
  for (const name of (schema.oneOf ?? []).flatMap((one: Json) => one.required))
    if (!(name in base)) yield { ...base, [name]: least(name, schema.properties[name]) };
  for (const [name, property] of Object.entries<Json>(schema.properties)) {
    // Items of a batch may be anything: each is answered alone.
    const isBatch = property.type === 'array' && property.items.anyOf !== undefined;
    const wrong: unknown[] = [null, { a: {} }, ...(isBatch ? [] : [[[]]])];
    if (property.minItems === 1) wrong.push([]);
    if (property.minimum !== undefined) wrong.push(property.minimum - 1);
    if (property.maximum !== undefined) wrong.push(property.maximum + 1, property.minimum + 0.5);
    if (property.pattern !== undefined) wrong.push('\u0000', 7);
    if (property.maxLength === 1024) wrong.push('x'.repeat(1025));
    if (property.enum !== undefined) wrong.push('neither');
    if (property.maxItems !== undefined) {
      wrong.push(Array.from({ length: property.maxItems + 1 }, () => least(name, property.items)));
    }
    for (const value of wrong) yield { ...base, [name]: value };
  }
}
