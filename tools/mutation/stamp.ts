import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import ts from 'typescript';
import { MODELS, TLA } from '../../src/model/models.ts';
import { CODE_FILES } from './code.ts';
import { EQUIVALENTS_FILE } from './equivalents.ts';
import { SPEC_FILES } from './spec.ts';
import { tokensOf } from './tla-tokens.ts';

export const KINDS = ['code', 'spec'] as const;
export type Kind = (typeof KINDS)[number];

const ROOT = resolve(import.meta.dirname, '../..');

/** What every verdict rests on besides what is mutated: the specification, and the tiny models. */
const ground = (): string[] => [
  ...Object.values(SPEC_FILES).map((file) => join(ROOT, file)),
  ...MODELS.filter((model) => model.tiny).flatMap(({ name }) => [join(TLA, `${name}.tla`), join(TLA, `${name}.cfg`)]),
];
const mutated = (kind: Kind): string[] => (kind === 'code' ? CODE_FILES.map((file) => join(ROOT, file)) : []);

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
export const verdictStampOf = (file: string): string => hashOf([join(ROOT, file), ...ground()]);
/** The same of a score, which rests on the rig and on what is held to be equivalent as well. */
export const scoreStampOf = (kind: Kind): string => hashOf([...mutated(kind), ...ground(), ...rig()]);

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
