import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import Schema from 'typebox/schema';
import { describe, expect, it } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { SCHEDULES, shippedNames } from '../sim/files.ts';
import { parseSchedule } from '../sim/schedule.ts';
import { type JsonSchema, scheduleSchema } from '../sim/schema.ts';
import { configurationSchema } from '../src/config/schema.ts';
import { type AnySetting, SETTING_NAMES, SETTINGS } from '../src/config/settings.ts';

const ROOT = resolve(import.meta.dirname, '..');
const FILES = { 'schedule.schema.json': scheduleSchema, 'configuration.schema.json': configurationSchema };
const SHIPPED = shippedNames().map((name) => {
  const text = readFileSync(join(SCHEDULES, `${name}.yaml`), 'utf8');
  return { name, value: parseYaml(text) as Record<string, unknown> };
});
/** A prime: so of each field some changes are tried, and not the same ones. */
const STRIDE = 11;
/** Between them they have every kind of fault and of client. */
const MANY_FIELDS = ['everything-at-once', 'observers', 'redrives', 'streams', 'tenants', 'verifier-down'];

describe('JSON Schemas for editors', () => {
  it.each(Object.entries(FILES))('docs/schemas/%s is what the code says (UPDATE_DOCS=1 writes it)', (name, schema) => {
    const file = join(ROOT, 'docs/schemas', name);
    const text = `${JSON.stringify(schema(), null, 2)}\n`;
    if (process.env['UPDATE_DOCS'] === '1') {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
    expect(readFileSync(file, 'utf8')).toBe(text);
  });

  const isSchedule = Schema.Compile(scheduleSchema());
  const parses = (value: object): boolean => {
    try {
      // JSON is YAML.
      parseSchedule(JSON.stringify(value), 'f');
      return true;
    } catch {
      return false;
    }
  };

  it('schedule: every shipped one is let through, and every field that one of them has is known', () => {
    for (const { name, value } of SHIPPED) expect(isSchedule.Check(value), name).toBe(true);
    expect(SHIPPED.length).toBeGreaterThanOrEqual(25);
  });

  it('schedule: what the schema refuses the simulator refuses; and of one field it refuses what the simulator does (unknown names, other types, numbers out of range)', () => {
    const counts = { all: 0, tried: 0, refused: 0, ofOneField: 0 };
    for (const { name, value } of SHIPPED.filter(({ name }) => MANY_FIELDS.includes(name))) {
      for (const [what, changed] of changesOf(value)) {
        if (counts.all++ % STRIDE !== 0) continue;
        counts.tried++;
        const isLetThrough = isSchedule.Check(changed);
        const isTaken = parses(changed);
        if (!isLetThrough) counts.refused++;
        if (!isLetThrough) expect(isTaken, `${name}: ${what}`).toBe(false);
        // What one field says of another, and durations out of range, cannot be said in a schema.
        if (isTaken || !/renamed|true|-1|1e300/.test(what)) continue;
        counts.ofOneField++;
        expect(isLetThrough, `${name}: ${what}`).toBe(false);
      }
    }
    console.log(JSON.stringify(counts));
    expect(counts.refused).toBeGreaterThan(counts.tried / 2);
    expect(counts.ofOneField).toBeGreaterThan(80);
  });

  it('configuration: every default is let through, as docs/settings.md and `config print` show it; other types and names are not', () => {
    const schema = configurationSchema();
    const isConfiguration = Schema.Compile(schema);
    const properties = schema['properties'] as Record<string, JsonSchema>;
    expect(Object.keys(properties)).toEqual(SETTING_NAMES);
    for (const name of SETTING_NAMES) {
      const { kind, fallback } = SETTINGS[name] as AnySetting;
      if (fallback !== null) {
        const value = properties[name]?.['default'];
        expect(isConfiguration.Check({ [name]: value }), name).toBe(true);
        const text = Array.isArray(value) ? value.join(',') : String(value);
        expect(kind.show(kind.read(text)), name).toBe(kind.show(fallback));
      }
      expect(isConfiguration.Check({ [name]: { a: 1 } }), name).toBe(false);
      expect(isConfiguration.Check({ [`${name}x`]: 1 }), name).toBe(false);
    }
  });
});

/** The value with one thing changed, wherever that is. */
function* changesOf(
  value: Record<string, unknown>,
  at = '',
): Generator<[what: string, changed: Record<string, unknown>]> {
  for (const [key, member] of Object.entries(value)) {
    const { [key]: _, ...rest } = value;
    yield [`${at}${key} taken away`, rest];
    yield [`${at}${key} renamed`, { ...rest, [`${key}x`]: member }];
    for (const other of [true, -1, 1e300, 'x', '5parsecs', '', [], {}]) {
      yield [`${at}${key} is ${JSON.stringify(other)}`, { ...value, [key]: other }];
    }
    if (Array.isArray(member)) {
      for (const [i, item] of member.entries()) {
        if (typeof item !== 'object') continue;
        for (const [what, changed] of changesOf(item, `${at}${key}[${i}].`)) {
          yield [what, { ...value, [key]: member.with(i, changed) }];
        }
      }
    } else if (typeof member === 'object' && member !== null) {
      for (const [what, changed] of changesOf(member as Record<string, unknown>, `${at}${key}.`)) {
        yield [what, { ...value, [key]: changed }];
      }
    }
  }
}
