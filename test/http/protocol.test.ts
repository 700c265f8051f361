import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PROTOCOL_TABLES } from '../../tools/protocol.ts';

const PAGE = resolve(import.meta.dirname, '../../docs/protocol.md');

describe('docs/protocol.md', () => {
  it.each(Object.entries(PROTOCOL_TABLES))(
    'has the table of %s as the contract has it (UPDATE_DOCS=1 writes it)',
    (name, made) => {
      const page = readFileSync(PAGE, 'utf8');
      const [before, rest] = page.split(`<!-- ${name} -->\n`) as [string, string];
      const [, after] = rest.split(`<!-- /${name} -->`) as [string, string];
      const written = `${before}<!-- ${name} -->\n${made()}\n<!-- /${name} -->${after}`;
      if (process.env['UPDATE_DOCS'] === '1') writeFileSync(PAGE, written);
      expect(
        written === page || process.env['UPDATE_DOCS'] === '1',
        'UPDATE_DOCS=1 vitest run test/http/protocol',
      ).toBe(true);
    },
  );
});
