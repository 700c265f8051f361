import type { Refusing } from '../api/errors.ts';
import { type Denial, HELD_MS } from '../node/authentication.ts';
import { type BodyFault, type BodyRules, PIECES_MAX } from './body.ts';
import { isCoding } from './decompress.ts';
import type { HttpExchange } from './exchange.ts';
import type { Head } from './head.ts';
import { Malformed } from './json.ts';
import { type Answer, refusal, refuse } from './reply.ts';

const JSON_TYPE = /^application\/json[ \t]*(;[ \t]*charset="?utf-8"?[ \t]*)?$/i;

const LATE = 'body: did not arrive in time';
const MUCH_READ = 'body: too many large ones are being read';
const MUCH_OF_TENANT = 'body: too many large ones of this tenant are being read';
/** Connections, as bodies, are shared by tenants. */
export const MANY_OF_TENANT = 'this tenant has too many connections open';
const MANY_PIECES = `body: in more than ${PIECES_MAX} pieces`;
export const NO_PATH = { message: 'no such path' };
export const NO_BODY = { message: 'body: none is taken here' };
export const tooLarge = ({ bytesMax }: BodyRules): string => `body: at most ${bytesMax} bytes`;

/** Whether the body has a type and an encoding that the route takes. */
export function isReadable({ head, isFrames }: HttpExchange): boolean {
  const { contentType, contentEncoding } = head;
  if (contentEncoding !== undefined) {
    const coding = contentEncoding.toLowerCase();
    if (coding !== 'identity' && !isCoding(coding)) return false;
    head.contentEncoding = coding === 'identity' ? undefined : coding;
  }
  return isFrames || (contentType !== undefined && JSON_TYPE.test(contentType));
}

/** The answer to whoever may not ask at all: what it sent is not read. */
export function deniedAnswer(exchange: HttpExchange, { reply, held }: Denial): Answer {
  const { message, retryAfterMs } = reply;
  const answer = refuse(exchange, reply.outcome as Refusing, { message, retryAfterMs });
  return held ? { ...answer, heldMs: HELD_MS } : answer;
}

/** Why a body could not be read. */
export function unread(fault: BodyFault, rules: BodyRules, corrId: string): Answer {
  if (fault === 'too_large') return refusal('too_large', corrId, { message: tooLarge(rules), close: true });
  if (fault === 'timeout') return refusal('timeout', corrId, { message: LATE, close: true });
  if (fault === 'memory') return refusal('saturated_memory', corrId, { message: MUCH_READ, close: true });
  if (fault === 'tenant') return refusal('saturated_tenant', corrId, { message: MUCH_OF_TENANT, close: true });
  if (fault === 'pieces') return refusal('schema', corrId, { message: MANY_PIECES, close: true });
  if (fault === 'malformed') return refusal('schema', corrId, { message: 'body: its encoding is broken', close: true });
  const message = `body: expands to more than ${rules.ratio} times its size`;
  return refusal('too_large', corrId, { message, close: true, rejected: 'ratio_cap' });
}

/** What a duplicate is answered with. @throws Malformed */
export function flagOf({ idemMode }: Head): boolean {
  if (idemMode !== undefined && idemMode !== '200-flag' && idemMode !== '409') {
    throw new Malformed('x-idempotency-mode: 409 or 200-flag');
  }
  return idemMode === '200-flag';
}

/** A query as an object of strings. @throws Malformed for a name that is there twice */
export function queryOf(query: string): Record<string, string> {
  const found: Record<string, string> = Object.create(null);
  for (const [name, value] of new URLSearchParams(query)) {
    if (name in found) throw new Malformed('query: a name is there twice');
    found[name] = value;
  }
  return { ...found };
}
