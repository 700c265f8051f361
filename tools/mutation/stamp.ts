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

/** Files that a verdict rests on: what is mutated, and the tiny models. */
function subjectOf(kind: Kind): string[] {
  const tiny = MODELS.filter((model) => model.tiny).flatMap(({ name }) => [`${name}.tla`, `${name}.cfg`]);
  const mutated = [...(kind === 'code' ? CODE_FILES : []), ...Object.values(SPEC_FILES)];
  return [...mutated.map((file) => join(ROOT, file)), ...tiny.map((name) => join(TLA, name))];
}

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

/** SHA-256, in hex, of all that a verdict rests on; comments and layout do not count. */
export const verdictStampOf = (kind: Kind): string => hashOf(subjectOf(kind));
/** The same of a score, which rests on the rig and on what is held to be equivalent as well. */
export const scoreStampOf = (kind: Kind): string => hashOf([...subjectOf(kind), ...rig()]);

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
    if (node.getChildCount(source) === 0) words.push(node.getText(source));
    else for (const child of node.getChildren(source)) if (!ts.isJSDoc(child)) visit(child);
  };
  visit(source);
  return words.join('\n');
}
