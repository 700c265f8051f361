import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MODELS, TLA } from '../../src/model/models.ts';
import { RULE_NAMES } from '../../src/model/rules.ts';
import { withTable } from '../documents.ts';
import { CODE_FILES, ROOT } from '../mutation/code.ts';
import type { Equivalents } from '../mutation/equivalents.ts';
import type { Verdict } from '../mutation/verdict.ts';

/** What decides. The commit is not of the lifecycle: its rules are those of Durability. */
export const FILES = CODE_FILES.filter((file) => file !== 'src/service/commit.ts');
/** Properties that a mutant can break. */
const PROPERTIES = [...RULE_NAMES, 'DeliveredLive'];

export interface FileRow {
  readonly file: string;
  /** Those that compile and are not equivalent. */
  readonly mutants: number;
  /** By some rule alone. */
  readonly seen: number;
  /** Nothing is answered: whoever asks notices, and it is no rule's merit. */
  readonly throws: number;
}
export interface RuleScore {
  readonly stamp: string;
  readonly rows: readonly FileRow[];
  /** How many each rule was the first to see. */
  readonly by: Readonly<Record<string, number>>;
}

const README = join(ROOT, 'README.md');
const SCORE = join(import.meta.dirname, 'score.json');
const UNNOTICED = join(import.meta.dirname, 'unnoticed.json');
/** Mutants that no rule sees although the graphs differ, each with the reason why nobody who uses a mailbox could notice. */
export const readUnnoticed = (): Readonly<Record<string, string>> =>
  JSON.parse(readFileSync(UNNOTICED, 'utf8')) as Record<string, string>;

const isRule = ({ verdict, by }: Verdict): boolean => verdict === 'killed' && PROPERTIES.includes(by);

export function scoreOf(verdicts: readonly Verdict[], equivalents: Equivalents): RuleScore {
  const counted = verdicts.filter(({ mutant, verdict }) => verdict !== 'invalid' && !(mutant.id in equivalents));
  const rows = FILES.map((file): FileRow => {
    const own = counted.filter(({ mutant }) => mutant.file === file);
    const killed = own.filter(({ verdict }) => verdict === 'killed');
    const seen = killed.filter(isRule).length;
    return { file, mutants: own.length, seen, throws: killed.length - seen };
  });
  const by = PROPERTIES.map((name) => [name, counted.filter((one) => isRule(one) && one.by === name).length] as const);
  return {
    stamp: judgesStamp(),
    rows: rows.filter(({ mutants }) => mutants > 0),
    by: Object.fromEntries(by.filter(([, count]) => count > 0)),
  };
}

/** SHA-256, in hex, of what is mutated and what judges it. */
export function judgesStamp(): string {
  // What TLC is asked of the rules judges no mutant.
  const rules = readdirSync(join(ROOT, 'src/model')).filter((name) => /^(rule(?!-models)|mailbox-view)/.test(name));
  const tiny = MODELS.filter((model) => model.tiny && model.graph === 'Mailbox');
  const files = [
    ...FILES.map((file) => join(ROOT, file)),
    join(ROOT, 'spec/invariants.ts'),
    ...rules.sort().map((name) => join(ROOT, 'src/model', name)),
    ...tiny.flatMap(({ name }) => [join(TLA, `${name}.tla`), join(TLA, `${name}.cfg`)]),
    join(import.meta.dirname, 'worker.ts'),
  ];
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(file)).update('\0');
  return hash.digest('hex');
}

/** As a table in Markdown. */
export function tableOf({ rows, by }: RuleScore): string {
  const sum = (of: (row: FileRow) => number): number => rows.reduce((all, row) => all + of(row), 0);
  const all = { mutants: sum((row) => row.mutants), seen: sum((row) => row.seen), throws: sum((row) => row.throws) };
  const line = (name: string, { mutants, seen, throws }: Omit<FileRow, 'file'>): string =>
    `| ${name} | ${mutants} | ${seen} | ${throws} | ${mutants - seen - throws} |`;
  return [
    '| mutated | mutants, equivalents aside | seen by a rule alone | the code, or what drives it, throws | seen by none |',
    '|---|---:|---:|---:|---:|',
    ...rows.map((row) => line(`\`${row.file}\``, row)),
    line('all', all),
    '',
    `First seen by: ${Object.entries(by)
      .map(([name, count]) => `\`${name}\` ${count}`)
      .join(', ')}.`,
    '',
  ].join('\n');
}

const fill = (text: string, score: RuleScore): string => withTable(text, 'rules', tableOf(score));

/** Puts the score on record, and its table into the README. */
export function writeScore(score: RuleScore): void {
  writeFileSync(SCORE, `${JSON.stringify(score, null, 2)}\n`);
  writeFileSync(README, fill(readFileSync(README, 'utf8'), score));
}

/** What is stale: the score, or the README that shows another. Empty when nothing is. */
export function staleRules(): string[] {
  if (!existsSync(SCORE)) return ['there is no score of the rules'];
  const score = JSON.parse(readFileSync(SCORE, 'utf8')) as RuleScore;
  const text = readFileSync(README, 'utf8');
  return [
    ...(score.stamp === judgesStamp() ? [] : ['the score of the rules']),
    ...(fill(text, score) === text ? [] : ['README.md']),
  ];
}
