import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Equivalents } from './equivalents.ts';
import { KINDS, type Kind, scoreStampOf } from './stamp.ts';
import type { Verdict } from './verdict.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const SCORE_FILE = join(import.meta.dirname, 'score.json');
const README = join(ROOT, 'README.md');
const CONFORMANCE = join(ROOT, 'docs/conformance.md');

export interface FileScore {
  readonly file: string;
  /** Those that compile. */
  readonly mutants: number;
  readonly killed: number;
  readonly equivalent: number;
  readonly alive: number;
}
/** What a full run came to. */
export interface Score {
  readonly stamp: string;
  readonly files: readonly FileScore[];
  readonly shown: readonly Shown[];
}
/** A change of one character, and the first difference that it makes. */
export interface Shown {
  readonly what: string;
  readonly by: string;
  readonly why: string;
}
export type Scores = Partial<Record<Kind, Score>>;

export function filesOf(verdicts: readonly Verdict[], equivalents: Equivalents): FileScore[] {
  const files = [...new Set(verdicts.map(({ mutant }) => mutant.file))];
  return files.map((file) => {
    const own = verdicts.filter(({ mutant, verdict }) => mutant.file === file && verdict !== 'invalid');
    const killed = own.filter(({ verdict }) => verdict === 'killed').length;
    const equivalent = own.filter(({ mutant, verdict }) => verdict === 'lives' && mutant.id in equivalents).length;
    return { file, mutants: own.length, killed, equivalent, alive: own.length - killed - equivalent };
  });
}

const SHOWN = 5;
const COMPARISON = /^(<=?|>=?|===|!==|=|#)$/;

/** Changed comparisons, one of each definition: enough to see what a difference looks like. */
export function shownOf(verdicts: readonly Verdict[]): Shown[] {
  const shown = new Map<string, Shown>();
  for (const { mutant, verdict, by, why } of verdicts) {
    const { file, definition, line, column, original, replacement } = mutant;
    if (verdict !== 'killed' || !by.startsWith('MC') || !COMPARISON.test(original) || shown.has(definition)) continue;
    if (Math.abs(original.length - replacement.length) > 1) continue;
    shown.set(definition, { what: `${file}:${line}:${column} ${original} → ${replacement} in ${definition}`, by, why });
  }
  return [...shown.values()].slice(0, SHOWN);
}

const sum = (files: readonly FileScore[], name: Exclude<keyof FileScore, 'file'>): number =>
  files.reduce((all, file) => all + file[name], 0);

/** As a table in Markdown. */
export function tableOf(scores: Scores): string {
  const files = KINDS.flatMap((kind) => scores[kind]?.files ?? []);
  const row = (name: string, own: readonly FileScore[]): string => {
    const [mutants, killed, equivalent] = [sum(own, 'mutants'), sum(own, 'killed'), sum(own, 'equivalent')];
    const share = mutants === equivalent ? '-' : `${((100 * killed) / (mutants - equivalent)).toFixed(1)} %`;
    return `| ${name} | ${mutants} | ${killed} | ${equivalent} | ${sum(own, 'alive')} | ${share} |`;
  };
  return [
    '| mutated | mutants | killed | equivalent | alive | killed of the others |',
    '|---|---|---|---|---|---|',
    ...files.map((file) => row(`\`${file.file}\``, [file])),
    row('all', files),
    '',
  ].join('\n');
}

export const readScores = (): Scores =>
  existsSync(SCORE_FILE) ? (JSON.parse(readFileSync(SCORE_FILE, 'utf8')) as Scores) : {};

const shownTable = (scores: Scores): string =>
  [
    '| change | seen in | first difference |',
    '|---|---|---|',
    ...KINDS.flatMap((kind) => scores[kind]?.shown ?? []).map(
      ({ what, by, why }) => `| \`${what}\` | ${by} | ${why} |`,
    ),
    '',
  ].join('\n');

const MARKED = /(<!-- mutation -->\n)[\s\S]*?(<!-- \/mutation -->)/;
const fill = (text: string, content: string): string =>
  text.replace(MARKED, (_, open, close) => open + content + close);

/** What is written of a score, and where. */
const written = (scores: Scores): readonly (readonly [file: string, content: string])[] => [
  [README, tableOf(scores)],
  [CONFORMANCE, shownTable(scores)],
];

/** Writes the score of these kinds, the table in the README and the examples in docs/conformance.md. */
export function writeScores(found: Scores): void {
  const scores = { ...readScores(), ...found };
  writeFileSync(SCORE_FILE, `${JSON.stringify(scores, null, 2)}\n`);
  for (const [file, content] of written(scores)) writeFileSync(file, fill(readFileSync(file, 'utf8'), content));
}

/** What is stale: a score older than what it is of, a document that shows another. Empty when nothing is. */
export function staleParts(): string[] {
  const scores = readScores();
  return [
    ...KINDS.filter((kind) => scores[kind]?.stamp !== scoreStampOf(kind)).map((kind) => `the score of the ${kind}`),
    ...written(scores)
      .filter(([file, content]) => !existsSync(file) || !isWritten(readFileSync(file, 'utf8'), content))
      .map(([file]) => file),
  ];
}

const isWritten = (text: string, content: string): boolean => MARKED.test(text) && fill(text, content) === text;
