import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const { scripts } = JSON.parse(readFileSync(resolve(ROOT, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};
/** Tools of our own; what else there is says of itself how it is called. */
const TOOLS = Object.entries(scripts).flatMap(([name, script]) => {
  const source = /^tsx (\S+\.ts)$/.exec(script)?.[1] ?? (name === 'bench' ? 'bench/main.ts' : null);
  return source === null ? [] : [{ name, source }];
});

describe('tools of npm run, each called', () => {
  it('--help says how each is called, and an option that nobody knows is refused, before anything begins', () => {
    expect(TOOLS.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['tlc', 'bench', 'mutate', 'planted', 'sbom']),
    );
    for (const { name, source } of TOOLS) {
      const call = (...args: string[]) =>
        spawnSync(process.execPath, ['--import', 'tsx', source, ...args], { cwd: ROOT, encoding: 'utf8' });
      const help = call('--help');
      expect([name, help.status, help.stdout]).toEqual([name, 0, expect.stringContaining(`npm run ${name}`)]);
      const wrong = call('--no-such');
      expect([name, wrong.status, wrong.stdout]).toEqual([name, 2, '']);
      expect(wrong.stderr).toMatch(/^Unknown option '--no-such'/);
      expect(wrong.stderr).toContain(`npm run ${name}`);
    }
  });
});
