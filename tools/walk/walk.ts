import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { instrumented } from './instrument.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const DIST = join(ROOT, 'dist');

/** A file is entered from another, or from outside of the sources: a function of it is called there. */
export interface Entry {
  readonly file: string;
  readonly name: string;
  readonly from: string | null;
  readonly by: string | null;
}

/**
 * The way of one send through the sources of a running server, from its bytes to its answer: each time that a file is entered from another
 * one. It is a send like most: on a connection that is open, with a capability that it has presented before.
 */
export async function walkOfSend(profile: 'micronode' | 'macronode'): Promise<readonly Entry[]> {
  mkdirSync(DIST, { recursive: true });
  const outdir = mkdtempSync(join(DIST, '.walk-'));
  try {
    await build({
      ...{ bundle: true, platform: 'node', format: 'esm', target: 'node20', packages: 'external', logLevel: 'warning' },
      ...{ entryPoints: { server: join(import.meta.dirname, 'server.ts') }, splitting: true, outdir },
      outExtension: { '.js': '.mjs' },
      // What instrumented functions call is there before any of them.
      inject: [join(import.meta.dirname, 'recorder.ts')],
      plugins: [
        {
          name: 'instrument',
          setup: ({ onLoad }) =>
            onLoad({ filter: /\/(src|spec)\/.*\.ts$/ }, ({ path }) => ({
              contents: instrumented(relative(ROOT, path), readFileSync(path, 'utf8')),
              loader: 'ts',
            })),
        },
      ],
    });
    const run = promisify(execFile);
    const { stdout } = await run(process.execPath, [join(outdir, 'server.mjs'), profile], {
      maxBuffer: 1 << 26,
      env: {},
    });
    return JSON.parse(stdout) as Entry[];
  } finally {
    rmSync(outdir, { recursive: true });
  }
}

/** A file on the way of a send. */
export interface Passed {
  readonly file: string;
  /** How often it is entered, and by which of its functions. */
  readonly times: number;
  readonly functions: readonly string[];
  /** Another file is entered from it: whoever follows the send goes through it. The others are where it turns round. */
  readonly leadsOn: boolean;
}

/** In the order in which they are entered first. */
export function passedIn(walk: readonly Entry[]): Passed[] {
  const files = new Map<string, Entry[]>();
  for (const entry of walk) {
    const known = files.get(entry.file);
    if (known === undefined) files.set(entry.file, [entry]);
    else known.push(entry);
  }
  const leading = new Set(walk.map(({ from }) => from));
  return [...files].map(([file, entries]) => ({
    file,
    times: entries.length,
    functions: [...new Set(entries.map(({ name }) => name))],
    leadsOn: leading.has(file),
  }));
}
