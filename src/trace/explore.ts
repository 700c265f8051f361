import { readRecord } from '../model/check.ts';
import type { Driver } from '../model/explore.ts';
import { Explorer } from '../model/explore.ts';
import type { Graph } from '../model/graph.ts';
import { readMailboxConstants } from '../model/mailbox.ts';
import { type Model, specificationOf, subjectOf, TLA } from '../model/models.ts';
import { spacePage } from '../model/space.ts';
import { CounterexampleError, readCounterexample } from './from-tlc.ts';

type Progress = ((found: number, expanded: number) => void) | null;

function explored(driver: Driver<unknown>, onProgress: Progress, statesMax: number): Graph {
  const explorer = new Explorer(driver);
  explorer.onProgress = onProgress;
  explorer.begin();
  for (let found = explorer.waiting; explorer.waiting > 0; found += explorer.waiting) {
    if (found > statesMax) throw new CounterexampleError(`model: more than ${statesMax} states`);
    explorer.expandLevel();
  }
  return explorer.finish();
}

/**
 * A page of a model's state space: what the code does, what the specification does where its graph is on record, and the counterexample
 * that TLC printed where there is one. @throws CounterexampleError when it is none of this model, or when there are too many states
 */
export function exploreModel(
  model: Model,
  output: string | null,
  onProgress: Progress,
  statesMax: number,
): { readonly text: string; readonly states: number; readonly steps: number } {
  const subject = subjectOf(model);
  const shown = output === null ? null : readCounterexample(output, model, subject);
  const code = explored(subject.driver(), onProgress, statesMax);
  const record = model.graph === null ? null : readRecord(model, subject);
  if (record !== null && !('rows' in record)) throw new CounterexampleError(`${model.name}: ${record.detail}`);
  const messages = specificationOf(model) === 'Mailbox' ? readMailboxConstants(TLA, model.name).N : 0;
  const text = spacePage({ model: model.name, about: model.about, messages }, { code, spec: record, shown });
  return { text, states: code.count, steps: code.targetOf.length };
}
