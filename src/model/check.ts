import { existsSync, readFileSync } from 'node:fs';
import { compareGraphs } from './compare.ts';
import { explain, explainTrail } from './explain.ts';
import { ExplorationError, Explorer } from './explore.ts';
import { type Graph, neverTaken } from './graph.ts';
import { graphFile, type Model, type Subject, stampOf, subjectOf } from './models.ts';
import type { Parallel } from './parallel.ts';
import { decodeGraph, headerOf } from './recorded-graph.ts';

/** What a comparison came to: equal graphs, of which liveness holds, or not. `detail` says what differs, or what is wrong. */
export interface ModelCheck {
  readonly model: string;
  readonly verdict: 'equal' | 'different' | 'not live' | 'no record' | 'stale record' | 'broken';
  readonly code: { readonly states: number; readonly steps: number } | null;
  readonly spec: { readonly states: number; readonly steps: number } | null;
  /** Actions and refusals of the specification that never happen in the bounds of this model. */
  readonly never: readonly string[];
  readonly seconds: number;
  readonly detail: string;
}

type Progress = ((found: number, expanded: number) => void) | null;

const sizeOf = (graph: Graph | null): ModelCheck['code'] =>
  graph === null ? null : { states: graph.count, steps: graph.targetOf.length };

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

/**
 * Explores the code in this model and compares its graph, both ways, with the one TLC made of the specification; what must come in
 * the end is asked of that same graph.
 */
export function checkModel(model: Model, onProgress: Progress = null, subject: Subject = subjectOf(model)): ModelCheck {
  const check = new Check(model, subject);
  if (check.spec === null) return check.result;
  try {
    const explorer = new Explorer(subject.driver());
    explorer.onProgress = onProgress;
    return check.compare(explorer.run());
  } catch (error) {
    if (!(error instanceof ExplorationError)) throw error;
    return check.conclude('broken', `${error.message}\n${explainTrail(subject.variables, error.trail)}`);
  }
}

/** The same in two threads. What is wrong is told by one, which knows the way there. */
export async function checkModelInTwo(pair: Parallel, model: Model, onProgress: Progress = null): Promise<ModelCheck> {
  const check = new Check(model, subjectOf(model));
  if (check.spec === null) return check.result;
  let why = 'two threads do not find what one finds';
  try {
    const result = check.compare(await pair.explore(model, onProgress));
    if (result.verdict === 'equal') return result;
  } catch (error) {
    why = `in two threads: ${(error as Error).message}`;
  }
  const told = checkModel(model, onProgress);
  return told.verdict === 'equal' ? check.conclude('broken', why) : told;
}

/** One comparison, from when it begins. */
class Check {
  readonly spec: Graph | null;
  result: ModelCheck;
  private readonly model: Model;
  private readonly subject: Subject;
  private readonly startedMs = performance.now();
  private code: Graph | null = null;

  constructor(model: Model, subject: Subject) {
    this.model = model;
    this.subject = subject;
    const record = readRecord(model, subject);
    this.spec = 'rows' in record ? record : null;
    this.result =
      'rows' in record ? this.conclude('broken', 'not compared') : this.conclude(record.verdict, record.detail);
  }

  compare(code: Graph): ModelCheck {
    this.code = code;
    const difference = compareGraphs(code, this.spec as Graph);
    if (difference !== null) return this.conclude('different', explain(this.subject.variables, difference));
    const wrong = this.subject.wrongWith(code);
    return wrong === null ? this.conclude('equal', '') : this.conclude('not live', wrong);
  }

  conclude(verdict: ModelCheck['verdict'], detail: string): ModelCheck {
    const { model, code, spec, startedMs } = this;
    const seconds = (performance.now() - startedMs) / 1000;
    const never = code === null ? [] : neverTaken(code);
    this.result = { model: model.name, verdict, code: sizeOf(code), spec: sizeOf(spec), never, seconds, detail };
    return this.result;
  }
}
