import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MODELS } from '../../src/model/models.ts';
import { CODE_FILES, codeMutants } from '../../tools/mutation/code.ts';
import { codeMutantsOf } from '../../tools/mutation/code-mutants.ts';
import { commitDifference } from '../../tools/mutation/commit-walk.ts';
import { faultsOf, readEquivalents } from '../../tools/mutation/equivalents.ts';
import { machineDifference } from '../../tools/mutation/machine-walk.ts';
import { weave } from '../../tools/mutation/schema.ts';
import { missingKinds, staleParts } from '../../tools/mutation/score.ts';
import { SPEC_FILES, specMutants } from '../../tools/mutation/spec.ts';
import { specMutantsOf } from '../../tools/mutation/spec-mutants.ts';
import { definitionsOf, tokensOf } from '../../tools/mutation/tla-tokens.ts';
import { faultsOfRooms } from '../../tools/rooms/score.ts';
import { readUnnoticed, staleRules } from '../../tools/rules/score.ts';

const ROOT = resolve(import.meta.dirname, '../..');

/** These definitions of a module and all that they are made of. */
function usedBy(names: readonly string[], module: string): string[] {
  const bodies = new Map(
    definitionsOf(tokensOf(module)).map(({ name, body }) => [name, body.map(({ text }) => text)] as const),
  );
  const found = new Set(names);
  // A set is walked in the order of insertion, those found on the way included.
  for (const name of found) for (const word of bodies.get(name) ?? []) if (bodies.has(word)) found.add(word);
  return [...found];
}

describe('mutation', () => {
  it('mutants: every guard, comparison, update and target of a source has some', () => {
    const source = `const f = (a, b) => (a < b && a !== 3 ? a + 1 : b);\nfunction g(m) { m.attempt += 1; if (m.attempt > 2) throw new Error(); }`;
    const ids = codeMutantsOf('f.ts', source).map(({ id }) => id);
    for (const change of [
      'f: < -> <=',
      'f: < -> >=',
      'f: !== -> ===',
      'f: 3 -> 4',
      'f: + -> -',
      'g: += -> -=',
      'g: 1 -> 2',
    ])
      expect(ids).toContain(`f.ts ${change}`);
    expect(ids.some((id) => id.includes(': > ->'))).toBe(false);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('mutants: every conjunct of an action has some, and what holds of states has none', () => {
    const module = [
      ...['---- MODULE M ----', 'VARIABLES', '    x', 'Init == x = 0', 'Low(m) == x < 2 \\* a < b', ''],
      ...[
        'Step(m) ==',
        '    /\\ Low(m)',
        '    /\\ x # 5 \\/ x = 7',
        "    /\\ x' = x + 1",
        '',
        'Next == Step(1)',
        'TypeOK == x < 9',
        '====',
      ],
    ].join('\n');
    const ids = specMutantsOf('M.tla', module).map(({ id }) => id.slice('M.tla '.length));
    expect(ids).toContain('Low: < -> <=');
    expect(ids).toContain('Step: Low(m) -> TRUE');
    expect(ids).toContain('Step: Low(m) -> ~(Low(m))');
    expect(ids).toContain('Step: x # 5 -> FALSE');
    expect(ids).toContain('Step: x + 1 -> x');
    expect(ids).toContain('Step: all of it -> FALSE');
    expect(ids.some((id) => id.startsWith('TypeOK'))).toBe(false);
    const woven = weave(module, new Map([[1, specMutantsOf('M.tla', module)[0]!]]), 'x <= 9');
    expect(woven).toContain('mutant \\in {0, 1}');
    expect(woven).toContain("mutant' = mutant");
  });

  it('mutants: of each file that decides, and of each action of the specification', () => {
    for (const file of CODE_FILES)
      expect(codeMutantsOf(file, readFileSync(join(ROOT, file), 'utf8')).length, file).toBeGreaterThan(0);
    const mutated = new Set(specMutants().map(({ file, definition }) => `${file} ${definition}`));
    for (const [module, file] of Object.entries(SPEC_FILES)) {
      const next = /^Next ==([\s\S]*?)^$/m.exec(readFileSync(join(ROOT, file), 'utf8'))?.[1] ?? '';
      const actions = [...next.matchAll(/\\\/ (?!\\E)(\w+)/g)].map(([, name]) => name);
      expect(actions.length, module).toBeGreaterThan(10);
      for (const action of actions) expect([...mutated], module).toContain(`${file} ${action}`);
    }
  });

  it('mutants: what is mutated of the specification is part of its steps: of what fairness alone uses no graph could tell', () => {
    const mutated = new Set(specMutants().map(({ file, definition }) => `${file} ${definition}`));
    const inSteps = Object.values(SPEC_FILES).flatMap((file) =>
      usedBy(['Init', 'Next'], readFileSync(join(ROOT, file), 'utf8')).map((name) => `${file} ${name}`),
    );
    expect(mutated.size).toBeGreaterThan(60);
    expect([...mutated].filter((definition) => !inSteps.includes(definition))).toEqual([]);
  });

  it('the score of the rules by themselves is one of these sources, and the one that the README shows (npm run rules -- --write)', () => {
    expect(staleRules()).toEqual([]);
    const known = new Set(codeMutants().map(({ id }) => id));
    for (const [id, reason] of Object.entries(readUnnoticed())) {
      expect(known.has(id), id).toBe(true);
      expect(reason.length, id).toBeGreaterThan(20);
    }
  });

  it('the score of the rooms is the one that the README shows, and every mutant that nobody could notice lives and has its reason', () => {
    expect(faultsOfRooms()).toEqual([]);
  });

  it('the score on record is one of these sources, and the one that the documents show (npm run mutate -- --write)', () => {
    expect([...staleParts(), ...missingKinds()]).toEqual([]);
  });

  it('equivalents: each names a mutant that there is, and says why', () => {
    expect(faultsOf(readEquivalents(), [...codeMutants(), ...specMutants()], [])).toEqual([]);
  });

  it('equivalents: one that is killed, one of nothing and one without a reason are faults', () => {
    const [mutant] = codeMutants();
    const id = mutant!.id;
    const killed = { mutant: mutant!, verdict: 'killed', by: 'MCTinyOne', why: 'lacks a step' } as const;
    expect(faultsOf({ [id]: 'nobody reads it' }, [mutant!], [killed])[0]).toMatch(/was killed by MCTinyOne/);
    expect(faultsOf({ gone: 'nobody reads it' }, [mutant!], [])[0]).toMatch(/there is no mutant gone/);
    expect(faultsOf({ [id]: '' }, [mutant!], [])[0]).toMatch(/no reason/);
  });

  it('commit: in every short sequence it does what the plain account says (AC1)', () => {
    expect(commitDifference()).toBeNull();
  });

  it('machine: as XState runs it, it is the machine that the core runs', () => {
    expect(machineDifference()).toBeNull();
  });
});

describe('fairness', () => {
  const listOf = (file: string): string[] =>
    [...readFileSync(join(ROOT, 'tla', file), 'utf8').matchAll(/^ {4}\/\\ (.*\b[WS]F_vars\(.*\))$/gm)].map(
      ([, one]) => one as string,
    );

  it('each condition is left out by a negative model, which must break DeliveredLive', () => {
    const all = listOf('Mailbox.tla');
    const negative = MODELS.filter(({ name }) => name.startsWith('NegUnfair'));
    const leftOut = negative.map(({ name, expected }) => {
      expect(expected, name).toEqual({ kind: 'violates', name: 'DeliveredLive' });
      const kept = listOf(`${name}.tla`);
      expect(kept.length, name).toBe(all.length - 1);
      return all.filter((one) => !kept.includes(one));
    });
    expect(leftOut.flat().sort()).toEqual([...all].sort());
  });
});
