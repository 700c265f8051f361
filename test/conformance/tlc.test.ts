import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { CONJUNCTS, INDUCTIVE_MODELS } from '../../src/model/inductive-models.ts';
import { readMailboxConstants } from '../../src/model/mailbox.ts';
import { MODELS, type Model, type Specification, specificationOf } from '../../src/model/models.ts';
import { ALL_MODELS, RULE_MODELS } from '../../src/model/rule-models.ts';
import { spawnTlc } from '../../src/model/run-tlc.ts';
import { livenessOf, parseTlc, surprise } from '../../src/model/tlc-output.ts';
import { weakened, withoutName } from '../../src/model/weakened.ts';
import { holdsTables } from '../support/documents.ts';

const FOLDER = resolve(import.meta.dirname, '../../tla');
const COUNTS = '1782 states generated, 766 distinct states found, 400 states left on queue.\n';
const FINISHED = 'Finished in 00s at (2026-01-01 00:00:00)\n';
const DEPTH = 'The depth of the complete state graph search is 42.\n';
const CLEAN = 'Model checking completed. No error has been found.\n';
const holds = { kind: 'holds' } as const;

/** What every model of a specification must check. */
const CHECKED: Readonly<Record<Specification, readonly string[]>> = {
  Mailbox: [
    ...['TypeOK', 'NoLossInv', 'AttemptsBoundedInv', 'IdempotentInv', 'CapacityInv'],
    ...['SingleLeaseProp', 'EndsProp', 'AckFinalProp', 'EpochMonotoneProp', 'WindowProp'],
  ],
  Durability: ['TypeOK', 'ReplyDurableInv', 'PrefixProp', 'AckFinalProp', 'Refines'],
  Capability: ['TypeOK', 'RevokedProp', 'ExpiredInv', 'GoodInv', 'NarrowerInv'],
  Ownership: ['TypeOK', 'ChainInv', 'TermInv', 'ToldInv', 'HaltInv', 'StaleProp'],
};

/** What models of the rules check: all that `tla/Rules.tla` adds. */
const RULES = [...readFileSync(resolve(FOLDER, 'Rules.tla'), 'utf8').matchAll(/^(\w+(?:Prop|Inv)) ==/gm)].map(
  ([, name]) => name as string,
);
const checkedBy = (model: Model): readonly string[] => {
  if (INDUCTIVE_MODELS.includes(model)) return [...CHECKED.Mailbox, ...RULES, 'MeaningInv', 'ReceiptsInv', 'Inv'];
  return RULE_MODELS.includes(model) ? RULES : CHECKED[specificationOf(model)];
};

/** Stands for `java`: says where it may unpack, after it has written there. */
const STUB = `#!/bin/sh
for word in "$@"; do
  case "$word" in -Djava.io.tmpdir=*) folder="\${word#*=}"; echo unpacked > "$folder/Naturals.tla" && echo "$folder" ;; esac
done
`;

describe('tlc', () => {
  afterEach(() => vi.unstubAllEnvs());

  it('runs side by side unpack the standard modules in folders of their own, and leave nothing', async () => {
    const stub = mkdtempSync(join(tmpdir(), 'stub-'));
    onTestFinished(() => rmSync(stub, { recursive: true }));
    writeFileSync(join(stub, 'java'), STUB, { mode: 0o755 });
    vi.stubEnv('PATH', `${stub}:${process.env['PATH']}`);
    const run = () => spawnTlc('no.jar', stub, [], 'Model');
    const folders = (await Promise.all([run(), run()])).map((output) => output.trim());
    expect(new Set(folders).size).toBe(2);
    for (const folder of folders) {
      expect(folder).toMatch(/^\/.+/);
      expect(folder).not.toBe(tmpdir());
      expect(existsSync(folder)).toBe(false);
    }
  });

  it('models: each module has a config and a row in the table, and the other way round', () => {
    const names = (ending: string) =>
      readdirSync(FOLDER)
        .filter((file) => /^(MC|Neg)/.test(file) && file.endsWith(ending))
        .map((file) => file.slice(0, -ending.length))
        .sort();
    const table = ALL_MODELS.map((model) => model.name).sort();
    expect(names('.tla')).toEqual(table);
    expect(names('.cfg')).toEqual(table);
    expect(MODELS.filter(({ expected }) => expected.kind === 'violates').length).toBeGreaterThan(0);
  });

  it('models: a negative one checks the property it must violate, a positive one checks them all', () => {
    for (const model of ALL_MODELS) {
      const { name, expected } = model;
      const config = readFileSync(resolve(FOLDER, `${name}.cfg`), 'utf8');
      const wanted =
        expected.kind === 'violates'
          ? [expected.name]
          : expected.kind === 'reaches'
            ? expected.names
            : checkedBy(model);
      for (const property of wanted) expect(config, name).toMatch(new RegExp(`\\b${property}\\b`));
    }
  });

  it('models: no property is checked that no negative model of its specification breaks: one that cannot fail says nothing', () => {
    const broken = ALL_MODELS.flatMap((model) =>
      model.expected.kind === 'violates' ? [`${specificationOf(model)} ${model.expected.name}`] : [],
    );
    const some = ['DeliveredLive', 'IsolationProp', 'RoomInv', ...RULES];
    const checked = Object.entries({ ...CHECKED, Mailbox: [...CHECKED.Mailbox, ...some] });
    expect([...new Set(broken)].sort()).toEqual(
      checked.flatMap(([specification, names]) => names.map((name) => `${specification} ${name}`)).sort(),
    );
  });

  it('inductive: each conjunct of Inv is left out once, by itself, and what fails then is checked where nothing is left out', () => {
    const text = readFileSync(resolve(FOLDER, 'Inductive.tla'), 'utf8');
    const inv = /^Inv ==\n([\s\S]*?)\n\n/m.exec(text)?.[1] ?? '';
    const conjuncts = [...inv.matchAll(/\/\\ (\w+Inv)\b/g)].map(([, name]) => name);
    expect(conjuncts.length).toBeGreaterThan(20);
    expect(CONJUNCTS.map(({ name }) => name).sort()).toEqual(conjuncts.sort());
    for (const conjunct of CONJUNCTS) {
      const { name, model, breaks } = conjunct;
      expect(text, name).toContain(`${name} == Says("${name}",`);
      expect(INDUCTIVE_MODELS.map((one) => one.name)).toContain(model);
      const whole = readFileSync(resolve(FOLDER, `${model}.cfg`), 'utf8');
      expect(whole, name).toMatch(new RegExp(`^(INVARIANTS|PROPERTIES) .*\\b${breaks}\\b`, 'm'));
      expect(whole, name).toMatch(/^INIT Begin\nNEXT Next\n[\s\S]*^ {4}Left = \{\}$/m);
      const { module, config } = weakened(conjunct);
      expect(module).toContain(`MODULE ${withoutName(conjunct)} `);
      const kept = (text: string): string[] => text.split('\n').filter((line) => !/^(INV|PROP| {4}Left)/.test(line));
      expect(kept(config)).toEqual(kept(whole));
      expect(config).toContain(`Left = {"${name}"}`);
      expect([...config.matchAll(/^(?:INVARIANT|PROPERTY)\w* (.*)$/gm)].map(([, checked]) => checked)).toEqual([
        breaks,
      ]);
    }
  });

  it('inductive: docs/conformance.md says of each conjunct what fails without it (UPDATE_DOCS=1 writes it)', () => {
    const rows = CONJUNCTS.map(({ name, model, breaks }) => `| \`${name}\` | \`${breaks}\` | \`${model}\` |`);
    const conjuncts = ['| conjunct | without it fails | in |', '|---|---|---|', ...rows].join('\n');
    holdsTables('docs/conformance.md', { conjuncts }, 'test/conformance/tlc');
  });

  it('models: where tenants are told apart, that they are is checked (IsolationProp)', () => {
    const own = MODELS.filter(
      ({ graph, name }) => graph === 'Mailbox' && readMailboxConstants(FOLDER, name).TenantShare > 0,
    );
    expect(own.length).toBeGreaterThan(1);
    for (const { name } of own)
      expect(readFileSync(resolve(FOLDER, `${name}.cfg`), 'utf8'), name).toMatch(/^PROPERTIES .*\bIsolationProp\b/m);
  });

  it('models: where liveness is checked, time does all that it does in production, and the graph is on record (DeliveredLive)', () => {
    const live = MODELS.filter(
      ({ name }) => livenessOf(readFileSync(resolve(FOLDER, `${name}.cfg`), 'utf8')) === 'DeliveredLive',
    );
    const positive = live.filter(({ expected }) => expected.kind === 'holds');
    expect(positive.map(({ name }) => name)).toEqual(['MCLive', 'MCLiveForever']);
    for (const { name, graph } of positive) expect(graph, name).toBe('Mailbox');
    for (const { name } of live) {
      const { Delays, Ttls, RetryAfters, DlqRetention, BackoffMax } = readMailboxConstants(FOLDER, name);
      expect(Math.max(...Delays), name).toBeGreaterThan(0);
      expect(Math.max(...Ttls), name).toBeGreaterThan(0);
      expect(Math.max(...RetryAfters), name).toBeGreaterThan(BackoffMax);
      expect(DlqRetention, name).toBeGreaterThan(0);
    }
    const ready = positive.map(({ name }) => readMailboxConstants(FOLDER, name).ReadyRetention);
    expect(ready).toEqual([1, 0]);
  });

  it('output: a complete search holds', () => {
    const result = parseTlc(CLEAN + COUNTS.replace('400', '0') + DEPTH + FINISHED, null, FOLDER);
    const { generated, distinct, depth, violated, finished } = result;
    expect({ generated, distinct, depth, violated, finished }).toEqual({
      generated: 1782,
      distinct: 766,
      depth: 42,
      violated: [],
      finished: true,
    });
    expect(surprise(result, holds)).toBeNull();
    expect(surprise(result, { kind: 'violates', name: 'NoLossInv' })).toBe('not violated: NoLossInv');
  });

  it('output: violations are named, each once', () => {
    const text =
      'Error: Invariant NoLossInv is violated.\nError: Invariant NoLossInv is violated.\nError: Action property WindowProp is violated.\n';
    const result = parseTlc(text + COUNTS + FINISHED, null, FOLDER);
    expect(result.violated).toEqual(['NoLossInv', 'WindowProp']);
    expect(surprise(result, holds)).toBe('violated: NoLossInv, WindowProp');
    expect(surprise(result, { kind: 'violates', name: 'NoLossInv' })).toBe('violated: WindowProp');
  });

  it('output: a liveness violation takes the name of the property in the config', () => {
    const text = `Error: Temporal properties were violated.\n${COUNTS}${FINISHED}`;
    expect(parseTlc(text, livenessOf('PROPERTY DeliveredLive\n'), FOLDER).violated).toEqual(['DeliveredLive']);
    expect(livenessOf('INVARIANT NoLossInv\n')).toBeNull();
  });

  it('output: a violated property that TLC knows by its place takes the name of its definition (Refines)', () => {
    const lines = readFileSync(resolve(FOLDER, 'Durability.tla'), 'utf8').split('\n');
    const line = 1 + lines.findIndex((text) => text.startsWith('Refines =='));
    const place = `line ${line}, col 22 to line ${line}, col 37 of module Durability`;
    for (const kind of ['Action property', 'Property']) {
      const result = parseTlc(`Error: ${kind} ${place} is violated.\n${COUNTS}${DEPTH}${FINISHED}`, null, FOLDER);
      expect(result.violated).toEqual(['Refines']);
      expect(surprise(result, holds)).toBe('violated: Refines');
    }
    const initial = `Error: Property TypeOK is violated by the initial state:\n${COUNTS}${FINISHED}`;
    expect(parseTlc(initial, null, FOLDER).violated).toEqual(['TypeOK']);
  });

  it('output: a run that broke off or never began is no pass', () => {
    expect(surprise(parseTlc(COUNTS, null, FOLDER), holds)).toBe('did not finish');
    for (const output of [COUNTS + FINISHED, `Error: something else.\n${COUNTS}${DEPTH}${FINISHED}`])
      expect(surprise(parseTlc(output, null, FOLDER), holds)).toBe('TLC does not say that no error has been found');
    expect(() => parseTlc('*** Errors: 1\nParse error', null, FOLDER)).toThrow('TLC did not get to a state');
    expect(() => parseTlc('', null, FOLDER)).toThrow('TLC did not get to a state');
  });
});
