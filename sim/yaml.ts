import {
  type CST,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  Parser,
  parseDocument,
  type Scalar,
  type YAMLMap,
} from 'yaml';
import { durationMs, durationText } from '../src/config/values.ts';
import { echoed, named, visible } from '../src/platform/visible.ts';
import type { Range } from './random.ts';

/** A schedule is wrong: file, line, column, field and limit. */
export class ScheduleError extends Error {}

/** What is asked of one mapping: a file answers (`YamlFields`), or a schema takes note of what was asked (`schema.ts`). */
export type Fields = Pick<YamlFields, keyof YamlFields>;

/** Reads one mapping strictly: every field is asked for by name, what nobody asked for is refused. */
export class YamlFields {
  private readonly map: YAMLMap;
  private readonly where: string;
  private readonly byName = new Map<string, Node | undefined>();
  private readonly asked = new Set<string>();
  private readonly fail: (node: Node | null | undefined, message: string) => never;

  private constructor(map: YAMLMap, where: string, fail: YamlFields['fail']) {
    this.map = map;
    this.where = where;
    this.fail = fail;
    for (const { key, value } of map.items) {
      const name = isScalar(key) ? String(key.value) : '';
      if (this.byName.has(name)) fail(key as Node, `${this.name(named(name))}: Map keys must be unique`);
      this.byName.set(name, (value as Node | null) ?? undefined);
    }
  }

  /** @throws ScheduleError */
  static parse(text: string, file: string): YamlFields {
    const deep = tooDeep(text);
    if (deep !== null)
      throw new ScheduleError(`${visible(file)}:${deep.line}:${deep.col}: deeper than ${DEPTH_MAX} levels`);
    const lines = new LineCounter();
    // That no key comes twice is asked here: the parser compares each with all before it.
    const document = parseDocument(text, { lineCounter: lines, uniqueKeys: false, merge: false, prettyErrors: false });
    const fail = (node: Node | null | undefined, message: string): never => {
      const { line, col } = lines.linePos(node?.range?.[0] ?? 0);
      throw new ScheduleError(`${visible(file)}:${line}:${col}: ${message}`);
    };
    const [error] = document.errors;
    if (error !== undefined) {
      const { line, col } = lines.linePos(error.pos[0]);
      throw new ScheduleError(`${visible(file)}:${line}:${col}: ${visible(error.message.split('\n')[0] as string)}`);
    }
    if (!isMap(document.contents)) return fail(document.contents as Node | null, 'a schedule is a mapping');
    return new YamlFields(document.contents, '', fail);
  }

  private name(key: string): string {
    return this.where === '' ? key : `${this.where}.${key}`;
  }

  private node(key: string): Node | undefined {
    this.asked.add(key);
    return this.byName.get(key);
  }

  /** Refuses a value for a reason that several fields have together. @throws ScheduleError */
  refuse(key: string, message: string): never {
    return this.fail(this.node(key) ?? this.map, `${this.name(key)}: ${message}`);
  }

  /** A field that must be there, and perhaps is, misspelt. */
  private missing(key: string): never {
    const near = this.map.items
      .map((item) => item.key)
      .find((other) => isScalar(other) && !this.asked.has(String(other.value)) && isNear(key, String(other.value)));
    if (near === undefined) return this.fail(this.map, `${this.name(key)}: missing`);
    return this.fail(
      near as Node,
      `${this.name(named(String((near as Scalar).value)))}: unknown field; ${key} is missing`,
    );
  }

  has(key: string): boolean {
    this.asked.add(key);
    return this.byName.has(key);
  }

  private scalar<T>(key: string, fallback: T | undefined, says: string, read: (value: unknown) => T | null): T {
    const node = this.node(key);
    if (node === undefined) {
      if (fallback !== undefined) return fallback;
      return this.missing(key);
    }
    const value = isScalar(node) ? read(node.value) : null;
    return value === null ? this.fail(node, `${this.name(key)}${found(node)}: must be ${says}`) : value;
  }

  text(key: string, fallback?: string): string {
    return this.scalar(key, fallback, 'text', (value) => (typeof value === 'string' && value !== '' ? value : null));
  }

  whole(key: string, min: number, max: number, fallback?: number): number {
    return this.scalar(key, fallback, `a whole number ${min}..${max}`, (value) =>
      typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max ? value : null,
    );
  }

  share(key: string, fallback?: number): number {
    return this.number(key, 0, 1, fallback);
  }

  /** In ms, within [min, max]. */
  duration(key: string, fallback?: number, min = 0, max = LONGEST_MS): number {
    const bounds = `${min === 0 ? '' : `, at least ${durationText(min)}`}, at most ${durationText(max)}`;
    return this.scalar(key, fallback, `a duration, like 250ms or 5s${bounds}`, (value) => {
      const ms = typeof value === 'string' ? durationMs(value) : null;
      return ms === null || ms < min || ms > max ? null : ms;
    });
  }

  /** A duration of at most a day that may be negative, like -2m. */
  shift(key: string): number {
    return this.scalar(key, undefined, SHIFT, shiftOf);
  }

  /** A list of such. */
  shifts(key: string, most: number): number[] {
    const node = this.node(key);
    if (node === undefined) return [];
    if (!isSeq(node) || node.items.length > most)
      return this.fail(node, `${this.name(key)}: must be a list of at most ${most}`);
    return node.items.map((item, i) => {
      const ms = isScalar(item) ? shiftOf(item.value) : null;
      return ms ?? this.fail(item as Node, `${this.name(key)}[${i}]: must be ${SHIFT}`);
    });
  }

  /** A list of whole numbers that are all different, at least one. */
  wholes(key: string, min: number, max: number): number[] {
    const node = this.node(key);
    const says = `${this.name(key)}: must be a list of different whole numbers ${min}..${max}`;
    if (!isSeq(node) || node.items.length === 0) return this.fail(node, says);
    const values = node.items.map((item) => {
      const value = isScalar(item) ? item.value : null;
      const fits = typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max;
      return fits ? value : this.fail(item as Node, says);
    });
    return new Set(values).size === values.length ? values : this.fail(node, says);
  }

  /** A number in a range of its own. */
  number(key: string, min: number, max: number, fallback?: number): number {
    return this.scalar(key, fallback, `a number ${min}..${max}`, (value) =>
      typeof value === 'number' && value >= min && value <= max ? value : null,
    );
  }

  /** `5ms`, or `1ms..20ms`. */
  range(key: string, fallback?: Range): Range {
    const says = `a duration or a range, like 1ms..20ms, at most ${durationText(LONGEST_MS)}`;
    return this.scalar(key, fallback, says, (value) => {
      if (typeof value !== 'string') return null;
      const [first = '', second = first] = value.split('..');
      const min = durationMs(first);
      const max = durationMs(second);
      return min === null || max === null || max < min || max > LONGEST_MS ? null : { min, max };
    });
  }

  /** `5`, or `1..20`. */
  wholeRange(key: string, max: number, fallback?: Range, min = 0): Range {
    return this.scalar(key, fallback, `a whole number or a range within ${min}..${max}, like ${min}..100`, (value) => {
      const match = /^([0-9]{1,9})(?:\.\.([0-9]{1,9}))?$/.exec(String(value));
      if (match === null) return null;
      const [low, high] = [Number(match[1]), Number(match[2] ?? match[1])];
      return low < min || high < low || high > max ? null : { min: low, max: high };
    });
  }

  oneOf<T extends string>(key: string, values: readonly T[], fallback?: T): T {
    return this.scalar(key, fallback, values.join(', '), (value) => values.find((known) => known === value) ?? null);
  }

  /** Reads a mapping within; `read` must ask for every field that may be there. */
  within<T>(key: string, read: (fields: Fields) => T, fallback?: T): T {
    const node = this.node(key);
    if (node === undefined) {
      if (fallback !== undefined) return fallback;
      return this.missing(key);
    }
    if (!isMap(node)) return this.fail(node, `${this.name(key)}: must be a mapping`);
    return this.complete(new YamlFields(node, this.name(key), this.fail), read);
  }

  list<T>(key: string, read: (fields: Fields) => T): T[] {
    const node = this.node(key);
    if (node === undefined) return [];
    if (!isSeq(node)) return this.fail(node, `${this.name(key)}: must be a list`);
    return node.items.map((item, i) => {
      if (!isMap(item)) return this.fail(item as Node, `${this.name(key)}[${i}]: must be a mapping`);
      return this.complete(new YamlFields(item, `${this.name(key)}[${i}]`, this.fail), read);
    });
  }

  /** The names and whole numbers of a free mapping. */
  counts(key: string, known: readonly string[]): Record<string, number> {
    if (!this.has(key)) return {};
    return this.within(key, (fields) => {
      const found: Record<string, number> = {};
      for (const name of known) if (fields.has(name)) found[name] = fields.whole(name, 1, 1_000_000_000);
      return found;
    });
  }

  /** @throws ScheduleError naming a field that nothing asked for */
  private complete<T>(fields: YamlFields, read: (fields: Fields) => T): T {
    const value = read(fields);
    fields.refuseUnknown();
    return value;
  }

  refuseUnknown(): void {
    for (const { key } of this.map.items) {
      const name = isScalar(key) ? String(key.value) : '';
      if (!this.asked.has(name)) {
        this.fail(
          key as Node,
          `${this.name(named(name))}: unknown field; known here are ${[...this.asked].join(', ')}`,
        );
      }
    }
  }
}

/** Far more than any schedule has. Beyond some thousands the parser, which calls itself for each, ends in want of stack. */
const DEPTH_MAX = 32;

/** Where something stands that is too deep, or null. */
function tooDeep(text: string): { readonly line: number; readonly col: number } | null {
  const lines = new LineCounter();
  const open: [token: CST.Token, depth: number][] = [];
  const enter = (token: CST.Token | null | undefined, depth: number): void => {
    if (token != null) open.push([token, depth]);
  };
  for (const token of new Parser(lines.addNewLine).parse(text)) enter(token, 0);
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [token, depth] = next;
    if (token.type === 'document') enter(token.value, depth);
    if (!('items' in token)) continue;
    if (depth === DEPTH_MAX) return lines.linePos(token.offset);
    for (const { key, value } of token.items) {
      enter(key, depth + 1);
      enter(value, depth + 1);
    }
  }
  return null;
}

/** Two words that differ in one stretch of at most two letters. */
function isNear(a: string, b: string): boolean {
  const most = Math.min(a.length, b.length);
  let [first, last] = [0, 0];
  while (first < most && a[first] === b[first]) first++;
  while (last < most - first && a[a.length - 1 - last] === b[b.length - 1 - last]) last++;
  return first + last > 0 && Math.max(a.length, b.length) - first - last <= 2;
}

/** What stands there instead, when it is a single value. */
const found = (node: Node): string => (isScalar(node) && node.value !== null ? ` ${echoed(String(node.value))}` : '');

const DAY_MS = 86_400_000;
/** Times beyond it would be no times. */
export const LONGEST_MS = 3650 * DAY_MS;

/** Enough to set a clock to 1970, and from there to now. */
export const SHIFT_DAYS_MAX = 20_000;
export const SHIFT_MS_MAX = SHIFT_DAYS_MAX * DAY_MS;
const SHIFT = `a duration of at most ${SHIFT_DAYS_MAX}d, like 2m or -2m`;

function shiftOf(value: unknown): number | null {
  if (typeof value !== 'string') return null;
  const ms = durationMs(value.replace(/^-/, ''));
  return ms === null || ms > SHIFT_MS_MAX ? null : value.startsWith('-') ? -ms : ms;
}
