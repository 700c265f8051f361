import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';

/** What `sim` commands leave with, beside 0 and 2. */
export const SIM_EXITS =
  '\nExit: 0 held, 2 usage, 10 safety violated, 11 liveness violated or goal missed, 12 not deterministic, 13 crashed';

export const explainExits = (command: Command): Command => command.addHelpText('after', SIM_EXITS);

/** Up from what is built, or from the sources. */
const ROOTS = ['..', '../..', '../../..'].map((up) => new URL(up, import.meta.url).pathname);

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return null;
  }
}

/** The commit that is checked out here, or null: a published package has none. */
function commitIn(root: string): string | null {
  const pointer = read(join(root, '.git'));
  const git = pointer === null ? join(root, '.git') : pointer.replace(/^gitdir: /, '');
  const head = read(join(git, 'HEAD'));
  if (head === null || !head.startsWith('ref: ')) return head;
  const ref = head.slice(5);
  const common = join(git, read(join(git, 'commondir')) ?? '.');
  const packed = read(join(common, 'packed-refs'))
    ?.split('\n')
    .find((line) => line.endsWith(` ${ref}`));
  return read(join(common, ref)) ?? packed?.slice(0, 40) ?? null;
}

interface Source {
  readonly version: string;
  readonly commit: string | null;
}

function source(): Source | null {
  for (const root of ROOTS) {
    const text = read(join(root, 'package.json'));
    if (text === null) continue;
    const { version } = JSON.parse(text) as { version: string };
    return { version, commit: commitIn(root)?.slice(0, 12) ?? null };
  }
  return null;
}

/** The commit of what runs here, or null. */
export const commit = (): string | null => source()?.commit ?? null;

/** What runs here: `0.1.0`, with the commit where there is one. */
export function version(): string {
  const found = source();
  return found === null ? 'unknown' : [found.version, found.commit].filter((part) => part !== null).join(' ');
}
