import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';
import { graphFile, MODELS, TLA } from '../../src/model/models.ts';
import { CODE_FILES } from './code.ts';
import { EQUIVALENTS_FILE } from './equivalents.ts';
import { SPEC_FILES } from './spec.ts';
import { tokensOf } from './tla-tokens.ts';

export const KINDS = ['code', 'spec'] as const;
export type Kind = (typeof KINDS)[number];

const ROOT = resolve(import.meta.dirname, '../..');

/** What judges a mutant: the explorer with the core under it, the walks, and for the specification what weaves it and reads TLC. */
const JUDGES: Readonly<Record<Kind, readonly string[]>> = { code: ['entry.ts', 'worker.ts'], spec: ['spec.ts'] };
/** Of the service only what is mutated counts. Specifications are held against graphs on record, whatever code has them. */
const JUDGED_BY: Readonly<Record<Kind, RegExp>> = {
  code: /^(spec|src\/(core|model)|tools\/mutation)\//,
  spec: /^(src\/model\/(compare|graph|node-table|recorded-graph|run-tlc|tlc-|values)|tools\/mutation\/)/,
};

/** These files and all they import, each once, in order. */
function withImports(entries: readonly string[]): string[] {
  const files = new Set(entries);
  // A set is walked in the order of insertion, those found on the way included.
  for (const file of files)
    for (const { fileName } of ts.preProcessFile(readFileSync(file, 'utf8')).importedFiles)
      if (fileName.startsWith('.')) files.add(join(dirname(file), fileName));
  return [...files].sort();
}

/** What every verdict rests on: the specification, the tiny models, and what judges. */
const ground = (kind: Kind): string[] => [
  ...withImports(JUDGES[kind].map((name) => join(import.meta.dirname, name))).filter((file) =>
    JUDGED_BY[kind].test(relative(ROOT, file)),
  ),
  ...Object.values(SPEC_FILES).map((file) => join(ROOT, file)),
  ...MODELS.filter((model) => model.tiny).flatMap((model) => [
    join(TLA, `${model.name}.tla`),
    join(TLA, `${model.name}.cfg`),
    ...(kind === 'spec' ? [graphFile(model)] : []),
  ]),
];
const mutated = (kind: Kind): string[] => (kind === 'code' ? CODE_FILES.map((file) => join(ROOT, file)) : []);
const kindOf = (file: string): Kind => (file.endsWith('.tla') ? 'spec' : 'code');

/** The rig, and the list of equivalents. */
const rig = (): string[] => [
  ...readdirSync(import.meta.dirname)
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(import.meta.dirname, name)),
  EQUIVALENTS_FILE,
];

function hashOf(files: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of files) hash.update(wordsOf(file)).update('\0');
  return hash.digest('hex');
}

/** SHA-256, in hex, of what a verdict on a mutant of this file rests on first of all; comments and layout do not count. */
export const verdictStampOf = (file: string): string => hashOf([join(ROOT, file), ...ground(kindOf(file))]);
/** The same of a score, which rests on the rig and on what is held to be equivalent as well. */
export const scoreStampOf = (kind: Kind): string => hashOf([...mutated(kind), ...ground(kind), ...rig()]);

/** A file's text without comments, one word a line. */
function wordsOf(file: string): string {
  const text = readFileSync(file, 'utf8');
  if (file.endsWith('.tla'))
    return tokensOf(text)
      .map((token) => token.text)
      .join('\n');
  return file.endsWith('.ts') ? wordsOfTypeScript(text) : text;
}

function wordsOfTypeScript(text: string): string {
  const source = ts.createSourceFile('file.ts', text, ts.ScriptTarget.ES2023, true);
  const words: string[] = [];
  const visit = (node: ts.Node): void => {
    // Types say nothing at run time.
    if (ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) return;
    if (node.getChildCount(source) === 0) words.push(node.getText(source));
    else for (const child of node.getChildren(source)) if (!ts.isJSDoc(child)) visit(child);
  };
  visit(source);
  return words.join('\n');
}
