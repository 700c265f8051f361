/**
 * `npm run openapi`: writes docs/openapi.json, the interface as OpenAPI 3.1, from the schemas that the server checks requests with, its
 * table of routes and its table of outcomes. A test fails when the file is not what this would write.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { TSchema } from 'typebox';
import { OUTCOMES, type Outcome } from '../spec/vocabulary.ts';
import { ROUTES, type Route } from '../src/http/routes.ts';
import { API, COMPONENTS, type Described } from './api.ts';
import { argumentsOf } from './arguments.ts';

const ROOT = resolve(import.meta.dirname, '..');
export const OPENAPI_FILE = resolve(ROOT, 'docs/openapi.json');

/** Refusals that any route may give, that any with a capability may, and that any with a body may. */
const ANY: readonly Outcome[] = ['schema', 'internal'];
const AUTHORIZED: readonly Outcome[] = ['cap_auth', 'cap_scope', 'auth_flood', 'quota', 'verifier'];
const WITH_BODY: readonly Outcome[] = ['too_large', 'media_type', 'timeout', 'saturated_memory'];
const FRAMES = { 'application/oap1': { schema: { type: 'string', contentMediaType: 'application/oap1' } } };

/** Every outcome that refuses on this route. */
export function refusalsOf(route: Route, described: Described): readonly Outcome[] {
  return [
    ...ANY,
    // In a batch each item counts against the quota, and says so itself.
    ...(route.ops === null ? [] : AUTHORIZED.filter((outcome) => route.many === undefined || outcome !== 'quota')),
    ...(route.method === 'POST' ? WITH_BODY : []),
    ...(route.admin === true ? (['not_found'] as const) : []),
    ...described.refusals,
  ];
}

function responsesOf(route: Route, described: Described): Record<string, unknown> {
  const frames = route.frames === undefined ? {} : FRAMES;
  const json = (schema: unknown) => ({ 'application/json': { schema }, ...frames });
  const headers = { 'X-Corr-Id': { $ref: '#/components/headers/CorrId' } };
  const found: Record<string, unknown> = {
    200: {
      description: 'Done',
      headers,
      ...(described.links === undefined ? {} : { links: described.links }),
      content:
        described.type === undefined ? json(described.answer) : { [described.type]: { schema: described.answer } },
    },
  };
  const { other } = described;
  if (other !== undefined) {
    const waiting = { ...headers, 'Retry-After': { $ref: '#/components/headers/RetryAfter' } };
    found[other.status] = { description: 'Not now', headers: waiting, content: json(other.answer) };
  }
  const refusals = byStatus(refusalsOf(route, described));
  for (const [status, outcomes] of refusals) found[status] = refused(status, outcomes, json, headers);
  // Of a batch in JSON every item has its own result; a body of one unit has that unit's status.
  const ofUnit = byStatus(described.unitRefusals ?? []);
  for (const [status, outcomes] of ofUnit) {
    if (!refusals.has(status)) found[status] = refused(status, outcomes, () => FRAMES, headers);
  }
  return found;
}

function byStatus(outcomes: readonly Outcome[]): Map<number, Outcome[]> {
  const found = new Map<number, Outcome[]>();
  for (const outcome of new Set(outcomes)) {
    const { status } = OUTCOMES[outcome];
    found.set(status, [...(found.get(status) ?? []), outcome]);
  }
  return found;
}

function refused(
  status: number,
  outcomes: readonly Outcome[],
  content: (schema: unknown) => unknown,
  headers: Readonly<Record<string, unknown>>,
): unknown {
  const rows = outcomes.map((outcome) => OUTCOMES[outcome] as { code: string; reason?: string });
  const codes = [...new Set(rows.map(({ code }) => code))];
  const reasons = rows.flatMap(({ reason }) => (reason === undefined ? [] : [reason]));
  const narrowed = {
    properties: { code: { enum: codes }, ...(reasons.length > 0 ? { reason: { enum: reasons } } : {}) },
    ...(reasons.length > 0 ? { required: ['reason'] } : {}),
  };
  const waits = status === 429 || status === 503;
  return {
    description: [...codes, ...(reasons.length > 0 ? [`(${reasons.join(', ')})`] : [])].join(' '),
    headers: waits ? { ...headers, 'Retry-After': { $ref: '#/components/headers/RetryAfter' } } : headers,
    content: content({ allOf: [{ $ref: '#/components/schemas/Error' }, narrowed] }),
  };
}

function parametersOf(route: Route, { query }: Described): unknown[] {
  const found: unknown[] = [{ $ref: '#/components/parameters/CorrId' }];
  if (route.path.includes('{msg_id}')) found.push({ $ref: '#/components/parameters/MsgId' });
  if (route.path.startsWith('/v1/send')) found.push({ $ref: '#/components/parameters/IdempotencyMode' });
  const { properties = {}, required = [] } = (query ?? {}) as {
    properties?: Record<string, TSchema>;
    required?: readonly string[];
  };
  for (const [name, schema] of Object.entries(properties)) {
    found.push({ name, in: 'query', required: required.includes(name), schema });
  }
  return found;
}

const bodyOf = (route: Route, schema: TSchema) => ({
  'application/json': { schema },
  ...(route.frames === undefined ? {} : FRAMES),
});

/** The document. @throws Error when a route is not described, or a description has no route */
export function openapi(): Record<string, unknown> {
  const { version, license } = JSON.parse(readFileSync(resolve(ROOT, 'package.json'), 'utf8'));
  const paths: Record<string, Record<string, unknown>> = {};
  const described = new Set(Object.keys(API));
  for (const route of ROUTES) {
    const name = `${route.method} ${route.path}`;
    const about = API[name];
    if (about === undefined) throw new Error(`openapi: ${name} is not described in tools/api.ts`);
    described.delete(name);
    const path = paths[route.path] ?? {};
    paths[route.path] = path;
    path[route.method.toLowerCase()] = {
      operationId: about.id,
      summary: about.summary,
      ...(route.ops === null ? { security: [] } : { 'x-ops': route.ops }),
      parameters: parametersOf(route, about),
      ...(about.body === undefined ? {} : { requestBody: { required: true, content: bodyOf(route, about.body) } }),
      responses: responsesOf(route, about),
    };
  }
  if (described.size > 0) throw new Error(`openapi: no such route: ${[...described]}`);
  return {
    openapi: '3.1.0',
    info: {
      title: 'svc-mailbox',
      version,
      license: { name: license, identifier: license },
      description: 'A store-and-forward mailbox. docs/protocol.md says what the requests mean.',
    },
    servers: [{ url: 'http://127.0.0.1:9410' }],
    security: [{ capability: [] }],
    paths,
    components: {
      schemas: COMPONENTS,
      securitySchemes: {
        capability: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'macaroon',
          description: 'docs/protocol.md: Capabilities',
        },
      },
      headers: {
        CorrId: { description: 'The correlation id of the request', schema: { type: 'string', format: 'uuid' } },
        RetryAfter: { description: 'Seconds', schema: { type: 'integer', minimum: 1 } },
      },
      parameters: {
        CorrId: {
          name: 'X-Corr-Id',
          in: 'header',
          description: 'A UUIDv7; anything else is replaced',
          schema: { type: 'string' },
        },
        MsgId: { name: 'msg_id', in: 'path', required: true, schema: { type: 'string', pattern: '^[0-9A-Za-z]{26}$' } },
        IdempotencyMode: {
          name: 'X-Idempotency-Mode',
          in: 'header',
          description: 'What a duplicate is answered with',
          schema: { enum: ['409', '200-flag'] },
        },
      },
    },
  };
}

export const openapiText = (): string => `${JSON.stringify(openapi(), null, 2)}\n`;

if (process.argv[1] === import.meta.filename) {
  argumentsOf('npm run openapi: writes docs/openapi.json from the routes and schemas', {});
  writeFileSync(OPENAPI_FILE, openapiText());
}
