import { Compile } from 'typebox/compile';
import { describe, expect, it } from 'vitest';
import { limitSchemas } from '../../sim/replay/schema.ts';
import { parseSchedule } from '../../sim/schedule.ts';
import { ScheduleError } from '../../sim/yaml.ts';
import { limitsOf } from '../../src/config/limits.ts';
import { loadConfig } from '../../src/config/load.ts';
import { SETTINGS, type Settings } from '../../src/config/settings.ts';
import { ConfigError, durationText } from '../../src/config/values.ts';
import {
  brokenRule,
  DEFAULT_LIMITS,
  LIMIT_NAMES,
  LIMIT_RULES,
  LIMITS,
  type LimitRow,
  leastOf,
  refusalOf,
} from '../../src/core/limits.ts';
import { Writer } from '../../src/journal/bytes.ts';
import { LIMIT_FIELDS } from '../../src/journal/fields.ts';

const rows = LIMIT_NAMES.map((limit): LimitRow & { readonly limit: typeof limit } => ({ limit, ...LIMITS[limit] }));
const textOf = ({ kind }: LimitRow, value: number): string => (kind === 'ms' ? durationText(value) : String(value));
const isRefused = (by: new (...of: never[]) => Error, work: () => unknown): string | null => {
  try {
    work();
    return null;
  } catch (error) {
    if (error instanceof by) return error.message;
    throw error;
  }
};

const schedule = (...limits: readonly string[]): string => `name: t
description: d
seed: 1
duration: 10s
producers: { count: 1, every: 5ms }
consumers: [{ kind: good, count: 1 }]
limits: { ${limits.join(', ')} }
`;
/** Whether a schedule takes the value, as far as its range goes. */
function scheduleTakes(row: LimitRow, value: number): boolean {
  const why = isRefused(ScheduleError, () => parseSchedule(schedule(`${row.name}: ${textOf(row, value)}`), 'f'));
  return why === null || (LIMIT_RULES.some((rule) => why.endsWith(refusalOf(rule))) && !why.includes('"'));
}

describe('limits: one table', () => {
  it.each(rows.filter(({ isSetting }) => isSetting))('$name: the setting takes its range and nothing else', (row) => {
    const { kind } = SETTINGS[row.name as keyof typeof SETTINGS] as { kind: { read(text: string): number | null } };
    const read = (value: number): number | null => kind.read(textOf(row, value));
    expect([read(row.min), read(row.max), read(row.max + 1)]).toEqual([row.min, row.max, null]);
    if (row.min > 0) expect(read(row.min - 1)).toBeNull();
    const all = Object.fromEntries(Object.entries(SETTINGS).map(([n, s]) => [n, s.fallback]));
    expect(limitsOf({ ...all, [row.name]: row.max } as Settings)[row.limit]).toBe(row.max);
  });

  it.each(rows)('$name: records and replays take what a world may have, and nothing else', (row) => {
    const [field, schema] = [LIMIT_FIELDS[row.limit], Compile(limitSchemas[row.limit])];
    const records = (value: number): boolean => isRefused(Error, () => field.write(new Writer(), value)) === null;
    const of = [leastOf(row), row.max, leastOf(row) - 1, row.max + 1];
    expect([field.name, ...of.map(records)]).toEqual([row.name, true, true, false, false]);
    expect(of.map((value) => schema.Check(value))).toEqual([true, true, false, false]);
  });

  it.each(rows.filter(({ limit }) => limit !== 'topicHash'))('$name: a schedule takes what a world may have', (row) => {
    const least = row.limit === 'defaultVisibilityMs' ? row.min : leastOf(row);
    expect([least, row.max, row.max + 1].map((value) => scheduleTakes(row, value))).toEqual([true, true, false]);
    if (least > 0) expect(scheduleTakes(row, least - 1)).toBe(false);
  });

  it.each(LIMIT_RULES)('$limit and $of: settings and schedules refuse the same, in the same words', (rule) => {
    const [one, other] = [LIMITS[rule.limit], LIMITS[rule.of]];
    const most = { ...DEFAULT_LIMITS, [rule.limit]: rule.times * 1000, [rule.of]: 1000 };
    expect([brokenRule(most), brokenRule({ ...most, [rule.of]: 1001 })]).toEqual([null, rule]);
    const values = [`${rule.times * 1000}ms`, '1001ms'] as const;
    expect(isRefused(ConfigError, () => loadConfig({ [one.name]: values[0], [other.name]: values[1] }, {}))).toBe(
      `${one.name}: ${refusalOf(rule)}`,
    );
    const text = schedule(`${one.name}: ${values[0]}`, `${other.name}: ${values[1]}`);
    expect(isRefused(ScheduleError, () => parseSchedule(text, 'f'))).toContain(
      `limits.${one.name}: ${refusalOf(rule)}`,
    );
  });
});
