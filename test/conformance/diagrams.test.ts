import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { rowsOf } from '../../spec/table.ts';
import { diagrams, writeDiagrams } from '../../src/model/diagrams.ts';
import { layersOf } from '../../src/model/layers.ts';

const FOLDER = resolve(import.meta.dirname, '../../docs/diagrams');

describe('diagrams', () => {
  it('docs/diagrams holds what the machine and the recorded graph look like now', () => {
    if (process.env['UPDATE_DOCS'] === '1') writeDiagrams(FOLDER);
    for (const [name, text] of Object.entries(diagrams()))
      expect(readFileSync(resolve(FOLDER, `${name}.svg`), 'utf8'), name).toBe(text);
  });

  it('the lifecycle shows every transition of the machine', () => {
    const { lifecycle = '' } = diagrams();
    for (const { event, update } of rowsOf()) {
      expect(lifecycle).toContain(event);
      expect(lifecycle).toContain(`/ ${update}`);
    }
    expect(lifecycle.match(/marker-end/g)?.length).toBe(
      new Set(rowsOf().map((row) => `${row.from} ${row.target}`)).size,
    );
  });

  it('layers: each state once, by its least distance from an initial one', () => {
    const steps = [
      { from: 0, to: 1 },
      { from: 0, to: 2 },
      { from: 1, to: 3 },
      { from: 2, to: 3 },
      { from: 3, to: 0 },
    ];
    expect(layersOf(4, [0], steps).map((layer) => layer.toSorted((a, b) => a - b))).toEqual([[0], [1, 2], [3]]);
  });
});
