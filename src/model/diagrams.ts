import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { graphDiagram } from './graph-diagram.ts';
import { machineDiagram } from './machine-diagram.ts';
import { graphFile, MODELS, type Model, subjectOf } from './models.ts';
import { ownershipDiagram } from './ownership-diagram.ts';
import { decodeGraph } from './recorded-graph.ts';

/** The smallest model on record: one message, small enough to be looked at. */
const DRAWN = 'MCTinyOne';

/** Every diagram by name, as SVG. */
export function diagrams(): Readonly<Record<string, string>> {
  const model = MODELS.find(({ name }) => name === DRAWN) as Model;
  const { variables, actions } = subjectOf(model);
  const graph = decodeGraph(readFileSync(graphFile(model)), variables, actions);
  return {
    lifecycle: machineDiagram(),
    ownership: ownershipDiagram(),
    states: graphDiagram(graph, 'One message, two attempts'),
  };
}

/** Writes `<name>.svg` of each into a folder; returns the paths. */
export function writeDiagrams(folder: string): string[] {
  mkdirSync(folder, { recursive: true });
  return Object.entries(diagrams()).map(([name, text]) => {
    const path = join(folder, `${name}.svg`);
    writeFileSync(path, text);
    return path;
  });
}
