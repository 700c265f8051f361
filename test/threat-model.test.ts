import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');
const FAMILIES = { S: 4, T: 6, R: 5, I: 5, D: 10, E: 7, B: 16, K: 8, O: 5, C: 4, V: 8, P: 5, U: 5 } as const;
const IDS = Object.entries(FAMILIES).flatMap(([family, count]) =>
  Array.from({ length: count }, (_, i) => `${family}${i + 1}`),
);

interface Row {
  readonly id: string;
  readonly state: string;
  readonly where: readonly string[];
  readonly proofs: readonly string[];
  readonly missing: string | undefined;
}

const quoted = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] as string);

const rows: Row[] = readFileSync(resolve(ROOT, 'docs/threat-model.md'), 'utf8')
  .split('\n')
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .filter((cells) => cells.length === 7 && /^[A-Z]\d+$/.test(cells[1] as string))
  .map(([, id, , state, where, proof]) => {
    const [proofs, missing] = (proof as string).split(/(?:^| · )missing: /);
    return { id, state, where: quoted(where as string), proofs: quoted(proofs as string), missing } as Row;
  });

/** Titles of tests, dynamic parts included as written. */
const titlesIn = (file: string): string =>
  [
    ...readFileSync(resolve(ROOT, 'test', file), 'utf8').matchAll(
      /(?:\bit\(\s*|^\s*(?:\[|name: |\w+\()?)['`](.*?)['`],/gm,
    ),
  ]
    .map((match) => match[1])
    .join('\n');

function problemWith(proof: string): string | null {
  if (proof.startsWith('npm run ')) {
    const { scripts } = JSON.parse(readFileSync(resolve(ROOT, 'package.json'), 'utf8')) as { scripts: object };
    return proof.slice(8) in scripts ? null : 'no such script';
  }
  const colon = proof.indexOf(': ');
  const file = colon < 0 ? proof : proof.slice(0, colon);
  if (colon < 0)
    return existsSync(resolve(ROOT, file)) || existsSync(resolve(ROOT, 'test', file)) ? null : 'no such file';
  if (!existsSync(resolve(ROOT, 'test', file))) return 'no such test file';
  const title = proof.slice(colon + 2);
  return titlesIn(file)
    .split('\n')
    .some((known) => known.startsWith(title))
    ? null
    : 'no such test';
}

describe('threat model', () => {
  it('table: every requirement once, in order', () => {
    expect(rows.map(({ id }) => id)).toEqual(IDS);
  });

  it('table: what is done names its code and its proof; what is not says what is missing', () => {
    for (const { id, state, where, proofs, missing } of rows) {
      expect(['done', 'partly', 'not yet'], id).toContain(state);
      if (state !== 'not yet') expect(where.length > 0 && proofs.length > 0, id).toBe(true);
      expect(missing === undefined, `${id}: ${state}`).toBe(state === 'done');
    }
  });

  it('table: every file and test named exists', () => {
    for (const { id, where, proofs } of rows) {
      for (const file of where) expect(existsSync(resolve(ROOT, file)), `${id}: ${file}`).toBe(true);
      for (const proof of proofs) expect(problemWith(proof), `${id}: ${proof}`).toBeNull();
    }
  });
});
