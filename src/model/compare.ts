import { type Graph, rowOf } from './graph.ts';

export interface Step {
  readonly action: string;
  readonly state: Uint8Array;
}

/** The first state at which two graphs part, and how to get there by steps that both have. */
export interface Difference {
  /** From an initial state to the state itself. */
  readonly trail: readonly Step[];
  /** Steps of the code that the specification does not have. */
  readonly extra: readonly Step[];
  /** Steps of the specification that the code does not have. */
  readonly missing: readonly Step[];
}

/**
 * Compares both ways: initial states, states, labelled steps. Null when the graphs are equal. What differs anywhere
 * differs first at some state that both reach by the same steps, so a search over the common part finds it with a shortest trail.
 */
export function compareGraphs(code: Graph, spec: Graph): Difference | null {
  const specOf = matchRows(code, spec);
  const initialOf = (graph: Graph): Step[] =>
    graph.initial.map((index) => ({ action: 'Init', state: rowOf(graph, index) }));
  const begins = difference(initialOf(code), initialOf(spec));
  if (begins !== null) return { trail: [], ...begins };
  const search = new Search(code);
  for (let at = search.next(); at >= 0; at = search.next()) {
    const found = differenceAt(code, spec, specOf, at);
    if (found !== null) return { trail: search.trailTo(at), ...found };
    search.open(at);
  }
  if (search.visited !== code.count || search.visited !== spec.count)
    throw new Error(`graphs: ${code.count} and ${spec.count} states, ${search.visited} of them reached by equal steps`);
  return null;
}

/** For each state of `code` its index in `spec`, -1 for none. Both are in the order of their bytes. */
function matchRows(code: Graph, spec: Graph): Int32Array {
  const matched = new Int32Array(code.count).fill(-1);
  for (let i = 0, j = 0; i < code.count && j < spec.count; ) {
    const order = Buffer.compare(rowOf(code, i), rowOf(spec, j));
    if (order === 0) matched[i++] = j++;
    else if (order < 0) i++;
    else j++;
  }
  return matched;
}

/** The steps from state `at`: equal when the same pairs of action and state are among them. */
function differenceAt(code: Graph, spec: Graph, specOf: Int32Array, at: number): Omit<Difference, 'trail'> | null {
  const other = specOf[at] as number;
  const [start, end] = [code.offsets[at] as number, code.offsets[at + 1] as number];
  const [first, last] = [spec.offsets[other] as number, spec.offsets[other + 1] as number];
  let equal = end - start === last - first;
  for (let i = 0; equal && i < end - start; i++) {
    equal =
      code.actionOf[start + i] === spec.actionOf[first + i] &&
      specOf[code.targetOf[start + i] as number] === spec.targetOf[first + i];
  }
  return equal ? null : difference(stepsFrom(code, at), stepsFrom(spec, other));
}

export function stepsFrom(graph: Graph, at: number): Step[] {
  const steps: Step[] = [];
  for (let e = graph.offsets[at] as number; e < (graph.offsets[at + 1] as number); e++) {
    const action = graph.actions[graph.actionOf[e] as number] as string;
    steps.push({ action, state: rowOf(graph, graph.targetOf[e] as number) });
  }
  return steps;
}

function difference(code: readonly Step[], spec: readonly Step[]): Omit<Difference, 'trail'> | null {
  const keyOf = ({ action, state }: Step): string => `${action} ${Buffer.from(state).toString('latin1')}`;
  const [inCode, inSpec] = [new Set(code.map(keyOf)), new Set(spec.map(keyOf))];
  const extra = code.filter((step) => !inSpec.has(keyOf(step)));
  const missing = spec.filter((step) => !inCode.has(keyOf(step)));
  return extra.length + missing.length === 0 ? null : { extra, missing };
}

/** Breadth-first over a graph, remembering the way. */
export class Search {
  visited = 0;
  private readonly graph: Graph;
  private readonly queue: number[];
  private readonly from: Int32Array;
  private readonly by: Uint8Array;
  private read = 0;

  constructor(graph: Graph) {
    this.graph = graph;
    this.queue = [...graph.initial];
    this.from = new Int32Array(graph.count).fill(-2);
    this.by = new Uint8Array(graph.count);
    for (const index of graph.initial) this.from[index] = -1;
  }

  next(): number {
    if (this.read === this.queue.length) return -1;
    this.visited++;
    return this.queue[this.read++] as number;
  }

  open(at: number): void {
    const { offsets, targetOf, actionOf } = this.graph;
    for (let e = offsets[at] as number; e < (offsets[at + 1] as number); e++) {
      const target = targetOf[e] as number;
      if (this.from[target] !== -2) continue;
      this.from[target] = at;
      this.by[target] = actionOf[e] as number;
      this.queue.push(target);
    }
  }

  trailTo(index: number): Step[] {
    const trail: Step[] = [];
    for (let at = index; at >= 0; at = this.from[at] as number) {
      const begins = (this.from[at] as number) < 0;
      const action = begins ? 'Init' : (this.graph.actions[this.by[at] as number] as string);
      trail.unshift({ action, state: rowOf(this.graph, at) });
    }
    return trail;
  }
}
