import { type Body, SCHEMAS, type SchemaName, TEXT_BYTES_MAX } from '../api/schemas.ts';
import { type Fault, type FindFault, faultFinder } from './explain.ts';
import { Malformed } from './json.ts';

/** What a pattern means, in words. */
const MEANING: Readonly<Record<string, string>> = {
  topic: '1..128 of a-z 0-9 . _ : -, the first a letter or digit',
  idem_key: '1..128 ASCII characters from ! to ~',
  payload_hash: 'b3: and 64 lower-case hex digits',
  msg_id: 'a ULID of 26 characters',
  msg_ids: 'ULIDs of 26 characters',
  nonce: '26 characters',
  receipt: '1..128 ASCII characters',
  key_id: '1..32 of A-Z a-z 0-9 _ -',
  limit: 'a whole number 1..1000',
  cursor: 'the `next` of the page before',
  after: 'a cursor of the feed, or now',
  wait_ms: 'a whole number 0..43200000',
  prefix: 'what topics begin with, 1..128 of a-z 0-9 . _ : -, the first a letter or digit',
  attrs: 'text without control characters',
  reason: 'text without control characters',
};

const finders = Object.fromEntries(
  Object.entries(SCHEMAS).map(([name, schema]) => [name, faultFinder(schema)]),
) as Record<SchemaName, FindFault>;

/** The value as what the schema says it is. @throws Malformed naming the first field that is not. */
export function check<N extends SchemaName>(name: N, value: unknown): Body<N> {
  const fault = finders[name](value);
  if (fault !== null) throw new Malformed(said(fault));
  return value as Body<N>;
}

function said({ path, keyword, text }: Fault): string {
  const above = path.slice(0, -1);
  if (keyword === 'additionalProperties') {
    const hint = above.join() === 'attrs' ? ' (keys are 1..64 of a-z 0-9 . _ -)' : '';
    return `${[...above, fieldName(path.at(-1) as string)].join('.')}: ${text}${hint}`;
  }
  const field = path.join('.').slice(0, 80) || 'body';
  const meaning = MEANING[path.findLast((part) => part in MEANING) ?? ''];
  if (keyword === 'maxLength') return `${field}: at most ${TEXT_BYTES_MAX} bytes`;
  return `${field}: ${keyword === 'pattern' ? (meaning ?? text) : text}`;
}

/** A caller's own word where it looks like the name of a field; anything else might be a secret that slipped (I2). */
const fieldName = (word: string): string => (/^[a-z_][a-z0-9_]{0,31}$/.test(word) ? word : '(a name that is none)');
