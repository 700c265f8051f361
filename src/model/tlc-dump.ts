import { type Graph, GraphBuilder, readState, type Variables, widthOfState } from './graph.ts';
import { TypeMismatch } from './values.ts';

const NODE = /^(-?\d+) \[label="(.*?)"(,style = filled)?\];?$/;
/** A state that stays, as a search for fair cycles adds it to each: no step of an action. */
const STUTTER = /^(-?\d+) -> \1 \[style="dashed"\];$/;
const EDGE = /^(-?\d+) -> (-?\d+) \[label="(\w+)"/;

/**
 * Reads what `-dump dot,actionlabels` of TLC 2.18 writes, line by line: states are named by their fingerprint and carry
 * their variables as a conjunction, initial ones are filled. Parallel edges and self-loops are in it; implicit
 * stuttering is where TLC checks liveness, and is left out.
 */
export class DumpReader {
  private readonly builder: GraphBuilder;
  private readonly variables: Variables;
  private readonly actions: readonly string[];
  private readonly indexOf = new Map<string, number>();
  private readonly bytes: Uint8Array;
  /** Steps to states that are not described yet, by fingerprint: TLC describes a new state after the step to it. */
  private readonly waiting = new Map<string, [from: number, action: number][]>();

  constructor(variables: Variables, actions: readonly string[]) {
    this.variables = variables;
    this.actions = actions;
    this.builder = new GraphBuilder(variables, actions);
    this.bytes = new Uint8Array(widthOfState(variables));
  }

  /** @throws TypeMismatch when the line is not one that TLC writes, or a state not one of this model */
  line(text: string): void {
    const edge = EDGE.exec(text);
    if (edge !== null) return this.edge(edge[1] as string, edge[3] as string, edge[2] as string);
    const node = NODE.exec(text);
    if (node !== null) return this.node(node[1] as string, node[2] as string, node[3] !== undefined);
    if (/^-?\d/.test(text) && !STUTTER.test(text))
      throw new TypeMismatch(`dump: neither a state nor a step: ${text.slice(0, 120)}`);
  }

  private node(fingerprint: string, label: string, initial: boolean): void {
    const known = this.indexOf.get(fingerprint);
    if (known !== undefined) return;
    this.state(label);
    const before = this.builder.nodes.size;
    const index = this.builder.nodes.add(this.bytes);
    if (index !== before) throw new TypeMismatch(`dump: two fingerprints of one state: ${label}`);
    this.indexOf.set(fingerprint, index);
    for (const [from, action] of this.waiting.get(fingerprint) ?? []) this.builder.edge(from, action, index);
    this.waiting.delete(fingerprint);
    if (initial) this.builder.begin(index);
  }

  /** Fills `bytes` from a label: `/\\ name = value\n..`, the escapes being those of DOT. */
  private state(label: string): void {
    const found = new Map<string, string>();
    // A long value goes on in the next line.
    for (const conjunct of label.split(/\\n(?=\/\\\\ )/)) {
      const at = conjunct.indexOf(' = ');
      found.set(
        conjunct.slice('/\\\\ '.length, at),
        conjunct
          .slice(at + 3)
          .replaceAll('\\n', ' ')
          .replaceAll('\\"', '"'),
      );
    }
    readState(found, this.variables, this.bytes, 'dump');
  }

  private edge(from: string, name: string, to: string): void {
    const action = this.actions.indexOf(name);
    if (action < 0) throw new TypeMismatch(`dump: unknown action ${name}`);
    const [source, target] = [this.indexOf.get(from), this.indexOf.get(to)];
    if (source === undefined) throw new TypeMismatch(`dump: a step from a state that is not described: ${from}`);
    if (target !== undefined) this.builder.edge(source, action, target);
    else if (!this.waiting.get(to)?.push([source, action])) this.waiting.set(to, [[source, action]]);
  }

  /** The graph of all lines. @throws Error when there are other than `distinct` states, or steps to nowhere */
  finish(distinct: number): Graph {
    const { builder, waiting } = this;
    if (builder.nodes.size !== distinct)
      throw new Error(`dump: ${builder.nodes.size} states were read, TLC found ${distinct}`);
    if (waiting.size > 0) throw new Error(`dump: ${waiting.size} states are stepped to and not described`);
    return builder.finish();
  }
}
