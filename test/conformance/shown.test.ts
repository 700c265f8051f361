import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { graphFile, type Model } from '../../src/model/models.ts';
import { headerOf } from '../../src/model/recorded-graph.ts';
import { ALL_MODELS } from '../../src/model/rule-models.ts';
import { verdictOf } from '../../tla/verdict.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
const SHOWN =
  /```console\n\$ npm run -s tlc\nmodel.*\n([\s\S]*?)\.\.\n```/.exec(README)?.[1]?.trimEnd().split('\n') ?? [];

/** What TLC found of it, where that is on record. */
const recorded = (model: Model) => (model.graph === null ? null : headerOf(readFileSync(graphFile(model))));

describe('README: what npm run tlc is shown to print, without TLC', () => {
  it('is a command that there is', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: object };
    expect(scripts).toHaveProperty('tlc', 'tsx tla/tlc.ts');
  });

  it('has a row for a model that there is, each with the verdict and the words of it, and the size that is on record', () => {
    expect(SHOWN.length).toBeGreaterThan(30);
    for (const row of SHOWN) {
      const [, name, distinct, says] = /^(\w+) +([\d,]+) +[\d-]+ +[\d.]+ {2}(.*)$/.exec(row) ?? [];
      const [model] = ALL_MODELS.filter((one) => one.name === name);
      if (model === undefined) throw new Error(`no model: ${row}`);
      const header = recorded(model);
      expect(says, row).toBe(`${verdictOf(model, header?.steps ?? null)}  (${model.about})`);
      if (header !== null) expect(distinct, row).toBe(header.states.toLocaleString('en'));
    }
  });

  it('shows every kind of verdict, and sizes that are on record', () => {
    const shown = ALL_MODELS.filter(({ name }) => SHOWN.some((row) => row.startsWith(`${name} `)));
    expect(new Set(shown.map(({ expected }) => expected.kind))).toEqual(new Set(['holds', 'violates', 'reaches']));
    expect(shown.filter(({ graph }) => graph !== null).length).toBeGreaterThan(0);
  });
});
