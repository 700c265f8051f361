/**
 * `npm run openapi`: writes docs/openapi.json, the interface as OpenAPI 3.1, from the contract (`src/api`). A test fails when the file is
 * not what this would write.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { TSchema } from 'typebox';
import { OUTCOMES, type Outcome } from '../spec/vocabulary.ts';
import { COMPONENTS } from '../src/api/answers.ts';
import { documented } from '../src/api/bodies.ts';
import { ROUTE_IDS, type Row, rowOf } from '../src/api/contract.ts';
import { argumentsOf } from './arguments.ts';

const ROOT = resolve(import.meta.dirname, '..');
export const OPENAPI_FILE = resolve(ROOT, 'docs/openapi.json');

const FRAMES = { 'application/oap1': { schema: { type: 'string', contentMediaType: 'application/oap1' } } };

function responsesOf(row: Row): Record<string, unknown> {
  const frames = row.unit === undefined ? {} : FRAMES;
  const json = (schema: unknown) => ({ 'application/json': { schema }, ...frames });
  const headers = { 'X-Corr-Id': { $ref: '#/components/headers/CorrId' } };
  const found: Record<string, unknown> = {
    200: {
      description: 'Done',
      headers,
      ...(row.links === undefined ? {} : { links: row.links }),
      content: row.lines === true ? { 'application/x-ndjson': { schema: row.answer } } : json(row.answer),
    },
  };
  const { other } = row;
  if (other !== undefined) {
    const waiting = { ...headers, 'Retry-After': { $ref: '#/components/headers/RetryAfter' } };
    found[other.status] = { description: 'Not now', headers: waiting, content: json(other.answer) };
  }
  const refusals = byStatus(row.refusals);
  for (const [status, outcomes] of refusals) found[status] = refused(status, outcomes, json, headers);
  if (row.unit === undefined) return found;
  // A body of one unit has that unit's status; in JSON every item has its own result.
  const ofUnit = byStatus(row.itemRefusals ?? []);
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

function parametersOf({ method, path, request }: Row): unknown[] {
  const found: unknown[] = [{ $ref: '#/components/parameters/CorrId' }];
  if (path.includes('{msg_id}')) found.push({ $ref: '#/components/parameters/MsgId' });
  if (path.includes('{redrive_id}')) found.push({ $ref: '#/components/parameters/RedriveId' });
  if (path.startsWith('/v1/send')) found.push({ $ref: '#/components/parameters/IdempotencyMode' });
  if (method === 'POST' || request === null) return found;
  const { properties = {}, required = [] } = documented(request) as {
    properties?: Record<string, TSchema>;
    required?: readonly string[];
  };
  for (const [name, schema] of Object.entries(properties)) {
    found.push({ name, in: 'query', required: required.includes(name), schema });
  }
  return found;
}

function bodyOf({ method, request, unit }: Row): { requestBody?: unknown } {
  if (method !== 'POST' || request === null) return {};
  const json = { 'application/json': { schema: documented(request) } };
  return { requestBody: { required: true, content: { ...json, ...(unit === undefined ? {} : FRAMES) } } };
}

/** The document. */
export function openapi(): Record<string, unknown> {
  const { version, license } = JSON.parse(readFileSync(resolve(ROOT, 'package.json'), 'utf8'));
  const paths: Record<string, Record<string, unknown>> = {};
  for (const id of ROUTE_IDS) {
    const row = rowOf(id);
    const path = paths[row.path] ?? {};
    paths[row.path] = path;
    path[row.method.toLowerCase()] = {
      operationId: id,
      summary: row.about,
      ...(row.ops === null ? { security: [] } : { 'x-ops': row.ops }),
      parameters: parametersOf(row),
      ...bodyOf(row),
      responses: responsesOf(row),
    };
  }
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
        RedriveId: {
          name: 'redrive_id',
          in: 'path',
          required: true,
          schema: { type: 'string', pattern: '^[0-9A-Za-z]{26}$' },
        },
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
