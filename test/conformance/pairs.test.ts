import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Graph } from '../../src/model/graph.ts';
import { widthOfState } from '../../src/model/graph.ts';
import { readMailboxConstants } from '../../src/model/mailbox.ts';
import { graphFile, MODELS, subjectOf, TLA } from '../../src/model/models.ts';
import { PAIR_MODELS } from '../../src/model/pair-models.ts';
import { decodeGraph } from '../../src/model/recorded-graph.ts';
import { brokenRule } from '../../src/model/rules.ts';
import { FEATURES } from '../../tools/pairs/features.ts';
import { meetings, metIn } from '../../tools/pairs/met.ts';
import { faultsOf, modelOf, pairTable, unknownFeatures } from '../../tools/pairs/table.ts';
import { holdsTables } from '../support/documents.ts';
import { sameGraph } from '../support/graphs.ts';

const placeOf = (name: string): number => FEATURES.findIndex((feature) => feature.name === name);

/** States that look alike, and these steps between them. */
function graphOf(count: number, steps: readonly (readonly [from: number, action: string, to: number])[]): Graph {
  const { variables, actions } = subjectOf(MODELS.find(({ name }) => name === 'MCTinyOne')!);
  const width = widthOfState(variables);
  const sorted = [...steps].sort(([one], [other]) => one - other);
  return {
    ...{ variables, actions, width, count, rows: new Uint8Array(count * width), initial: [0] },
    offsets: Uint32Array.from({ length: count + 1 }, (_, i) => sorted.filter(([from]) => from < i).length),
    actionOf: Uint8Array.from(sorted, ([, action]) => actions.indexOf(action)),
    targetOf: Uint32Array.from(sorted, ([, , to]) => to),
  };
}

describe('pairs of features', () => {
  it('two that happen in different behaviours never met; in one, in either order, they did', () => {
    const [crash, extension] = [placeOf('crash'), placeOf('extension')];
    const isMet = (graph: Graph): boolean[] => {
      const met = [{ model: 'it', met: metIn(graph, readMailboxConstants(TLA, 'MCTinyOne')) }];
      return [modelOf(met, crash, extension) !== null, modelOf(met, extension, crash) !== null];
    };
    const apart = [
      [0, 'Extend', 1],
      [0, 'Crash', 2],
    ] as const;
    expect(isMet(graphOf(4, apart))).toEqual([false, false]);
    expect(isMet(graphOf(4, [...apart, [1, 'Tick', 3], [3, 'Crash', 2]]))).toEqual([true, true]);
    expect(isMet(graphOf(4, [...apart, [2, 'Recover', 3], [3, 'Extend', 2]]))).toEqual([true, true]);
  });

  it.each(PAIR_MODELS)(
    '$name: the code and the specification have the same state graph, and the rules hold of it (V5)',
    (model) => {
      sameGraph(model);
      const { variables, actions } = subjectOf(model);
      const recorded = decodeGraph(readFileSync(graphFile(model)), variables, actions);
      if (model.graph === 'Mailbox') expect(brokenRule(recorded, readMailboxConstants(TLA, model.name))).toBe(null);
    },
  );

  it('docs/conformance.md has all of them: a model for each, or the reason why none has both (UPDATE_DOCS=1 writes it)', () => {
    const models = meetings();
    expect(models.length).toBeGreaterThan(20);
    expect(unknownFeatures()).toEqual([]);
    expect(faultsOf(models)).toEqual([]);
    // Without a model that is the only one for some pair, a cell has neither.
    expect(faultsOf(models.filter(({ model }) => model !== 'MCTinyGather' && model !== 'MCGroupCommit'))).not.toEqual(
      [],
    );
    holdsTables('docs/conformance.md', { pairs: pairTable(models) }, 'test/conformance/pairs (SUITE=system)');
  });
});
