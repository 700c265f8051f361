import { NodeTable } from './node-table.ts';
import { sortedRows } from './sorted-rows.ts';
import { TlaReader } from './tla-text.ts';
import type { Type, Value } from './values.ts';
import { decode, encode, format, TypeMismatch, widthOf } from './values.ts';

/** What the states of a model are made of: its variables in a fixed order. */
export type Variables = readonly (readonly [string, Type])[];

export const widthOfState = (variables: Variables): number =>
  variables.reduce((sum, [, type]) => sum + widthOf(type), 0);

/** A state in words, one variable a line, as TLC prints it. */
export function formatState(variables: Variables, bytes: Uint8Array): string {
  let at = 0;
  const lines = variables.map(([name, type]) => {
    const line = `/\\ ${name} = ${format(type, decode(type, bytes, at))}`;
    at += widthOf(type);
    return line;
  });
  return lines.join('\n');
}

/** Writes a state that is given by the text of each variable, as TLC prints it. @throws TypeMismatch */
export function readState(
  texts: ReadonlyMap<string, string>,
  variables: Variables,
  into: Uint8Array,
  where: string,
): void {
  if (texts.size !== variables.length) throw new TypeMismatch(`${where}: variables are ${[...texts.keys()].join()}`);
  let at = 0;
  for (const [name, type] of variables) {
    const text = texts.get(name);
    if (text === undefined) throw new TypeMismatch(`${where}: no variable ${name}`);
    const reader = new TlaReader(text);
    const value = reader.read(type);
    reader.end();
    encode(type, value, into, at, name);
    at += widthOf(type);
  }
}

/** The values of a state by the name of their variable. */
export function valuesOf(variables: Variables, bytes: Uint8Array): Record<string, Value> {
  let at = 0;
  const values: Record<string, Value> = {};
  for (const [name, type] of variables) {
    values[name] = decode(type, bytes, at);
    at += widthOf(type);
  }
  return values;
}

/**
 * A finished state graph. States are rows in the order of their bytes, so that equal graphs are equal arrays. The edges of
 * state i are from `offsets[i]` to `offsets[i + 1]`, in the order of (action, target), each once.
 */
export interface Graph {
  readonly variables: Variables;
  readonly actions: readonly string[];
  readonly width: number;
  readonly count: number;
  readonly rows: Uint8Array;
  readonly initial: readonly number[];
  readonly offsets: Uint32Array;
  readonly actionOf: Uint8Array;
  readonly targetOf: Uint32Array;
}

export const rowOf = (graph: Graph, index: number): Uint8Array =>
  graph.rows.subarray(index * graph.width, (index + 1) * graph.width);

/** Actions that no step of the graph is of. */
export function neverTaken({ actions, actionOf }: Graph): string[] {
  const taken = new Set(actionOf);
  return actions.filter((_, action) => !taken.has(action));
}

export type Edges = Pick<Graph, 'offsets' | 'actionOf' | 'targetOf'>;

/** The graph with those steps of `other` that are from states of which it has none; the states of both are the same. */
export function withEdges(graph: Graph, other: Edges): Graph {
  const { count } = graph;
  const offsets = new Uint32Array(count + 1);
  const fromOf = (i: number): Edges =>
    (graph.offsets[i + 1] as number) > (graph.offsets[i] as number) ? graph : other;
  const sizeOf = ({ offsets }: Edges, i: number): number => (offsets[i + 1] as number) - (offsets[i] as number);
  for (let i = 0; i < count; i++) offsets[i + 1] = (offsets[i] as number) + sizeOf(fromOf(i), i);
  const actionOf = new Uint8Array(offsets[count] as number);
  const targetOf = new Uint32Array(offsets[count] as number);
  for (let i = 0; i < count; i++) {
    const from = fromOf(i);
    let at = offsets[i] as number;
    for (let e = from.offsets[i] as number; e < (from.offsets[i + 1] as number); e++, at++) {
      actionOf[at] = from.actionOf[e] as number;
      targetOf[at] = from.targetOf[e] as number;
    }
  }
  return { ...graph, offsets, actionOf, targetOf };
}

/** Gathers states and edges in any order. */
export class GraphBuilder {
  readonly nodes: NodeTable;
  private readonly variables: Variables;
  private readonly actions: readonly string[];
  private readonly initial = new Set<number>();
  private from = new Uint32Array(1 << 16);
  private to = new Uint32Array(1 << 16);
  private action = new Uint8Array(1 << 16);
  edges = 0;

  constructor(variables: Variables, actions: readonly string[]) {
    this.variables = variables;
    this.actions = actions;
    this.nodes = new NodeTable(widthOfState(variables));
  }

  begin(index: number): void {
    this.initial.add(index);
  }

  edge(from: number, action: number, to: number): void {
    if (this.edges === this.from.length) this.grow();
    this.from[this.edges] = from;
    this.to[this.edges] = to;
    this.action[this.edges] = action;
    this.edges++;
  }

  private grow(): void {
    const length = this.from.length * 2;
    const wider = (old: Uint32Array): Uint32Array<ArrayBuffer> => {
      const wide = new Uint32Array(length);
      wide.set(old);
      return wide;
    };
    this.from = wider(this.from);
    this.to = wider(this.to);
    const action = new Uint8Array(length);
    action.set(this.action);
    this.action = action;
  }

  finish(): Graph {
    const { nodes, variables, actions } = this;
    const { width, size: count } = nodes;
    const order = sortedRows(nodes);
    const rankOf = new Uint32Array(count);
    const rows = new Uint8Array(count * width);
    for (let rank = 0; rank < count; rank++) {
      const index = order[rank] as number;
      rankOf[index] = rank;
      for (let i = 0; i < width; i++) rows[rank * width + i] = nodes.rows[index * width + i] as number;
    }
    const initial = [...this.initial].map((index) => rankOf[index] as number).sort((a, b) => a - b);
    return { variables, actions, width, count, rows, initial, ...this.sortedEdges(rankOf) };
  }

  /** Edges by (from, action, to), duplicates dropped. */
  private sortedEdges(rankOf: Uint32Array): Edges {
    const { edges, from, action, to } = this;
    const count = this.nodes.size;
    const starts = new Uint32Array(count + 1);
    for (let e = 0; e < edges; e++) (starts[(rankOf[from[e] as number] as number) + 1] as number)++;
    for (let i = 0; i < count; i++) starts[i + 1] = (starts[i + 1] as number) + (starts[i] as number);
    // action and target fit one double exactly: 8 and 32 bits.
    const keys = new Float64Array(edges);
    const ends = starts.slice();
    for (let e = 0; e < edges; e++) {
      const rank = rankOf[from[e] as number] as number;
      const key = (action[e] as number) * 2 ** 32 + (rankOf[to[e] as number] as number);
      insert(keys, starts[rank] as number, ends[rank] as number, key);
      (ends[rank] as number)++;
    }
    const offsets = new Uint32Array(count + 1);
    const actionOf = new Uint8Array(edges);
    const targetOf = new Uint32Array(edges);
    let kept = 0;
    for (let i = 0; i < count; i++) {
      for (let e = starts[i] as number; e < (ends[i] as number); e++) {
        const key = keys[e] as number;
        if (e > (starts[i] as number) && key === keys[e - 1]) continue;
        actionOf[kept] = Math.floor(key / 2 ** 32);
        targetOf[kept] = key % 2 ** 32;
        kept++;
      }
      offsets[i + 1] = kept;
    }
    return { offsets, actionOf: actionOf.slice(0, kept), targetOf: targetOf.slice(0, kept) };
  }
}

/** Puts `key` where it belongs among the sorted keys from `start` to `end`: there are few. */
function insert(keys: Float64Array, start: number, end: number, key: number): void {
  let at = end;
  for (; at > start && (keys[at - 1] as number) > key; at--) keys[at] = keys[at - 1] as number;
  keys[at] = key;
}
