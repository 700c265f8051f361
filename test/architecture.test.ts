import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { holdsTables } from './support/documents.ts';
import { circlesIn, filesIn, importsIn, textOf } from './support/imports.ts';
import { ROOMS, roomOf, roomTable } from './support/rooms.ts';

const ROOT = resolve(import.meta.dirname, '..');

const sources = ['spec', 'src', 'sim', 'ui'].flatMap(filesIn);
const imports = sources.flatMap((file) => importsIn(file, textOf(file)));
/** A path of the project between backticks; those with a pattern in them are none. */
const PATH_IN_TEXT = /`((?:spec|src|sim|ui|tools|test|bench|tla|docs|examples)\/[\w./-]+)`/g;
/** What stands in the project itself, and is no package. */
const isOwn = (target: string): boolean => /^(spec|src|sim|ui|tools|test|bench|tla|package\.json)\b/.test(target);

describe('architecture', () => {
  it('rooms: every source file is in one, and every room has one', () => {
    expect(sources.filter((file) => roomOf(file) === null)).toEqual([]);
    expect(Object.keys(ROOMS).filter((room) => !sources.some((file) => roomOf(file) === room))).toEqual([]);
    expect(sources.length).toBeGreaterThan(15);
  });

  it('rooms: import only what the table allows', () => {
    const wrong: string[] = [];
    for (const { file, target, typeOnly } of imports) {
      const room = roomOf(file) as string;
      const { may, packages, withoutNode = false } = ROOMS[room]!;
      const there = roomOf(target);
      const allowed = isOwn(target)
        ? there === room || may.includes(`${there}`) || (typeOnly && may.includes(`types of ${there}`))
        : target.startsWith('node:')
          ? !withoutNode
          : packages.some((name) => target === name || target.startsWith(`${name}/`));
      if (!allowed) wrong.push(`${file} imports ${typeOnly ? 'types of ' : ''}${target}`);
    }
    expect(wrong).toEqual([]);
  });

  it('rooms: nobody but the commands may import the server, the commands or the simulator', () => {
    const outer = /^(types of )?(src\/(main|listeners|store|waker)\.ts|src\/cli|sim)$/;
    const inner = Object.entries(ROOMS).filter(([name]) => !/^(src\/main\.ts|src\/cli|sim\/report\/ui)$/.test(name));
    expect(
      inner.flatMap(([name, { may }]) => may.filter((room) => outer.test(room)).map((room) => [name, room])),
    ).toEqual([]);
  });

  it('rooms: docs/ARCHITECTURE.md has the table of them (UPDATE_DOCS=1 writes it)', () => {
    holdsTables('docs/ARCHITECTURE.md', { rooms: roomTable() }, 'test/architecture');
    expect(roomTable()).toContain('| `src/core/` | one shard');
  });

  it('imports: an engine and its package are loaded only when they are asked for', () => {
    const early = /^import (?!type\b)[^;]*from '[^']*\/postgres\//m;
    const others = sources.filter((file) => roomOf(file) !== 'src/postgres');
    expect(others.filter((file) => early.test(textOf(file)))).toEqual([]);
    expect(others.some((file) => textOf(file).includes("import('../postgres/"))).toBe(true);
  });

  it('imports: none of them go in circles, those of types and those made later included', () => {
    expect(circlesIn(imports).map((circle) => circle.join(' -> '))).toEqual([]);
  });

  it('imports: a circle is found however it is closed', () => {
    const circles = (b: string): string[][] =>
      circlesIn([...importsIn('a.ts', "import { b } from './b.ts';\n"), ...importsIn('b.ts', b)]);
    const closed = [['a.ts', 'b.ts']];
    expect(circles("import {\n  a,\n} from './a.ts';")).toEqual(closed);
    expect(circles("import type { A } from './a.ts';")).toEqual(closed);
    expect(circles("export * from './a.ts';")).toEqual(closed);
    expect(circles("import './a.ts';")).toEqual(closed);
    expect(circles("const { a } = await import('./a.ts');")).toEqual(closed);
    expect(circles("let a: import('./a.ts').A;")).toEqual(closed);
    expect(circles("import { c } from './c.ts';")).toEqual([]);
    expect(circles("import { b } from './b.ts';")).toEqual([['b.ts']]);
  });

  it('spec, core, service, node and cluster: no clock, no randomness, no timers, no promises, no node', () => {
    const forbidden =
      /(?<!\.)\b(Date|setTimeout|setInterval|setImmediate|queueMicrotask|Promise|async|await|process|performance|fetch|crypto)\b|Math\.random/;
    const wrong: string[] = [];
    for (const file of sources.filter((path) => /^(spec|src\/core|src\/service|src\/node|src\/cluster)\//.test(path))) {
      const code = textOf(file)
        .replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
        .replace(/'[^'\n]*'|`[^`]*`/g, "''");
      const hit = forbidden.exec(code);
      if (hit !== null) wrong.push(`${file}: ${hit[0]}`);
    }
    expect(wrong).toEqual([]);
  });

  it('documents: the files that they name are there', () => {
    const documents = [...readdirSync(ROOT), ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`)].filter(
      (name) => name.endsWith('.md') && name !== 'CHANGELOG.md',
    );
    const named = documents.flatMap((name) =>
      [...readFileSync(join(ROOT, name), 'utf8').matchAll(PATH_IN_TEXT)].map(([, path]) => `${name}: ${path}`),
    );
    expect(named.length).toBeGreaterThan(200);
    expect(named.filter((one) => !existsSync(join(ROOT, one.slice(one.indexOf(': ') + 2))))).toEqual([]);
  });

  it('tests: no title is used twice in a file', () => {
    const wrong: string[] = [];
    for (const file of filesIn('test')) {
      const titles = [...textOf(file).matchAll(/^\s*it\('((?:[^'\\]|\\.)*)'/gm)].map((m) => m[1]);
      for (const title of new Set(titles))
        if (titles.indexOf(title) !== titles.lastIndexOf(title)) wrong.push(`${file}: ${title}`);
    }
    expect(wrong).toEqual([]);
  });
});
