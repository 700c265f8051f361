import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { build, type Plugin } from 'esbuild';

const ROOT = resolve(import.meta.dirname, '../..');

/** A change to one source file; `find` must be there exactly once, so that a patch that fits no more fails loudly. */
export interface Patch {
  /** From the root of the repository. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** The text with the patches applied. @throws Error naming the patch that does not fit */
export function applyPatches(text: string, patches: readonly Patch[]): string {
  let patched = text;
  for (const { file, find, replace } of patches) {
    const parts = patched.split(find);
    if (parts.length !== 2) throw new Error(`${file}: found ${parts.length - 1} times instead of once: ${find}`);
    patched = parts.join(replace);
  }
  return patched;
}

function patching(patches: readonly Patch[]): Plugin {
  return {
    name: 'patched',
    setup(of) {
      of.onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const own = patches.filter(({ file }) => resolve(ROOT, file) === path);
        return own.length === 0 ? null : { contents: applyPatches(readFileSync(path, 'utf8'), own), loader: 'ts' };
      });
    },
  };
}

/** Bundles a program from patched sources, which stay as they are. Only tests and their scripts do this. */
export async function bundlePatched(entry: string, outfile: string, patches: readonly Patch[]): Promise<void> {
  for (const { file, ...patch } of patches)
    applyPatches(readFileSync(resolve(ROOT, file), 'utf8'), [{ file, ...patch }]);
  await build({
    entryPoints: [resolve(ROOT, entry)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    logLevel: 'error',
    plugins: [patching(patches)],
  });
}
