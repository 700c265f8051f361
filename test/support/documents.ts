import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect } from 'vitest';
import { withTable } from '../../tools/documents.ts';

const ROOT = resolve(import.meta.dirname, '../..');

/**
 * A document has these tables between their marks, as the code has them; with UPDATE_DOCS=1 they are written. `file` is a path of the
 * project, as is the test that holds it.
 */
export function holdsTables(file: string, tables: Readonly<Record<string, string>>, test: string): void {
  const path = resolve(ROOT, file);
  const text = readFileSync(path, 'utf8');
  const made = Object.entries(tables).reduce((before, [mark, table]) => withTable(before, mark, table), text);
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(path, made);
  else expect(text, `UPDATE_DOCS=1 npx vitest run ${test}`).toBe(made);
}
