import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadConfig, shown } from '../../src/config/load.ts';
import { SETTING_NAMES } from '../../src/config/settings.ts';
import { ConfigError } from '../../src/config/values.ts';
import { corpus } from '../support/corpus.ts';
import { fuzz, takes } from '../support/fuzz.ts';
import { mutants } from '../support/mutate.ts';
import fc from '../support/properties.ts';

const KEPT = corpus('config');
const folder = mkdtempSync(join(tmpdir(), 'config-'));
const file = join(folder, 'mailbox.toml');
afterAll(() => rmSync(folder, { recursive: true }));

/** Refused in the words of configuration, or taken; and what is shown of it is a configuration that says the same. */
function check(bytes: Buffer): boolean {
  writeFileSync(file, bytes);
  return takes(ConfigError, () => {
    const config = loadConfig({}, {}, file);
    const given = shown(config).filter(({ value }) => value !== '');
    const again = loadConfig(Object.fromEntries(given.map(({ name, value }) => [name, value])), {});
    expect(shown(again).map(({ value }) => value)).toEqual(shown(config).map(({ value }) => value));
  });
}

const VALUES = [
  '0',
  '1',
  '-1',
  '1.5',
  'true',
  '""',
  '"1s"',
  '"250ms"',
  '"1MiB"',
  '"127.0.0.1:0"',
  '"[::1]:1"',
  '"v1"',
  '[]',
];
const odd = fc.oneof(
  fc.constantFrom(...VALUES),
  fc.nat().map(String),
  fc.tuple(fc.nat(), fc.constantFrom('ms', 's', 'h', 'd', 'KiB', 'GiB')).map(([n, unit]) => `"${n}${unit}"`),
  fc.string().map((text) => JSON.stringify(text)),
);
const line = fc.tuple(fc.constantFrom(...SETTING_NAMES), odd).map(([name, value]) => `${name} = ${value}`);

describe('fuzz: configuration', () => {
  it.each(KEPT.map((kept) => [kept.name, kept] as const))('kept: %s (T4, V2)', (_name, { bytes, isGood }) => {
    expect(check(bytes)).toBe(isGood);
  });

  it('bytes that were changed: refused by name, or taken (T4)', () => {
    fuzz(mutants(KEPT.map(({ bytes }) => bytes)), check);
  });

  it('settings of any value: refused by name, or taken (T4)', () => {
    fuzz(
      fc.array(line, { maxLength: 4 }).map((lines) => Buffer.from(lines.join('\n'))),
      check,
    );
  });
});
