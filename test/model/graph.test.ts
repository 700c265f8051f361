import { describe, expect, it } from 'vitest';
import { compareGraphs } from '../../src/model/compare.ts';
import { explain } from '../../src/model/explain.ts';
import { type Graph, GraphBuilder, rowOf, type Variables } from '../../src/model/graph.ts';
import { NodeTable } from '../../src/model/node-table.ts';
import { decodeGraph, encodeGraph, headerOf } from '../../src/model/recorded-graph.ts';
import { DumpReader } from '../../src/model/tlc-dump.ts';
import { NUMBER, names } from '../../src/model/values.ts';
import fc, { Reached } from '../support/properties.ts';

const VARIABLES: Variables = [
  ['n', NUMBER],
  ['state', names('queued', 'leased')],
];
const ACTIONS = ['Send', 'Recv', 'Tick'];

type Edge = readonly [from: number, action: number, to: number];

/** A graph over states n = 0, 1, .. */
function graphOf(edges: readonly Edge[], initial = [0]): Graph {
  const builder = new GraphBuilder(VARIABLES, ACTIONS);
  const node = (n: number): number => builder.nodes.add(new Uint8Array([n, 0]));
  for (const n of initial) builder.begin(node(n));
  for (const [from, action, to] of edges) builder.edge(node(from), action, node(to));
  return builder.finish();
}

const LINE: readonly Edge[] = [
  [0, 0, 1],
  [1, 1, 2],
  [2, 2, 0],
  [2, 2, 2],
];

describe('graph', () => {
  it('nodes: each is found again, and only those that were added', () => {
    const reached = new Reached('nodes');
    const row = fc.oneof(
      fc.uint8Array({ minLength: 5, maxLength: 5 }),
      fc.uint8Array({ minLength: 5, maxLength: 5, max: 2 }),
    );
    fc.assert(
      fc.property(fc.array(row, { maxLength: 300 }), (rows) => {
        const table = new NodeTable(5);
        const seen = new Map<string, number>();
        for (const row of rows) {
          const key = row.join();
          const expected = seen.get(key) ?? seen.size;
          expect(table.add(row)).toBe(expected);
          seen.set(key, expected);
        }
        for (const row of rows) expect(table.find(row)).toBe(seen.get(row.join()));
        expect(table.size).toBe(seen.size);
        reached.saw({ rows: rows.length, nodes: seen.size, again: rows.length - seen.size });
        if (!seen.has('9,9,9,9,9')) expect(table.find(new Uint8Array([9, 9, 9, 9, 9]))).toBe(-1);
      }),
    );
    reached.atLeast({ rows: 270, nodes: 150, again: 20 });
  });

  it('nodes: survive growing', () => {
    const table = new NodeTable(4);
    const bytes = new Uint8Array(4);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < 200_000; i++) {
      view.setUint32(0, i);
      expect(table.add(bytes)).toBe(i);
    }
    for (let i = 0; i < 200_000; i += 997) {
      view.setUint32(0, i);
      expect(table.find(bytes)).toBe(i);
    }
  });

  it('graphs: the order in which states and steps were found does not count, and a step twice is one', () => {
    const one = graphOf(LINE);
    const other = graphOf([...LINE, ...LINE].reverse());
    expect(other.rows).toEqual(one.rows);
    expect(other.targetOf).toEqual(one.targetOf);
    expect(other.actionOf).toEqual(one.actionOf);
    expect(compareGraphs(one, other)).toBeNull();
  });

  it('compare: a step only one side has is found, by the shortest way to it, whichever side that is', () => {
    const [less, more] = [graphOf(LINE), graphOf([...LINE, [2, 0, 3]])];
    const extra = compareGraphs(more, less);
    expect(extra?.trail.map(({ action }) => action)).toEqual(['Init', 'Send', 'Recv']);
    expect(extra?.extra.map(({ action }) => action)).toEqual(['Send']);
    expect(extra?.missing).toEqual([]);
    const missing = compareGraphs(less, more);
    expect(missing?.missing.map(({ action, state }) => [action, [...state]])).toEqual([['Send', [3, 0]]]);
    const text = explain(VARIABLES, missing as NonNullable<typeof missing>);
    expect(text).toContain('only the specification has Send\n    /\\ n = 2');
  });

  it('compare: another target, another label, another initial state are differences', () => {
    const spec = graphOf(LINE);
    const retargeted = compareGraphs(
      graphOf([
        [0, 0, 1],
        [1, 1, 2],
        [2, 2, 1],
        [2, 2, 2],
      ]),
      spec,
    );
    expect([retargeted?.extra.length, retargeted?.missing.length]).toEqual([1, 1]);
    const relabelled = compareGraphs(
      graphOf([
        [0, 0, 1],
        [1, 2, 2],
        [2, 2, 0],
        [2, 2, 2],
      ]),
      spec,
    );
    expect(relabelled?.trail.length).toBe(2);
    expect(compareGraphs(graphOf(LINE, [0, 1]), spec)?.extra.map(({ action }) => action)).toEqual(['Init']);
  });

  it('compare: random graphs are equal exactly when their steps are', () => {
    const anyEdges = fc.array(
      fc.tuple(fc.nat(5), fc.nat(2), fc.nat(5)).map((edge) => edge as Edge),
      { maxLength: 20 },
    );
    /** Only what is reached from state 0, as both producers make it. */
    const reached = (edges: readonly Edge[]): Edge[] => {
      const known = new Set([0]);
      for (let size = -1; size !== known.size; ) {
        size = known.size;
        for (const [from, , to] of edges) if (known.has(from)) known.add(to);
      }
      return edges.filter(([from]) => known.has(from));
    };
    const keyOf = (edges: readonly Edge[]): string => [...new Set(edges.map((edge) => edge.join(' ')))].sort().join();
    fc.assert(
      fc.property(anyEdges, anyEdges, fc.boolean(), (a, b, same) => {
        const [one, other] = [reached(a), same ? reached([...a].reverse()) : reached(b)];
        expect(compareGraphs(graphOf(one), graphOf(other)) === null).toBe(keyOf(one) === keyOf(other));
      }),
      { numRuns: 500 },
    );
  });

  it('record: a graph is read as it was written', () => {
    const graph = graphOf(LINE);
    const file = encodeGraph(graph, { model: 'MCLine', stamp: 'abc', tlc: 'Version 2.18' });
    expect(headerOf(file)).toMatchObject({ model: 'MCLine', stamp: 'abc', states: 3, steps: 4 });
    const read = decodeGraph(file, VARIABLES, ACTIONS);
    expect(compareGraphs(read, graph)).toBeNull();
    expect([...rowOf(read, 2)]).toEqual([2, 0]);
    expect(() => decodeGraph(file, VARIABLES.slice(1), ACTIONS)).toThrow(/variables are n,state/);
    expect(() => decodeGraph(file, VARIABLES, ACTIONS.slice(1))).toThrow(/actions are/);
  });

  const node = (fingerprint: number, n: number, style = ''): string =>
    `${fingerprint} [label="/\\\\ state = \\"queued\\"\\n/\\\\ n = ${n}"${style}]`;
  const FILLED = ',style = filled';

  it('dump: states, steps and the initial state are read; the count must be that of TLC', () => {
    const lines = [
      'strict digraph DiskGraph {',
      node(-7, 0, FILLED),
      '-7 -> 8 [label="Send",color="black",fontcolor="black"];',
      `${node(8, 1)};`,
      '8 -> 8 [label="Tick",color="black",fontcolor="black"];',
      '8 -> 8 [label="Tick",color="black",fontcolor="black"];',
      // Where liveness is checked, TLC adds that a state may stay.
      '8 -> 8 [style="dashed"];',
      '{rank = same; -7;}',
      '}',
    ];
    const read = (all: readonly string[]): DumpReader => {
      const reader = new DumpReader(VARIABLES, ACTIONS);
      for (const line of all) reader.line(line);
      return reader;
    };
    const expected = graphOf(
      [
        [1, 0, 2],
        [2, 2, 2],
      ],
      [1],
    );
    expect(compareGraphs(read(lines).finish(2), expected)).toBeNull();
    // A value too long for a line goes on in the next.
    const wrapped = lines.map((line) => line.replace(' = 0', ' = \\n  0'));
    expect(compareGraphs(read(wrapped).finish(2), expected)).toBeNull();
    expect(() => read(lines).finish(3)).toThrow(/2 states were read, TLC found 3/);
    expect(() => read(lines.slice(0, 3)).finish(1)).toThrow(/stepped to and not described/);
    expect(() => read(['9 -> 8 [label="Send"];'])).toThrow(/from a state that is not described/);
    expect(() => read([node(-7, 0, FILLED), '-7 -> 8 [label="Sned"];'])).toThrow(/unknown action Sned/);
    expect(() => read([node(-7, 0), node(-9, 0)])).toThrow(/two fingerprints of one state/);
    expect(() => read(['-7 [label="/\\\\ n = 1"]'])).toThrow(/variables are n/);
    expect(() => read(['-7 something else'])).toThrow(/neither a state nor a step/);
    expect(() => read(['-7 -> 8 [style="dashed"];'])).toThrow(/neither a state nor a step/);
  });
});
