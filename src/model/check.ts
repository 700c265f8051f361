import { existsSync, readFileSync } from 'node:fs';
import { compareGraphs } from './compare.ts';
import { explain, explainTrail } from './explain.ts';
import { ExplorationError, Explorer } from './explore.ts';
import type { Graph } from './graph.ts';
import { graphFile, type Model, type Subject, stampOf, subjectOf } from './models.ts';
import { decodeGraph, headerOf } from './record.ts';

/** What a comparison came to. `detail` says what differs, or what is wrong with the record. */
export interface ModelCheck {
  readonly model: string;
  readonly verdict: 'equal' | 'different' | 'no record' | 'stale record' | 'broken';
  readonly code: { readonly states: number; readonly steps: number } | null;
  readonly spec: { readonly states: number; readonly steps: number } | null;
  readonly seconds: number;
  readonly detail: string;
}

const sizeOf = ({ count, targetOf }: Graph): { states: number; steps: number } => ({
  states: count,
  steps: targetOf.length,
});

/** TLC's graph of this model as recorded, or why it cannot be used. */
export function readRecord(model: Model, subject: Subject): Graph | Pick<ModelCheck, 'verdict' | 'detail'> {
  const path = graphFile(model);
  if (!existsSync(path))
    return { verdict: 'no record', detail: `there is no ${path}; npm run tlc -- --record ${model.name}` };
  const file = readFileSync(path);
  if (headerOf(file).stamp !== stampOf(model)) {
    const detail = `the specification changed since TLC made this graph; npm run tlc -- --record ${model.name}`;
    return { verdict: 'stale record', detail };
  }
  return decodeGraph(file, subject.variables, subject.actions);
}

/** Explores the code in this model and compares its graph, both ways, with the one TLC made of the specification. */
export function checkModel(
  model: Model,
  onProgress: ((found: number, expanded: number) => void) | null = null,
  subject: Subject = subjectOf(model),
): ModelCheck {
  const startedMs = performance.now();
  const record = readRecord(model, subject);
  const spec = 'rows' in record ? record : null;
  let code: Graph | null = null;
  const result = (verdict: ModelCheck['verdict'], detail: string): ModelCheck => ({
    model: model.name,
    verdict,
    code: code === null ? null : sizeOf(code),
    spec: spec === null ? null : sizeOf(spec),
    seconds: (performance.now() - startedMs) / 1000,
    detail,
  });
  if (spec === null) {
    const { verdict, detail } = record as Pick<ModelCheck, 'verdict' | 'detail'>;
    return result(verdict, detail);
  }
  try {
    const explorer = new Explorer(subject.driver());
    explorer.onProgress = onProgress;
    code = explorer.run();
    const difference = compareGraphs(code, spec);
    return difference === null ? result('equal', '') : result('different', explain(subject.variables, difference));
  } catch (error) {
    if (!(error instanceof ExplorationError)) throw error;
    return result('broken', `${error.message}\n${explainTrail(subject.variables, error.trail)}`);
  }
}
