import type { Driver } from '../../src/model/explore.ts';
import { type Graph, rowOf } from '../../src/model/graph.ts';
import { NodeTable } from '../../src/model/node-table.ts';

/** A graph on record, ready to be asked for states and steps. */
export class Expectation {
  readonly graph: Graph;
  private readonly table: NodeTable;

  constructor(graph: Graph) {
    this.graph = graph;
    this.table = new NodeTable(graph.width);
    for (let i = 0; i < graph.count; i++) this.table.add(rowOf(graph, i));
  }

  find(bytes: Uint8Array): number {
    return this.table.find(bytes);
  }
}

/**
 * Explores and compares as it goes, and stops at the first difference: what a mutant needs. Null when the driver's graph is the
 * expected one, else what differs and after which steps.
 */
export const firstDifference = (driver: Driver<unknown>, expected: Expectation): string | null =>
  new Comparison(driver, expected).run();

/** Something differs: the way there is told by where the exploration stands. */
class Differs extends Error {}

const keyOf = (action: number, target: number): number => action * 2 ** 32 + target;

class Comparison {
  private readonly driver: Driver<unknown>;
  private readonly expected: Expectation;
  private readonly bytes: Uint8Array;
  private readonly saved = new Map<number, unknown>();
  /** From where and by which action a state was first reached. */
  private readonly reached = new Map<number, readonly [from: number, action: number]>();
  private readonly queue: number[] = [];
  private at = -1;

  constructor(driver: Driver<unknown>, expected: Expectation) {
    this.driver = driver;
    this.expected = expected;
    this.bytes = new Uint8Array(expected.graph.width);
  }

  run(): string | null {
    const { driver, queue } = this;
    const { graph } = this.expected;
    try {
      driver.initial(() => this.visit(-1));
      if (queue.length !== graph.initial.length || queue.some((index) => !graph.initial.includes(index)))
        return 'begins elsewhere';
      for (let read = 0; read < queue.length; read++) this.expand(queue[read] as number);
    } catch (error) {
      const message = error instanceof Differs ? error.message : `the code throws: ${(error as Error).message}`;
      return `after ${this.way()}: ${message}`;
    }
    return queue.length === graph.count ? null : `only ${queue.length} of ${graph.count} states are reached`;
  }

  private expand(index: number): void {
    const { driver, saved } = this;
    this.at = index;
    const steps = new Set<number>();
    const before = saved.get(index);
    driver.restore(before);
    driver.expand(
      before,
      rowOf(this.expected.graph, index),
      (action) => steps.add(keyOf(action, this.visit(action))),
      (action) => steps.add(keyOf(action, index)),
    );
    saved.delete(index);
    this.compare(index, steps);
  }

  /** The index of the present state; new ones are checked and kept for later. */
  private visit(action: number): number {
    const { driver, bytes, reached, queue } = this;
    driver.encode(bytes);
    const index = this.expected.find(bytes);
    const name = driver.actions[action] ?? 'the beginning';
    if (index < 0) throw new Differs(`only the code has this ${name}, to a state of its own`);
    if (reached.has(index)) return index;
    reached.set(index, [this.at, action]);
    queue.push(index);
    const wrong = driver.check();
    if (wrong !== null) throw new Differs(`${name} leaves ${wrong}`);
    this.saved.set(index, driver.save());
    return index;
  }

  private compare(index: number, steps: ReadonlySet<number>): void {
    const { offsets, actionOf, targetOf, actions } = this.expected.graph;
    const known = new Set<number>();
    for (let e = offsets[index] as number; e < (offsets[index + 1] as number); e++) {
      const action = actionOf[e] as number;
      const key = keyOf(action, targetOf[e] as number);
      if (!steps.has(key)) throw new Differs(`only the specification has ${actions[action]}`);
      known.add(key);
    }
    for (const key of steps)
      if (!known.has(key)) throw new Differs(`only the code has ${actions[Math.floor(key / 2 ** 32)]}`);
  }

  private way(): string {
    const names: string[] = [];
    for (let at = this.at; at >= 0; ) {
      const [from, action] = this.reached.get(at) as readonly [number, number];
      if (action >= 0) names.unshift(this.driver.actions[action] as string);
      at = from;
    }
    return names.length === 0 ? 'nothing' : names.join(', ');
  }
}
