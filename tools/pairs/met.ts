import { readFileSync } from 'node:fs';
import type { Graph } from '../../src/model/graph.ts';
import { type MailboxConstants, readMailboxConstants } from '../../src/model/mailbox.ts';
import { graphFile, MODELS, subjectOf, TLA } from '../../src/model/models.ts';
import { PAIR_MODELS } from '../../src/model/pair-models.ts';
import { decodeGraph, headerOf } from '../../src/model/recorded-graph.ts';
import { FEATURES, Steps } from './features.ts';

/** A bit for each feature that happens in each step of a graph. */
function bitsOf(graph: Graph, c: MailboxConstants): Uint32Array {
  const steps = new Steps(graph, c);
  const bits = new Uint32Array(graph.targetOf.length);
  for (let from = 0; from < graph.count; from++)
    for (let e = graph.offsets[from] as number; e < (graph.offsets[from + 1] as number); e++) {
      const step = steps.to(from, e);
      FEATURES.forEach(({ is }, i) => {
        if (is?.(step, c)) (bits[e] as number) |= 1 << i;
      });
    }
  return bits;
}

/** Of each state, a bit for each feature that happens in some step that can still come. */
function comingOf({ count, offsets, targetOf }: Graph, bits: Uint32Array): Uint32Array {
  const coming = new Uint32Array(count);
  for (let isChanged = true; isChanged; ) {
    isChanged = false;
    for (let from = count - 1; from >= 0; from--) {
      let all = coming[from] as number;
      for (let e = offsets[from] as number; e < (offsets[from + 1] as number); e++)
        all |= (bits[e] as number) | (coming[targetOf[e] as number] as number);
      all >>>= 0;
      if (all === coming[from]) continue;
      coming[from] = all;
      isChanged = true;
    }
  }
  return coming;
}

/** Whether two features happen in one behaviour, one after the other or in one step: a matrix of bits, of both by their place in FEATURES. */
export function metIn(graph: Graph, c: MailboxConstants): readonly number[] {
  const bits = bitsOf(graph, c);
  const coming = comingOf(graph, bits);
  const met = FEATURES.map(() => 0);
  for (let e = 0; e < bits.length; e++) {
    const own = bits[e] as number;
    if (own === 0) continue;
    const later = own | (coming[graph.targetOf[e] as number] as number);
    FEATURES.forEach((_, i) => {
      if ((own >>> i) & 1) (met[i] as number) |= later;
    });
  }
  return met.map((row, i) => met.reduce((all, other, j) => ((other >>> i) & 1 ? all | (1 << j) : all), row) >>> 0);
}

/** The models of the lifecycle and its journal that have a graph on record, small ones first, each with what meets in it. */
export function meetings(): { readonly model: string; readonly met: readonly number[] }[] {
  return [...MODELS, ...PAIR_MODELS]
    .filter(({ graph }) => graph === 'Mailbox' || graph === 'Durability')
    .map((model) => ({ model, file: readFileSync(graphFile(model)) }))
    .sort((one, other) => headerOf(one.file).states - headerOf(other.file).states)
    .map(({ model, file }) => {
      const { variables, actions } = subjectOf(model);
      const graph = decodeGraph(file, variables, actions);
      return { model: model.name, met: metIn(graph, readMailboxConstants(TLA, model.name)) };
    });
}
