import type { TSchema } from 'typebox';
import { type Body, SCHEMAS, type SchemaName, TEXT_BYTES_MAX } from '../api/schemas.ts';
import { isCrowded, Malformed } from './json.ts';

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
  after: 'a cursor of the feed, now or oldest',
  wait_ms: 'a whole number 0..43200000',
  prefix: 'what topics begin with, 1..128 of a-z 0-9 . _ : -, the first a letter or digit',
  attrs: 'text without control characters',
  reason: 'text without control characters',
};

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

// ---- finding faults

/** What is wrong with a value: where, and what it should be. */
export interface Fault {
  /** From the value down to the part that is wrong: names of fields, places in lists. */
  readonly path: readonly string[];
  /** The rule that is broken, as JSON Schema calls it. */
  readonly keyword: string;
  /** The rule in words, after the field's name. */
  readonly text: string;
}

/** Of JSON Schema what the bodies of this service are written in. */
interface Rules {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly items?: Rules;
  readonly maxProperties?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Rules>>;
  readonly patternProperties?: Readonly<Record<string, Rules>>;
  readonly additionalProperties?: unknown;
}
type Fields = Readonly<Record<string, unknown>>;

/** The first thing that is wrong with a value, or null when nothing is. */
export type FindFault = (value: unknown) => Fault | null;

/**
 * What looks for faults by this schema, made once. It stops at the first: whoever sends what is wrong in thousands of places learns of
 * one of them, for the price of one. Nothing is looked at twice, and nothing is written down before something is wrong.
 */
export const faultFinder = (schema: TSchema): FindFault => finderOf(schema as Rules);

const fault = (keyword: string, text: string): Fault => ({ path: [], keyword, text });
const under = (name: string, { path, keyword, text }: Fault): Fault => ({ path: [name, ...path], keyword, text });

function finderOf(rules: Rules): FindFault {
  if (rules.enum !== undefined) return inEnum(rules.enum);
  const ofType = OF_TYPE[rules.type ?? ''];
  return ofType === undefined ? () => null : ofType(rules, fault('type', `must be ${rules.type}`));
}

function inEnum(allowed: readonly unknown[]): FindFault {
  const other = fault('enum', 'must be equal to one of the allowed values');
  return (value) => (allowed.includes(value) ? null : other);
}

const OF_TYPE: Readonly<Record<string, (rules: Rules, wrongType: Fault) => FindFault>> = {
  boolean: (_, wrongType) => (value) => (typeof value === 'boolean' ? null : wrongType),
  string: inText,
  integer: inInteger,
  array: inList,
  object: inObject,
};

function inText({ pattern, maxLength = Number.POSITIVE_INFINITY }: Rules, wrongType: Fault): FindFault {
  const regex = pattern === undefined ? null : new RegExp(pattern, 'u');
  const unlike = fault('pattern', 'must match pattern');
  const tooLong = fault('maxLength', `must have at most ${maxLength} characters`);
  return (value) => {
    if (typeof value !== 'string') return wrongType;
    if (regex !== null && !regex.test(value)) return unlike;
    return isLonger(value, maxLength) ? tooLong : null;
  };
}

/** In characters, as JSON Schema counts them: a pair of surrogates is one. So only what is up to twice as long need be counted. */
const isLonger = (text: string, max: number): boolean =>
  text.length > max && (text.length > 2 * max || [...text].length > max);

function inInteger(rules: Rules, wrongType: Fault): FindFault {
  const { minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY } = rules;
  const tooSmall = fault('minimum', `must be >= ${minimum}`);
  const tooLarge = fault('maximum', `must be <= ${maximum}`);
  return (value) => {
    if (!Number.isInteger(value)) return wrongType;
    if ((value as number) < minimum) return tooSmall;
    return (value as number) > maximum ? tooLarge : null;
  };
}

function inList({ minItems = 0, maxItems = Number.POSITIVE_INFINITY, items }: Rules, wrongType: Fault): FindFault {
  const tooFew = fault('minItems', `must not have fewer than ${minItems} items`);
  const tooMany = fault('maxItems', `must not have more than ${maxItems} items`);
  const inItem = finderOf(items ?? {});
  return (value) => {
    if (!Array.isArray(value)) return wrongType;
    if (value.length < minItems) return tooFew;
    if (value.length > maxItems) return tooMany;
    for (let i = 0; i < value.length; i++) {
      const found = inItem(value[i]);
      if (found !== null) return under(String(i), found);
    }
    return null;
  };
}

function inObject(rules: Rules, wrongType: Fault): FindFault {
  const { properties = {}, patternProperties = {}, required = [], additionalProperties } = rules;
  const known = Object.entries(properties).map(([name, its], i) => ({ name, find: finderOf(its), bit: 1 << i }));
  const bits = new Map(known.map(({ name, bit }) => [name, bit]));
  const bitOf = (name: string): number => bits.get(name) ?? 0;
  const needed = required.reduce((all, name) => all | bitOf(name), 0);
  const patterns = Object.entries(patternProperties).map(
    ([like, its]) => [new RegExp(like, 'u'), finderOf(its)] as const,
  );
  const most = rules.maxProperties ?? Number.POSITIVE_INFINITY;
  const tooMany = fault('maxProperties', `must not have more than ${rules.maxProperties ?? known.length} properties`);
  const unknown = additionalProperties === false ? fault('additionalProperties', 'unknown field') : null;
  const missing = fault('required', 'missing');
  /** Of a field that is not among the properties; null where none of that name is known. */
  const finderFor = (name: string): FindFault | null => {
    for (const [like, find] of patterns) if (like.test(name)) return find;
    return null;
  };
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return wrongType;
    if (isCrowded(value)) return tooMany;
    const fields = value as Fields;
    const names = Object.keys(fields);
    if (names.length > most) return tooMany;
    let there = 0;
    let stranger: string | null = null;
    let others: [name: string, find: FindFault][] | null = null;
    for (let i = 0; i < names.length; i++) {
      const name = names[i] as string;
      const bit = bitOf(name);
      there |= bit;
      if (bit !== 0) continue;
      const find = finderFor(name);
      if (find === null) stranger ??= name;
      else if (others === null) others = [[name, find]];
      else others.push([name, find]);
    }
    if ((there & needed) !== needed)
      return under(required.find((name) => (there & bitOf(name)) === 0) as string, missing);
    if (stranger !== null && unknown !== null) return under(stranger, unknown);
    for (let i = 0; i < known.length; i++) {
      const { name, find, bit } = known[i] as (typeof known)[number];
      const found = (there & bit) === 0 ? null : find(fields[name]);
      if (found !== null) return under(name, found);
    }
    for (const [name, find] of others ?? []) {
      const found = find(fields[name]);
      if (found !== null) return under(name, found);
    }
    return null;
  };
}

const finders = Object.fromEntries(
  Object.entries(SCHEMAS).map(([name, schema]) => [name, faultFinder(schema)]),
) as Record<SchemaName, FindFault>;
