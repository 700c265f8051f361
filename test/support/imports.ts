import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');

export interface Import {
  readonly file: string;
  /** A path from the root of the project, or the name of a package. */
  readonly target: string;
  readonly typeOnly: boolean;
}

/** The sources in a folder, as paths from the root of the project. */
export const filesIn = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(tsx?|js)$/.test(entry.name))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)));

export const textOf = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

const STATIC = /^(?:import|export)\s+(type\s)?(?:[^'";]*?from\s+)?'([^']+)'/gms;
/** When it is called, and in a type: `import('./x.ts').X`. */
const DYNAMIC = /\bimport\(()\s*'([^']+)'/g;

/** What a file imports and exports again, in any of the ways that there are. */
export function importsIn(file: string, text: string): Import[] {
  return [...text.matchAll(STATIC), ...text.matchAll(DYNAMIC)].map(([, type, specifier = '']) => ({
    file,
    target: specifier.startsWith('.') ? relative(ROOT, resolve(ROOT, dirname(file), specifier)) : specifier,
    typeOnly: type !== undefined && type !== '',
  }));
}

/** Circles of imports, each as the files on it in order: none is missed altogether, though of several that cross not all may be named. */
export function circlesIn(imports: readonly Pick<Import, 'file' | 'target'>[]): string[][] {
  const targets = new Map<string, string[]>();
  for (const { file, target } of imports) {
    const known = targets.get(file);
    if (known === undefined) targets.set(file, [target]);
    else known.push(target);
  }
  const circles: string[][] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    const at = path.indexOf(file);
    if (at >= 0) {
      circles.push(path.slice(at));
      return;
    }
    if (done.has(file)) return;
    path.push(file);
    for (const target of targets.get(file) ?? []) visit(target);
    path.pop();
    done.add(file);
  };
  for (const file of targets.keys()) visit(file);
  return circles;
}
