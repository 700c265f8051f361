import { durationText } from '../src/config/values.ts';
import type { Range } from './random.ts';
import { scheduleOf } from './schedule.ts';
import { type Fields, LONGEST_MS, SHIFT_DAYS_MAX } from './yaml.ts';

/** A JSON Schema, as far as it is used here. */
export type JsonSchema = Readonly<Record<string, unknown>>;

const DURATION = '[0-9]{1,12}(ms|s|m|h|d)';
const text = (pattern: string, description: string): JsonSchema => ({ type: 'string', pattern, description });

/**
 * Takes note of what is asked for instead of reading it, and answers with the most that there may be, so that no bound depends on
 * another field. What one field says of another cannot be said in a schema of each: `sim check` says it.
 */
class AskedFields implements Fields {
  private readonly properties = new Map<string, JsonSchema>();
  private readonly required = new Set<string>();
  private readonly optional = new Set<string>();
  /** The value of `kind`, on which the rest may depend; null takes the first. */
  private readonly chosen: string | null;
  /** What `kind` may be. */
  kinds: readonly string[] = [];

  constructor(chosen: string | null = null) {
    this.chosen = chosen;
  }

  private note<T>(key: string, schema: JsonSchema, isRequired: boolean, value: T): T {
    this.properties.set(key, schema);
    if (isRequired && !this.optional.has(key)) this.required.add(key);
    return value;
  }

  refuse(): never {
    // What follows a refusal would not be asked for; here nothing is refused.
    return undefined as never;
  }

  refuseUnknown(): void {}

  has(key: string): boolean {
    this.optional.add(key);
    return true;
  }

  text(key: string, fallback?: string): string {
    return this.note(key, { type: 'string', minLength: 1 }, fallback === undefined, 'text');
  }

  whole(key: string, minimum: number, maximum: number, fallback?: number): number {
    return this.note(
      key,
      withDefault({ type: 'integer', minimum, maximum }, fallback),
      fallback === undefined,
      maximum,
    );
  }

  number(key: string, minimum: number, maximum: number, fallback?: number): number {
    return this.note(key, withDefault({ type: 'number', minimum, maximum }, fallback), fallback === undefined, maximum);
  }

  share(key: string, fallback?: number): number {
    return this.number(key, 0, 1, fallback);
  }

  duration(key: string, fallback?: number, min = 0, max = LONGEST_MS): number {
    const schema = text(`^${DURATION}$`, `a duration ${durationText(min)}..${durationText(max)}, like 250ms 5s 1h`);
    const shown = fallback === undefined ? undefined : durationText(fallback);
    return this.note(key, withDefault(schema, shown), fallback === undefined, max);
  }

  shift(key: string): number {
    return this.note(key, SHIFT, true, 0);
  }

  shifts(key: string, maxItems: number): number[] {
    return this.note(key, { type: 'array', items: SHIFT, maxItems }, false, []);
  }

  wholes(key: string, minimum: number, maximum: number): number[] {
    const items = { type: 'integer', minimum, maximum };
    return this.note(key, { type: 'array', items, minItems: 1, uniqueItems: true }, true, [minimum]);
  }

  range(key: string, fallback?: Range): Range {
    const says = `a duration, or a range like 1ms..20ms, at most ${durationText(LONGEST_MS)}`;
    return this.note(key, text(`^${DURATION}(\\.\\.${DURATION})?$`, says), fallback === undefined, ONCE);
  }

  wholeRange(key: string, maximum: number, fallback?: Range, minimum = 0): Range {
    const range = text('^[0-9]{1,9}(\\.\\.[0-9]{1,9})?$', `a whole number or a range within ${minimum}..${maximum}`);
    const schema = { anyOf: [{ type: 'integer', minimum, maximum }, range] };
    return this.note(key, schema, fallback === undefined, { min: maximum, max: maximum });
  }

  oneOf<T extends string>(key: string, values: readonly T[], fallback?: T): T {
    const isKind = key === 'kind';
    if (isKind) this.kinds = values;
    const chosen = values.find((value) => isKind && value === this.chosen);
    const schema = chosen === undefined ? { enum: values } : { const: chosen };
    return this.note(key, withDefault(schema, fallback), fallback === undefined, chosen ?? (values[0] as T));
  }

  within<T>(key: string, read: (fields: Fields) => T, fallback?: T): T {
    const fields = new AskedFields();
    const value = read(fields);
    return this.note(key, fields.schema(), fallback === undefined, value);
  }

  list<T>(key: string, read: (fields: Fields) => T): T[] {
    return this.note(key, { type: 'array', items: itemsOf(read) }, false, []);
  }

  counts(key: string, known: readonly string[]): Record<string, number> {
    const count = { type: 'integer', minimum: 1, maximum: 1_000_000_000 };
    const properties = Object.fromEntries(known.map((name) => [name, count]));
    return this.note(key, { type: 'object', properties, additionalProperties: false }, false, {});
  }

  schema(): JsonSchema {
    const required = [...this.required];
    return {
      type: 'object',
      properties: Object.fromEntries(this.properties),
      ...(required.length === 0 ? {} : { required }),
      additionalProperties: false,
    };
  }
}

const ONCE: Range = { min: 1, max: 1 };
const SHIFT = text(`^-?${DURATION}$`, `a duration of at most ${SHIFT_DAYS_MAX}d, like 2m or -2m`);

const withDefault = (schema: JsonSchema, fallback: unknown): JsonSchema =>
  fallback === undefined ? schema : { ...schema, default: fallback };

/** Of the items of a list: one schema, or where the fields depend on `kind` one for each. */
function itemsOf(read: (fields: Fields) => unknown): JsonSchema {
  const asked = (kind: string | null): AskedFields => {
    const fields = new AskedFields(kind);
    read(fields);
    return fields;
  };
  const any = asked(null);
  const each = any.kinds.map((kind) => asked(kind).schema());
  const rest = (schema: JsonSchema): string => {
    const { kind: _, ...properties } = schema['properties'] as Record<string, JsonSchema>;
    return JSON.stringify([properties, schema['required']]);
  };
  return new Set(each.map(rest)).size <= 1 ? any.schema() : { oneOf: each };
}

/** The JSON Schema of a fault schedule, from the very code that reads one. */
export function scheduleSchema(): JsonSchema {
  const fields = new AskedFields();
  scheduleOf(fields, '');
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'svc-mailbox: a fault schedule of the simulator',
    ...fields.schema(),
  };
}
