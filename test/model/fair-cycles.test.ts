import { describe, expect, it } from 'vitest';
import { FairCycles, type Fairness } from '../../src/model/fair-cycles.ts';
import { type Graph, GraphBuilder } from '../../src/model/graph.ts';
import { NUMBER } from '../../src/model/values.ts';
import fc, { Reached } from '../support/properties.ts';

type Edge = readonly [from: number, action: number, to: number];
const ACTIONS = ['A', 'B', 'C'];
const NODES = 6;

function graphOf(edges: readonly Edge[]): Graph {
  const builder = new GraphBuilder([['n', NUMBER]], ACTIONS);
  for (let n = 0; n < NODES; n++) builder.nodes.add(new Uint8Array([n]));
  for (const [from, action, to] of edges) builder.edge(from, action, to);
  return builder.finish();
}

const fair = (action: number, isStrong: boolean): Fairness => ({
  ...{ says: `${isStrong ? 'SF' : 'WF'}(${ACTIONS[action]})`, isStrong, action },
  isStep: () => true,
});

/** Whether these states, all of them and no others, can be gone round, or stayed in, for ever and fairly: by the definitions. */
function isFair(states: readonly number[], edges: readonly Edge[], fairness: readonly Fairness[]): boolean {
  const within = edges.filter(([from, , to]) => states.includes(from) && states.includes(to));
  const reach = (start: number): Set<number> => {
    const seen = new Set([start]);
    for (let size = 0; size !== seen.size; ) {
      size = seen.size;
      for (const [from, , to] of within) if (seen.has(from)) seen.add(to);
    }
    return seen;
  };
  if (!states.every((state) => reach(state).size === states.length)) return false;
  return fairness.every(({ action, isStrong }) => {
    const isStep = ([from, a, to]: Edge): boolean => a === action && from !== to;
    if (within.some(isStep)) return true;
    const possible = states.map((state) => edges.some((edge) => edge[0] === state && isStep(edge)));
    return isStrong ? !possible.includes(true) : possible.includes(false);
  });
}

const subsets = (of: readonly number[]): number[][] =>
  Array.from({ length: 2 ** of.length - 1 }, (_, i) => of.filter((_, bit) => (i + 1) & (1 << bit)));

const anyEdge = fc.tuple(fc.nat(NODES - 1), fc.nat(2), fc.nat(NODES - 1));
const anyFairness = fc.uniqueArray(fc.tuple(fc.nat(2), fc.boolean()), { maxLength: 4, selector: String });

describe('fair cycles', () => {
  it('one is found exactly where a search through all sets of states finds one, and it is one', () => {
    const reached = new Reached('fair cycles');
    fc.assert(
      fc.property(
        fc.array(anyEdge, { maxLength: 18 }),
        anyFairness,
        fc.uniqueArray(fc.nat(NODES - 1), { minLength: 1, maxLength: NODES }),
        (edges, conditions, inside) => {
          const fairness = conditions.map(([action, isStrong]) => fair(action, isStrong));
          const marks = Uint8Array.from({ length: NODES }, (_, n) => (inside.includes(n) ? 1 : 0));
          const found = new FairCycles(graphOf(edges), fairness).find(marks);
          const all = subsets(inside).filter((states) => isFair(states, edges, fairness));
          expect(found !== null).toBe(all.length > 0);
          if (found !== null) expect(all.map((states) => states.sort().join())).toContain([...found].sort().join());
          reached.saw({ edges: edges.length, found: found?.length ?? 0, none: found === null ? 1 : 0 });
        },
      ),
      { numRuns: 300 },
    );
    reached.atLeast({ edges: 18, found: 5, none: 1 });
  });

  it('a long line and a long round take no recursion', () => {
    const count = 50_000;
    const offsets = Uint32Array.from({ length: count + 1 }, (_, i) => i);
    const targetOf = Uint32Array.from({ length: count }, (_, i) => (i + 1) % count);
    const graph = { offsets, actionOf: new Uint8Array(count), targetOf };
    expect(new FairCycles(graph, [fair(0, false)]).find(new Uint8Array(count).fill(1))?.length).toBe(count);
    const open = new Uint8Array(count).fill(1, 1);
    expect(new FairCycles(graph, [fair(0, false)]).find(open)).toBeNull();
    expect(new FairCycles(graph, []).find(open)?.length).toBe(1);
  });

  it('more conditions than a mask has bits are refused', () => {
    const many = Array.from({ length: 32 }, () => fair(0, false));
    expect(() => new FairCycles(graphOf([]), many)).toThrow(/a mask has 31/);
  });
});
