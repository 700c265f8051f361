import type { TSchema } from 'typebox';
import { isCrowded } from './json.ts';

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

/**
 * The first thing that is wrong with a value, or null when nothing is. It stops there: whoever sends what is wrong in thousands of
 * places learns of one of them, for the price of one. Where it is gets written down on the way back: what is right is passed without
 * a trace.
 */
export const explain = (schema: TSchema, value: unknown): Fault | null => faultIn(schema as Rules, value);

const fault = (keyword: string, text: string): Fault => ({ path: [], keyword, text });
const under = (name: string, { path, keyword, text }: Fault): Fault => ({ path: [name, ...path], keyword, text });

function faultIn(rules: Rules, value: unknown): Fault | null {
  if (rules.enum !== undefined)
    return rules.enum.includes(value) ? null : fault('enum', 'must be equal to one of the allowed values');
  const type = rules.type;
  if (type !== undefined && !IS[type]?.(value)) return fault('type', `must be ${type}`);
  if (type === 'string') {
    if (!matches(rules.pattern, value as string)) return fault('pattern', 'must match pattern');
    const { maxLength = Number.POSITIVE_INFINITY } = rules;
    return isLonger(value as string, maxLength)
      ? fault('maxLength', `must have at most ${maxLength} characters`)
      : null;
  }
  if (type === 'integer') {
    const { minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY } = rules;
    if ((value as number) < minimum) return fault('minimum', `must be >= ${minimum}`);
    return (value as number) > maximum ? fault('maximum', `must be <= ${maximum}`) : null;
  }
  if (type === 'array') return faultInList(rules, value as readonly unknown[]);
  return type === 'object' ? faultInObject(rules, value as Fields) : null;
}

const IS: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  integer: Number.isInteger,
  array: Array.isArray,
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
};

/** In characters, as JSON Schema counts them: a pair of surrogates is one. */
const isLonger = (text: string, max: number): boolean => text.length > max && [...text].length > max;

function faultInList(rules: Rules, list: readonly unknown[]): Fault | null {
  const { minItems = 0, maxItems = Number.POSITIVE_INFINITY, items } = rules;
  if (list.length < minItems) return fault('minItems', `must not have fewer than ${minItems} items`);
  if (list.length > maxItems) return fault('maxItems', `must not have more than ${maxItems} items`);
  if (items === undefined) return null;
  for (const [i, item] of list.entries()) {
    const found = faultIn(items, item);
    if (found !== null) return under(String(i), found);
  }
  return null;
}

function faultInObject(rules: Rules, fields: Fields): Fault | null {
  const { required = [], properties = {} } = rules;
  const { maxProperties = Object.keys(properties).length } = rules;
  const tooMany = (): Fault => fault('maxProperties', `must not have more than ${maxProperties} properties`);
  if (isCrowded(fields)) return tooMany();
  const names = Object.keys(fields);
  if (rules.maxProperties !== undefined && names.length > maxProperties) return tooMany();
  const missing = required.find((name) => !Object.hasOwn(fields, name));
  if (missing !== undefined) return under(missing, fault('required', 'missing'));
  const others = new Map<string, Rules>();
  for (const name of names) {
    if (Object.hasOwn(properties, name)) continue;
    const found = rulesOfOther(rules, name);
    if (found !== null) others.set(name, found);
    else if (rules.additionalProperties === false) return under(name, fault('additionalProperties', 'unknown field'));
  }
  for (const name of Object.keys(properties)) {
    const found = Object.hasOwn(fields, name) ? faultIn(properties[name] as Rules, fields[name]) : null;
    if (found !== null) return under(name, found);
  }
  for (const [name, itsRules] of others) {
    const found = faultIn(itsRules, fields[name]);
    if (found !== null) return under(name, found);
  }
  return null;
}

/** The rules of a field of a name that is not among the properties, or null where there are none. */
function rulesOfOther({ patternProperties = {} }: Rules, name: string): Rules | null {
  for (const pattern in patternProperties) {
    if (matches(pattern, name)) return patternProperties[pattern] as Rules;
  }
  return null;
}

const compiled = new Map<string, RegExp>();

function matches(pattern: string | undefined, text: string): boolean {
  if (pattern === undefined) return true;
  let regex = compiled.get(pattern);
  if (regex === undefined) {
    regex = new RegExp(pattern, 'u');
    compiled.set(pattern, regex);
  }
  return regex.test(text);
}
