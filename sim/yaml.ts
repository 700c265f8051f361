import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, type YAMLMap } from 'yaml';
import { durationMs } from '../src/config/values.ts';
import type { Range } from './random.ts';

/** A schedule is wrong: file, line, column, field and limit. */
export class ScheduleError extends Error {}

/** Reads one mapping strictly: every field is asked for by name, what nobody asked for is refused. */
export class Fields {
  private readonly map: YAMLMap;
  private readonly where: string;
  private readonly asked = new Set<string>();
  private readonly fail: (node: Node | null | undefined, message: string) => never;

  private constructor(map: YAMLMap, where: string, fail: Fields['fail']) {
    this.map = map;
    this.where = where;
    this.fail = fail;
  }

  /** @throws ScheduleError */
  static parse(text: string, file: string): Fields {
    const lines = new LineCounter();
    const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, merge: false, prettyErrors: false });
    const fail = (node: Node | null | undefined, message: string): never => {
      const { line, col } = lines.linePos(node?.range?.[0] ?? 0);
      throw new ScheduleError(`${file}:${line}:${col}: ${message}`);
    };
    const [error] = document.errors;
    if (error !== undefined) {
      const { line, col } = lines.linePos(error.pos[0]);
      throw new ScheduleError(`${file}:${line}:${col}: ${error.message.split('\n')[0]}`);
    }
    if (!isMap(document.contents)) return fail(document.contents as Node | null, 'a schedule is a mapping');
    return new Fields(document.contents, '', fail);
  }

  private name(key: string): string {
    return this.where === '' ? key : `${this.where}.${key}`;
  }

  private node(key: string): Node | undefined {
    this.asked.add(key);
    return (this.map.get(key, true) as Node | undefined) ?? undefined;
  }

  has(key: string): boolean {
    this.asked.add(key);
    return this.map.has(key);
  }

  private scalar<T>(key: string, fallback: T | undefined, says: string, read: (value: unknown) => T | null): T {
    const node = this.node(key);
    if (node === undefined) {
      if (fallback !== undefined) return fallback;
      return this.fail(this.map, `${this.name(key)}: missing`);
    }
    const value = isScalar(node) ? read(node.value) : null;
    return value === null ? this.fail(node, `${this.name(key)}: must be ${says}`) : value;
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
    return this.scalar(key, fallback, 'a number 0..1', (value) =>
      typeof value === 'number' && value >= 0 && value <= 1 ? value : null,
    );
  }

  duration(key: string, fallback?: number): number {
    return this.scalar(key, fallback, 'a duration, like 250ms or 5s', (value) =>
      typeof value === 'string' ? durationMs(value) : null,
    );
  }

  /** A duration of at most `maxMs` that may be negative, like -2m. */
  shift(key: string, maxMs: number): number {
    return this.scalar(key, undefined, 'a duration of at most a day, like 2m or -2m', (value) => {
      if (typeof value !== 'string') return null;
      const ms = durationMs(value.replace(/^-/, ''));
      return ms === null || ms > maxMs ? null : value.startsWith('-') ? -ms : ms;
    });
  }

  /** `5ms`, or `1ms..20ms`. */
  range(key: string, fallback?: Range): Range {
    return this.scalar(key, fallback, 'a duration or a range, like 1ms..20ms', (value) => {
      if (typeof value !== 'string') return null;
      const [first = '', second = first] = value.split('..');
      const min = durationMs(first);
      const max = durationMs(second);
      return min === null || max === null || max < min ? null : { min, max };
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
      return this.fail(this.map, `${this.name(key)}: missing`);
    }
    if (!isMap(node)) return this.fail(node, `${this.name(key)}: must be a mapping`);
    return this.complete(new Fields(node, this.name(key), this.fail), read);
  }

  list<T>(key: string, read: (fields: Fields) => T): T[] {
    const node = this.node(key);
    if (node === undefined) return [];
    if (!isSeq(node)) return this.fail(node, `${this.name(key)}: must be a list`);
    return node.items.map((item, i) => {
      if (!isMap(item)) return this.fail(item as Node, `${this.name(key)}[${i}]: must be a mapping`);
      return this.complete(new Fields(item, `${this.name(key)}[${i}]`, this.fail), read);
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
  private complete<T>(fields: Fields, read: (fields: Fields) => T): T {
    const value = read(fields);
    fields.refuseUnknown();
    return value;
  }

  refuseUnknown(): void {
    for (const { key } of this.map.items) {
      const name = isScalar(key) ? String(key.value) : '';
      if (!this.asked.has(name)) {
        this.fail(key as Node, `${this.name(name)}: unknown field; known here are ${[...this.asked].join(', ')}`);
      }
    }
  }
}
