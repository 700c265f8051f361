import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const manifest = JSON.parse(readFileSync(resolve(ROOT, 'package.json'), 'utf8')) as { version: string };

describe('supply chain', () => {
  it('package: two builds in two places are byte-identical, and hold what they should (C4)', () => {
    const folder = mkdtempSync(join(tmpdir(), 'package-'));
    const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: ROOT, encoding: 'utf8' })
      .trim()
      .split('\n');
    const build = (name: string): string => {
      const copy = join(folder, name, 'svc-mailbox');
      for (const file of files.filter((path) => existsSync(resolve(ROOT, path)))) {
        mkdirSync(dirname(join(copy, file)), { recursive: true });
        copyFileSync(resolve(ROOT, file), join(copy, file));
      }
      symlinkSync(resolve(ROOT, 'node_modules'), join(copy, 'node_modules'));
      execFileSync('npm', ['run', '--silent', 'package'], { cwd: copy, stdio: 'pipe' });
      return join(copy, `svc-mailbox-${manifest.version}.tgz`);
    };
    try {
      const [first, second] = ['here', 'elsewhere-with-a-longer-name'].map(build) as [string, string];
      expect(readFileSync(first).equals(readFileSync(second))).toBe(true);
      const listed = execFileSync('tar', ['-tzf', first], { encoding: 'utf8' }).split('\n');
      for (const file of [
        'bin/mailbox.js',
        'dist/mailbox.js',
        'dist/LICENSES.txt',
        'docs/openapi.json',
        'examples/operations/systemd/mailbox.service',
        'docs/sbom/svc-mailbox.cdx.json',
        'LICENSE',
        'SECURITY.md',
      ]) {
        expect(listed).toContain(`package/${file}`);
      }
      expect(listed.filter((file) => /^package\/(src|test|node_modules|\.)/.test(file))).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
