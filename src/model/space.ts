import { gzipSync } from 'node:zlib';
import { pageOf } from '../platform/page.ts';
import { compareGraphs, type Step } from './compare.ts';
import { type Graph, GraphBuilder, rowOf } from './graph.ts';
import type { SpaceData } from './space-data.ts';

/** Which sides have a step: bits. */
const CODE = 1;
const SPEC = 2;
const SHOWN = 4;

/** What TLC printed, to be walked along. */
export interface Behaviour {
  readonly violated: string;
  readonly steps: readonly Step[];
}

interface Sides {
  readonly code: Graph;
  /** Null where none is on record. */
  readonly spec: Graph | null;
  readonly shown: Behaviour | null;
}

const packed = (bytes: Uint8Array): string => gzipSync(bytes).toString('base64');
const bytesOf = ({ buffer, byteOffset, byteLength }: Uint8Array | Uint32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** What several graphs have, each state and step once; a mark of a step says whose it is. */
class Union {
  readonly builder: GraphBuilder;
  private readonly marks = new Map<string, number>();

  constructor({ variables, actions }: Graph) {
    this.builder = new GraphBuilder(variables, actions);
  }

  private edge(from: number, action: number, to: number, mark: number): void {
    const key = `${from} ${action} ${to}`;
    this.marks.set(key, (this.marks.get(key) ?? 0) | mark);
    this.builder.edge(from, action, to);
  }

  add(graph: Graph, mark: number): void {
    const { builder } = this;
    const own = Array.from({ length: graph.count }, (_, i) => builder.nodes.add(rowOf(graph, i).slice()));
    for (const index of graph.initial) builder.begin(own[index] as number);
    for (let from = 0; from < graph.count; from++)
      for (let e = graph.offsets[from] as number; e < (graph.offsets[from + 1] as number); e++)
        this.edge(own[from] as number, graph.actionOf[e] as number, own[graph.targetOf[e] as number] as number, mark);
  }

  follow(steps: readonly Step[], actions: readonly string[]): void {
    const indexes = steps.map(({ state }) => this.builder.nodes.add(state.slice()));
    indexes.forEach((to, i) => {
      if (i === 0) this.builder.begin(to);
      else this.edge(indexes[i - 1] as number, actions.indexOf((steps[i] as Step).action), to, SHOWN);
    });
  }

  /** The graph, and of each of its edges the sides that have it. */
  finish(): { graph: Graph; sides: Uint8Array } {
    const graph = this.builder.finish();
    // Its numbers are in the order of bytes by now.
    const mine = Array.from({ length: graph.count }, (_, i) => this.builder.nodes.find(rowOf(graph, i)));
    const sides = new Uint8Array(graph.targetOf.length);
    for (let from = 0; from < graph.count; from++)
      for (let e = graph.offsets[from] as number; e < (graph.offsets[from + 1] as number); e++)
        sides[e] = this.marks.get(`${mine[from]} ${graph.actionOf[e]} ${mine[graph.targetOf[e] as number]}`) ?? 0;
    return { graph, sides };
  }
}

function joined({ code, spec, shown }: Sides): { graph: Graph; sides: Uint8Array } {
  const areEqual = spec === null || compareGraphs(code, spec) === null;
  const both = spec === null ? CODE : CODE | SPEC;
  if (areEqual && shown === null) return { graph: code, sides: new Uint8Array(code.targetOf.length).fill(both) };
  const union = new Union(code);
  union.add(code, areEqual ? both : CODE);
  if (spec !== null && !areEqual) union.add(spec, SPEC);
  if (shown !== null) union.follow(shown.steps, code.actions);
  return union.finish();
}

/** The index of a state; rows are in order. */
function find(graph: Graph, state: Uint8Array): number {
  let [low, high] = [0, graph.count];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (Buffer.compare(rowOf(graph, middle), state) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * A page on which a reader walks through what may happen in a model: the steps of the code and of the specification from each state,
 * those that only one of them has marked; or along what TLC printed.
 */
export function spacePage(about: Pick<SpaceData, 'model' | 'about' | 'messages'>, sides: Sides): string {
  const { graph, sides: of } = joined(sides);
  const { variables, actions, width, count, initial } = graph;
  const data: SpaceData = {
    ...{ ...about, variables, actions, width, count, initial },
    steps: graph.targetOf.length,
    rows: packed(graph.rows.subarray(0, count * width)),
    offsets: packed(bytesOf(graph.offsets)),
    actionOf: packed(graph.actionOf),
    targetOf: packed(bytesOf(graph.targetOf)),
    sides: packed(of),
    hasSpec: sides.spec !== null,
    shown: (sides.shown?.steps ?? []).map(({ action, state }, i) => ({
      action: i === 0 ? -1 : actions.indexOf(action),
      state: find(graph, state),
    })),
    violated: sides.shown?.violated ?? null,
  };
  return pageOf({
    name: 'explore',
    title: `${about.model}: ${count.toLocaleString('en')} states`,
    without: [about.about, `${count} states, ${data.steps} steps`, `mailbox model check ${about.model}`],
    data,
  });
}
