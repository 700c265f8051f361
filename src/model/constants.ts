import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export type Constant = number | boolean | string | readonly (number | string)[];
export type Constants = Readonly<Record<string, Constant>>;

const LINE = /^\s*(\w+)\s*(=|<-)\s*(.+?)\s*$/;
/** Names that stand for a number in the modules. */
const NAMED: Readonly<Record<string, number>> = { NoTtl: -1 };

/** `3`, `TRUE`, `"a"`, `{1, 2}`, `<<1, 2>>`. @throws Error */
function constantOf(text: string, where: string): Constant {
  const list = /^(?:\{(.*)\}|<<(.*)>>)$/.exec(text);
  if (list !== null) {
    const inner = (list[1] ?? list[2] ?? '').trim();
    return inner === '' ? [] : inner.split(',').map((item) => scalarOf(item.trim(), where) as number | string);
  }
  return scalarOf(text, where);
}

function scalarOf(text: string, where: string): number | boolean | string {
  if (/^-?\d+$/.test(text)) return Number(text);
  if (text === 'TRUE' || text === 'FALSE') return text === 'TRUE';
  const named = NAMED[text];
  if (named !== undefined) return named;
  if (/^"[^"]*"$/.test(text)) return text.slice(1, -1);
  throw new Error(`${where}: not a value this reader knows: ${text}`);
}

/**
 * The constants of a model, from where TLC has them: `name.cfg`, and `name.tla` for what a config cannot say. So the bounds
 * of a model are written once. Operators that replace others (`Recover <- Other`) are no constants and are left out.
 * @throws Error naming file and constant
 */
export function readConstants(folder: string, name: string, known: readonly string[]): Constants {
  const config = readFileSync(join(folder, `${name}.cfg`), 'utf8');
  const module = readFileSync(join(folder, `${name}.tla`), 'utf8');
  const section = /^CONSTANTS?\b([\s\S]*?)^(?=[A-Z])/m.exec(config)?.[1] ?? '';
  const found: Record<string, Constant> = {};
  for (const line of section.split('\n')) {
    const [, constant, sign, text] = LINE.exec(line) ?? [];
    if (constant === undefined || !known.includes(constant)) continue;
    const where = `${name}.cfg: ${constant}`;
    found[constant] = constantOf(sign === '=' ? (text as string) : definitionOf(module, text as string, where), where);
  }
  const missing = known.filter((constant) => !(constant in found));
  if (missing.length > 0) throw new Error(`${name}.cfg: no ${missing.join(', ')}`);
  // A copy, for what is built field by field is read slowly.
  return { ...found };
}

function definitionOf(module: string, name: string, where: string): string {
  const text = new RegExp(`^${name} == (.+)$`, 'm').exec(module)?.[1];
  if (text === undefined) throw new Error(`${where}: no ${name} in the module`);
  return text.trim();
}
