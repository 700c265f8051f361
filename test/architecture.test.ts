import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');

/** What each room may import of the project's own; `core types` stands for the type-only imports of src/core. */
const ROOMS: Readonly<Record<string, { readonly may: readonly string[]; readonly packages: readonly string[] }>> = {
  spec: { may: ['spec'], packages: ['xstate'] },
  'src/core': { may: ['spec', 'src/core'], packages: [] },
  'src/ports.ts': { may: ['types of src/core'], packages: [] },
  'src/ports': { may: ['types of src/core', 'types of src/ports.ts'], packages: [] },
  // What settings name, read without waiting for anybody.
  'src/regular-file.ts': { may: [], packages: [] },
  'src/auth': {
    may: ['spec', 'types of src/core', 'src/ports.ts', 'src/ports', 'src/regular-file.ts', 'src/auth'],
    packages: ['macaroons.js', 'hash-wasm'],
  },
  'src/integrity': {
    may: ['spec', 'types of src/core', 'src/ports.ts', 'src/ports', 'src/integrity'],
    packages: ['@napi-rs/blake-hash', 'hash-wasm'],
  },
  // Recovery is the reducer run over what the journal holds, with the hashes of the wire.
  'src/journal': {
    may: ['spec', 'src/core', 'src/integrity', 'src/ports.ts', 'src/ports', 'src/regular-file.ts', 'src/journal'],
    packages: [],
  },
  'src/observe': {
    may: [
      'spec',
      'types of src/core',
      'types of src/node',
      'src/ports.ts',
      'src/ports',
      'src/observe',
      'src/visible.ts',
    ],
    packages: ['prom-client', 'consola', 'uuidv7'],
  },
  'src/service': {
    may: ['spec', 'src/core', 'src/auth', 'src/integrity', 'src/ports.ts', 'src/ports', 'src/service'],
    packages: [],
  },
  'src/node': {
    may: ['spec', 'types of src/core', 'src/service', 'src/auth', 'src/ports.ts', 'src/ports', 'src/node'],
    packages: ['xstate'],
  },
  // The contract of the interface: what is asked, what is answered.
  'src/api': { may: ['spec', 'src/api'], packages: ['typebox'] },
  'src/http': {
    may: [
      'spec',
      'src/api',
      'src/service',
      'types of src/core',
      'types of src/auth',
      'types of src/observe',
      'src/observe',
      'src/ports.ts',
      'src/ports',
      'src/node',
      'src/wire',
      'src/http',
    ],
    // koffi: who is at the other end of a Unix socket only the kernel knows.
    packages: ['h3', 'typebox', 'prom-client', 'koffi'],
  },
  // The bytes that server and client both speak.
  'src/wire': { may: ['src/wire'], packages: [] },
  'src/model': {
    may: ['spec', 'src/core', 'src/service', 'src/auth', 'src/journal', 'src/ports.ts', 'src/ports', 'src/model'],
    packages: [],
  },
  'src/trace': {
    may: ['spec', 'src/core', 'src/model', 'src/ports.ts', 'src/ports', 'src/trace', 'src/visible.ts'],
    packages: [],
  },
  'src/config': {
    may: ['spec', 'src/core', 'src/regular-file.ts', 'src/config', 'src/visible.ts'],
    packages: ['smol-toml'],
  },
  // Files of others, never more of them than is asked for.
  'src/bounded.ts': { may: ['src/regular-file.ts'], packages: [] },
  // What a terminal would act on, made visible.
  'src/visible.ts': { may: [], packages: [] },
  'src/verifier': { may: ['types of src/auth', 'src/verifier'], packages: [] },
  'src/system.ts': { may: ['src/ports.ts', 'src/ports'], packages: [] },

  // Limits of a process that Node does not set.
  'src/dumps.ts': { may: [], packages: ['koffi'] },
  'src/descriptors.ts': { may: ['src/config'], packages: [] },
  'src/client': {
    may: ['spec', 'types of src/api', 'src/integrity', 'src/wire', 'src/client', 'src/ports.ts', 'src/ports'],
    packages: [],
  },
  // The page of a report: it runs in a browser, and shares types with what writes it.
  'sim/report/ui': { may: ['sim/report/ui', 'types of sim'], packages: ['preact', '@preact/signals'] },
  sim: {
    may: [
      'spec',
      'src/core',
      'src/service',
      'src/auth',
      'src/journal',
      'src/ports.ts',
      'src/ports',
      'src/config',
      'src/node',
      'src/trace',
      'src/bounded.ts',
      'src/regular-file.ts',
      'src/visible.ts',
      'sim',
    ],
    packages: ['yaml', 'typebox'],
  },
};
const FREE = ['src/cli', 'src/main.ts', 'src/listeners.ts', 'src/store.ts', 'src/waker.ts'];

interface Import {
  readonly file: string;
  readonly room: string;
  readonly target: string;
  readonly typeOnly: boolean;
}

const filesIn = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(tsx?|js)$/.test(entry.name))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)));

const roomOf = (path: string): string =>
  [...Object.keys(ROOMS), ...FREE].find((room) => path === room || path.startsWith(`${room}/`)) ?? `(no room) ${path}`;

const sources = ['spec', 'src', 'sim'].filter((room) => existsSync(join(ROOT, room))).flatMap(filesIn);

function importsOf(file: string): Import[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const found: Import[] = [];
  for (const match of text.matchAll(/^(?:import|export)\s+(type\s)?([^'";]*?from\s+)?'([^']+)'/gms)) {
    const specifier = match[3] as string;
    const target = specifier.startsWith('.') ? relative(ROOT, resolve(ROOT, dirname(file), specifier)) : specifier;
    found.push({ file, room: roomOf(file), target, typeOnly: match[1] !== undefined });
  }
  return found;
}

describe('architecture', () => {
  it('rooms: every source file is in one', () => {
    expect(sources.map(roomOf).filter((room) => room.startsWith('(no room)'))).toEqual([]);
    expect(sources.length).toBeGreaterThan(15);
  });

  it('rooms: import only what the table allows', () => {
    const wrong: string[] = [];
    for (const { file, room, target, typeOnly } of sources.flatMap(importsOf)) {
      const rule = ROOMS[room];
      if (rule === undefined) continue;
      const external = !/^(spec|src|sim)\b/.test(target);
      if (external) {
        const isNode = target.startsWith('node:');
        const allowed = isNode
          ? room !== 'spec' && room !== 'src/core'
          : rule.packages.some((name) => target === name || target.startsWith(`${name}/`));
        if (!allowed) wrong.push(`${file} imports ${target}`);
        continue;
      }
      const there = roomOf(target);
      const allowed = rule.may.includes(there) || (typeOnly && rule.may.includes(`types of ${there}`));
      if (!allowed) wrong.push(`${file} imports ${typeOnly ? 'types of ' : ''}${target}`);
    }
    expect(wrong).toEqual([]);
  });

  it('rooms: nobody imports main, cli or sim but themselves', () => {
    const wrong = sources
      .flatMap(importsOf)
      .filter(
        ({ room, target }) =>
          /^(src\/main\.ts|src\/listeners\.ts|src\/cli\/|sim\/)/.test(target) &&
          !FREE.includes(room) &&
          !room.startsWith('sim'),
      )
      .map(({ file, target }) => `${file} imports ${target}`);
    expect(wrong).toEqual([]);
  });

  it('spec, core, service and node: no clock, no randomness, no timers, no promises, no node', () => {
    const forbidden =
      /(?<!\.)\b(Date|setTimeout|setInterval|setImmediate|queueMicrotask|Promise|async|await|process|performance|fetch|crypto)\b|Math\.random/;
    const wrong: string[] = [];
    for (const file of sources.filter((path) => /^(spec|src\/core|src\/service|src\/node)\//.test(path))) {
      const code = readFileSync(join(ROOT, file), 'utf8')
        .replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
        .replace(/'[^'\n]*'|`[^`]*`/g, "''");
      const hit = forbidden.exec(code);
      if (hit !== null) wrong.push(`${file}: ${hit[0]}`);
    }
    expect(wrong).toEqual([]);
  });

  it('tests: no title is used twice in a file', () => {
    const wrong: string[] = [];
    for (const file of filesIn('test')) {
      const titles = [...readFileSync(join(ROOT, file), 'utf8').matchAll(/^\s*it\('((?:[^'\\]|\\.)*)'/gm)].map(
        (m) => m[1],
      );
      for (const title of new Set(titles))
        if (titles.indexOf(title) !== titles.lastIndexOf(title)) wrong.push(`${file}: ${title}`);
    }
    expect(wrong).toEqual([]);
  });
});
