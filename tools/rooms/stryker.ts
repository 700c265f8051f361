import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ROOT } from '../mutation/code.ts';
import type { RoomFile } from './rooms.ts';

/** What Stryker tells of a mutant, as far as it is read here. */
interface Told {
  readonly mutatorName: string;
  readonly replacement: string;
  readonly status: 'Killed' | 'Timeout' | 'Survived' | 'NoCoverage' | 'RuntimeError' | 'CompileError' | 'Ignored';
  readonly location: { readonly start: Place; readonly end: Place };
}
interface Place {
  readonly line: number;
  readonly column: number;
}
interface Report {
  readonly files: Readonly<Record<string, { readonly source: string; readonly mutants: readonly Told[] }>>;
}

export interface Tried {
  /** What is changed, by its text: it stays the same where only lines above it change. */
  readonly id: string;
  readonly line: number;
  readonly killed: boolean;
}

const short = (text: string): string => {
  const one = text.replaceAll(/\s+/g, ' ').trim();
  return one.length <= 80 ? one : `${one.slice(0, 50)} .. ${one.slice(-25)}`;
};

/** The text between two places, which count lines and columns from 1. */
function between(lines: readonly string[], { start, end }: Told['location']): string {
  const own = lines.slice(start.line - 1, end.line);
  if (own.length === 1) return (own[0] as string).slice(start.column - 1, end.column - 1);
  return [own[0]?.slice(start.column - 1), ...own.slice(1, -1), own.at(-1)?.slice(0, end.column - 1)].join('\n');
}

/** Ids are unique: those that would be the same are numbered as they come. */
function triedOf({ source, mutants }: Report['files'][string]): Tried[] {
  const lines = source.split('\n');
  const seen = new Map<string, number>();
  return mutants
    .filter(({ status }) => status !== 'Ignored' && status !== 'CompileError')
    .map((told) => {
      const text = `${short(between(lines, told.location))} -> ${short(told.replacement)}`;
      const nth = (seen.get(text) ?? 0) + 1;
      seen.set(text, nth);
      const killed = told.status !== 'Survived' && told.status !== 'NoCoverage';
      return { id: nth === 1 ? text : `${text} (${nth})`, line: told.location.start.line, killed };
    });
}

/** Where StrykerJS is installed: it has two hundred packages, which nobody else needs. @throws Error with what to do */
export function strykerFolder(): string {
  const folder = process.env['STRYKER'] ?? '';
  if (folder !== '' && existsSync(join(folder, 'node_modules/@stryker-mutator/vitest-runner'))) return folder;
  throw new Error(
    'STRYKER is no folder with StrykerJS in it: npm install --prefix DIR @stryker-mutator/core@9.6.1 @stryker-mutator/vitest-runner@9.6.1 typescript@5, then STRYKER=DIR npm run rooms',
  );
}

/** Changes one file, place by place, under the tests of its room. @throws Error where Stryker fails */
export function tryAll({ room, file }: RoomFile, lanes: number): Tried[] {
  const stryker = join(strykerFolder(), 'node_modules/@stryker-mutator');
  const folder = mkdtempSync(join(ROOT, 'node_modules/.cache/rooms-'));
  const sandbox = `.rooms/${process.pid}`;
  const [settings, report] = [join(folder, 'stryker.json'), join(folder, 'report.json')];
  writeFileSync(
    settings,
    JSON.stringify({
      plugins: [join(stryker, 'vitest-runner/dist/src/index.js')],
      testRunner: 'vitest',
      vitest: { configFile: relative(ROOT, join(import.meta.dirname, 'vitest.config.ts')), related: true },
      mutate: [file],
      // Texts are for people; what a table of the module says is judged once, by the types.
      mutator: { excludedMutations: ['StringLiteral'] },
      ignoreStatic: true,
      concurrency: lanes,
      timeoutMS: 20_000,
      // Two runs at once must not change each other's files.
      tempDirName: sandbox,
      ignorePatterns: ['dist', 'docs', 'bench', 'ui', 'tla/graphs'],
      reporters: ['json'],
      jsonReporter: { fileName: report },
      allowConsoleColors: false,
      logLevel: 'error',
      fileLogLevel: 'off',
    }),
  );
  try {
    execFileSync(process.execPath, [join(stryker, 'core/bin/stryker.js'), 'run', settings], {
      cwd: ROOT,
      env: { ...process.env, ROOM_TESTS: room.tests.join(' ') },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const { files } = JSON.parse(readFileSync(report, 'utf8')) as Report;
    return Object.values(files).flatMap(triedOf);
  } finally {
    for (const made of [folder, join(ROOT, sandbox)]) rmSync(made, { recursive: true, force: true });
  }
}
