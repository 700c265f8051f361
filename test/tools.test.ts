import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tableIn, withTable } from '../tools/documents.ts';
import { CHOSEN } from '../tools/runtimes.ts';

const ROOT = resolve(import.meta.dirname, '..');
const { scripts } = JSON.parse(readFileSync(resolve(ROOT, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};
/** Tools of our own; what else there is says of itself how it is called. */
const TOOLS = Object.entries(scripts).flatMap(([name, script]) => {
  const source = /^tsx (\S+\.ts)$/.exec(script)?.[1] ?? (name === 'bench' ? 'bench/main.ts' : null);
  return source === null ? [] : [{ name, source }];
});

describe('tools of npm run', () => {
  it('every one reads its arguments in the same way: help and what is unknown come before anything begins', () => {
    expect(TOOLS.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['tlc', 'bench', 'mutate', 'planted', 'sbom']),
    );
    for (const { name, source } of TOOLS)
      expect(readFileSync(resolve(ROOT, source), 'utf8'), name).toMatch(/\bargumentsOf\([\s\S]*/);
    // The one that would start the checks; test/slow calls all of them.
    const call = (...args: string[]) =>
      spawnSync(process.execPath, ['--import', 'tsx', 'tla/tlc.ts', ...args], { cwd: ROOT, encoding: 'utf8' });
    expect(call('--help')).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^npm run tlc \[-- OPTIONS MODEL/),
    });
    const wrong = call('--no-such');
    expect([wrong.status, wrong.stdout]).toEqual([2, '']);
    expect(wrong.stderr).toMatch(/^Unknown option '--no-such'.*\nnpm run tlc/);
  });
});

describe('parts of documents that are made from the code', () => {
  it('what stands between two marks is exchanged and nothing else; marks that are missing, twice there or the wrong way round are refused', () => {
    const text = 'a\n<!-- t -->\n| old |\n<!-- /t -->\nb <!-- other -->\n';
    const made = withTable(text, 't', '| $& |\n');
    expect(made).toBe('a\n<!-- t -->\n| $& |\n<!-- /t -->\nb <!-- other -->\n');
    expect(tableIn(made, 't')).toBe('| $& |\n');
    expect(withTable(made, 't', tableIn(made, 't'))).toBe(made);
    for (const wrong of ['', '<!-- t -->\n', '<!-- /t -->\n<!-- t -->\n', text + text])
      expect(() => withTable(wrong, 't', 'x'), wrong).toThrow('<!-- t -->');
  });
});

describe('what CI counts', () => {
  const counted = (status: number, ...reports: readonly object[]): string => {
    const folder = mkdtempSync(join(tmpdir(), 'counted-'));
    try {
      for (const [i, report] of reports.entries()) writeFileSync(join(folder, `${i}.json`), JSON.stringify(report));
      return execFileSync(process.execPath, ['tools/counted.mjs', folder, `${status}`], {
        cwd: ROOT,
        encoding: 'utf8',
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  };
  const report = (numPassedTests: number, numFailedTests = 0, numFailedTestSuites = 0) => ({
    ...{ numPassedTests, numFailedTests, numFailedTestSuites },
  });

  it('all runs together; a file that could not be loaded is a failure, and so is what counts nothing', () => {
    expect(counted(0, report(7), report(5))).toBe('12 passed, 0 failed\n');
    expect(counted(1, report(7), report(4, 2, 1))).toBe('11 passed, 2 failed\n');
    expect(counted(1, report(7, 0, 3))).toBe('7 passed, 3 failed\n');
    expect(counted(1, report(7), report(5))).toBe('12 passed, 1 failed\n');
    expect(counted(1)).toBe('0 passed, 1 failed\n');
  });

  it('the files chosen for the other Nodes are there', () => {
    for (const file of CHOSEN) expect(existsSync(resolve(ROOT, file)), file).toBe(true);
  });
});
