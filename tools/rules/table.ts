import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { INVARIANT_TEXT } from '../../sim/checkers/asked.ts';
import { ALL_MODELS } from '../../src/model/rule-models.ts';
import { STEP_RULES } from '../../src/model/rules.ts';
import { STATE_RULES } from '../../src/model/rules-states.ts';
import { ROOT } from '../mutation/code.ts';

/** The table of the rules in docs/conformance.md: where each stands is looked up in the sources, and what breaks it among the models. */

interface Row {
  readonly name: string;
  /** Of docs/lifecycle.md. */
  readonly rules: string;
  readonly kind: 'states' | 'steps' | 'what may happen' | 'runs';
  readonly says: string;
}

const of = (name: string, rules: string, kind: Row['kind']): Row => ({
  ...{ name, rules, kind },
  says: INVARIANT_TEXT[name] as string,
});
/** What graphs are not asked: they have no journal and no capabilities, and runs that never end are looked for by themselves. */
const OTHERS: readonly Row[] = [
  of('RoomInv', 'BD5', 'what may happen'),
  of('DeliveredLive', 'AC1', 'runs'),
  of('ReplyDurableInv', 'AC1', 'states'),
  of('PrefixProp', 'AC1, RT4', 'steps'),
  of('RevokedProp', 'AU3', 'steps'),
];
export const RULE_ROWS: readonly Row[] = [
  ...STATE_RULES.map(
    ({ asksWhatMay = false, ...rest }): Row => ({ ...rest, kind: asksWhatMay ? 'what may happen' : 'states' }),
  ),
  ...STEP_RULES.map((rule): Row => ({ ...rule, kind: 'steps' })),
  ...OTHERS,
];

/** Why no model of TLC has or breaks a rule, and what does. */
const WITHOUT: Readonly<Record<string, string>> = {
  AnswerProp: 'none: in TLA+ a property sees no labels; `test/model/rules.test.ts` takes each answer away',
};

const MODULES = ['Mailbox', 'Rules', 'Durability', 'Capability', 'Ownership'];
const inTla = (name: string): string[] =>
  MODULES.map((module) => `tla/${module}.tla`).filter((file) => holds(file, `^${name} ==`));

/** Where properties of graphs and predicates stand; what is looked for in another way is named there. */
const SOURCES: readonly string[] = [
  'spec/invariants.ts',
  ...readdirSync(join(ROOT, 'src/model'))
    .filter((name) => name.startsWith('rules-'))
    .sort()
    .map((name) => `src/model/${name}`),
];
const SOUGHT_IN: Readonly<Record<string, string>> = {
  DeliveredLive: 'src/model/liveness.ts',
  RevokedProp: 'sim/checkers/answers.ts',
};
const holds = (file: string, pattern: string): boolean =>
  new RegExp(pattern, 'm').test(readFileSync(join(ROOT, file), 'utf8'));
const inTypeScript = (name: string): string[] => {
  const sought = SOUGHT_IN[name];
  return [
    ...SOURCES.filter((file) => holds(file, `^export (function|const) ${name}\\b|\\bname: '${name}'`)),
    ...(sought !== undefined && holds(sought, `\\b${name}\\b`) ? [sought] : []),
  ];
};

/** Models whose broken action violates it. */
const negativesOf = (name: string): string[] =>
  ALL_MODELS.filter(({ expected }) => expected.kind === 'violates' && expected.name === name).map(
    (model) => model.name,
  );

const coded = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ');
/** @throws Error where the cell would be empty and nothing says why */
function cell(name: string, of: string, found: readonly string[]): string {
  const why = found.length > 0 ? coded(found) : WITHOUT[name];
  if (why === undefined) throw new Error(`${name}: no ${of}, and nothing says why`);
  return why;
}

export const ruleTable = (): string =>
  [
    '| rules | property | of | says | TLA+ | TypeScript | broken by |',
    '|---|---|---|---|---|---|---|',
    ...RULE_ROWS.map(({ name, rules, kind, says }) => {
      const where = [cell(name, 'module', inTla(name)), cell(name, 'source', inTypeScript(name))];
      return `| ${[rules, `\`${name}\``, kind, says, ...where, cell(name, 'negative', negativesOf(name))].join(' | ')} |`;
    }),
  ].join('\n');
