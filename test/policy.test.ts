import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const read = (file: string): string => readFileSync(resolve(import.meta.dirname, '..', file), 'utf8');

describe('policy', () => {
  it('SECURITY.md: disclosure in 90 days, promises and their limits, the flow as a diagram and in words (P1, P5)', () => {
    const text = read('SECURITY.md');
    for (const part of ['90 days', '## Reporting', '## What is promised', '## What is not'])
      expect(text).toContain(part);
    const [, diagram = '', words = ''] =
      /```mermaid\n(flowchart[\s\S]*?)```\n\nIn words: ([\s\S]*?)\n\n/.exec(text) ?? [];
    for (const word of ['TLS 1.3', 'Unix socket', 'verifier', 'quota', 'journal']) {
      expect(diagram.toLowerCase(), word).toContain(word.toLowerCase());
      expect(words.toLowerCase(), word).toContain(word.toLowerCase());
    }
  });

  it('CHANGELOG.md: this version has an entry and an end of support, and configuration a migration table (P4)', () => {
    const text = read('CHANGELOG.md');
    const { version } = JSON.parse(read('package.json')) as { version: string };
    expect(text).toContain(`## ${version}`);
    expect(text).toMatch(new RegExp(`\\| ${version} \\| [^|]+ \\| [^|]+ \\|`));
    expect(text).toContain('## Migration of configuration');
  });
});
