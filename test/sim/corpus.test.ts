import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { repeatable, sourceOf } from '../../sim/source.ts';

const { hashes } = JSON.parse(readFileSync(resolve(import.meta.dirname, 'corpus.json'), 'utf8')) as {
  hashes: Record<string, string>;
};

it('the hashes of the corpus are the committed ones, on whatever Node this is (mailbox sim hash makes them anew)', () => {
  const now = Object.fromEntries(Object.keys(hashes).map((name) => [name, repeatable(sourceOf(name))({}).run.hash]));
  expect(Object.keys(now).length).toBeGreaterThan(10);
  expect(now).toEqual(hashes);
});
