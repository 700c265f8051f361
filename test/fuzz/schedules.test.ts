import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { parseSchedule } from '../../sim/schedule.ts';
import { ScheduleError } from '../../sim/yaml.ts';
import { corpus } from '../support/corpus.ts';
import { fuzz, takes } from '../support/fuzz.ts';
import { mutants } from '../support/mutate.ts';
import { odder } from '../support/odd.ts';
import fc from '../support/properties.ts';

const FOLDER = resolve(import.meta.dirname, '../../sim/schedules');
const SHIPPED = readdirSync(FOLDER).map((name) => ({ name, isGood: true, bytes: readFileSync(resolve(FOLDER, name)) }));
const KEPT = [...SHIPPED, ...corpus('schedules')];

const check = (bytes: Buffer): boolean => takes(ScheduleError, () => parseSchedule(bytes.toString(), 'fuzzed'));

describe('fuzz: schedules', () => {
  it.each(KEPT.map((kept) => [kept.name, kept] as const))('kept: %s (T4, V2)', (_name, { bytes, isGood }) => {
    expect(check(bytes)).toBe(isGood);
  });

  it('bytes that were changed: refused with line and column, or taken (T4)', () => {
    fuzz(mutants(KEPT.map(({ bytes }) => bytes)), check);
  });

  it('values that were changed: refused with line and column, or taken (T4)', () => {
    const values = SHIPPED.map(({ bytes }) => parse(bytes.toString()));
    fuzz(
      fc
        .constantFrom(...values)
        .chain(odder)
        .map((value) => Buffer.from(stringify(value))),
      check,
    );
  });
});
