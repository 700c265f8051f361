import { Components } from './components.ts';
import type { Edges } from './graph.ts';

/** A fairness condition on an action. There are 31 at most. */
export interface Fairness {
  /** As the specification says it. */
  readonly says: string;
  /** Strong: taken again and again if it is possible again and again. Weak: if it stays possible. */
  readonly isStrong: boolean;
  /** The label of its steps. */
  readonly action: number;
  /** Whether an edge of that label, which changes the state, is a step of it. */
  isStep(from: number, to: number): boolean;
}

/**
 * Where a behaviour may go on for ever and be fair. In any state it may stay.
 *
 * A round is in one strongly connected component, and a round through all of it is the fairest. It is unfair to a weak condition that
 * is possible all the way and never taken: then every round in it is. It is unfair to a strong one that is possible somewhere and never
 * taken: a fair round keeps away from there, so the rest is looked at again (Emerson and Lei).
 */
export class FairCycles {
  private readonly graph: Edges;
  private readonly region: Int32Array;
  private readonly components: Components;
  private readonly weak: number;
  /** For each edge the conditions that it is a step of, for each state those that some edge from it is a step of; a bit each. */
  private readonly stepOf: Int32Array;
  private readonly possibleIn: Int32Array;
  private regions = 0;

  constructor(graph: Edges, fairness: readonly Fairness[]) {
    if (fairness.length > 31) throw new Error(`${fairness.length} fairness conditions: a mask has 31`);
    this.graph = graph;
    this.region = new Int32Array(graph.offsets.length - 1);
    this.components = new Components(graph, this.region);
    this.weak = fairness.reduce((mask, { isStrong }, i) => (isStrong ? mask : mask | (1 << i)), 0);
    this.stepOf = new Int32Array(graph.targetOf.length);
    this.possibleIn = new Int32Array(this.region.length);
    this.mark(fairness);
  }

  private mark(fairness: readonly Fairness[]): void {
    const { offsets, actionOf, targetOf } = this.graph;
    const { stepOf, possibleIn } = this;
    const byAction: (readonly [condition: Fairness, bit: number])[][] = Array.from({ length: 256 }, () => []);
    for (const [i, condition] of fairness.entries()) byAction[condition.action]?.push([condition, 1 << i]);
    for (let from = 0; from < possibleIn.length; from++) {
      for (let e = offsets[from] as number; e < (offsets[from + 1] as number); e++) {
        const to = targetOf[e] as number;
        if (to === from) continue;
        for (const [condition, bit] of byAction[actionOf[e] as number] as (typeof byAction)[number])
          if (condition.isStep(from, to)) stepOf[e] = (stepOf[e] as number) | bit;
        possibleIn[from] = (possibleIn[from] as number) | (stepOf[e] as number);
      }
    }
  }

  /** The states of a fair round, or the one to stay in, among those that `inside` marks with 1; null when there is none. */
  find(inside: Uint8Array): readonly number[] | null {
    this.region.fill(0);
    const members = [...inside.keys()].filter((state) => inside[state] === 1);
    const waiting = [this.part(members)];
    for (let rest = waiting.pop(); rest !== undefined; rest = waiting.pop()) {
      for (const component of this.components.of(rest, this.region[rest[0] as number] as number)) {
        const { taken, always, ever } = this.seenIn(this.part(component));
        if ((this.weak & always & ~taken) !== 0) continue;
        const missed = ~this.weak & ever & ~taken;
        if (missed === 0) return component;
        waiting.push(this.part(component.filter((state) => ((this.possibleIn[state] as number) & missed) === 0)));
      }
    }
    return null;
  }

  /** Makes a region of these states. */
  private part(states: readonly number[]): readonly number[] {
    this.regions++;
    for (const state of states) this.region[state] = this.regions;
    return states;
  }

  /** The conditions taken within a component, those possible in all of its states, and those possible in some. */
  private seenIn(component: readonly number[]) {
    const { region, stepOf, possibleIn } = this;
    const { offsets, targetOf } = this.graph;
    const own = region[component[0] as number];
    let [taken, always, ever] = [0, -1, 0];
    for (const state of component) {
      always &= possibleIn[state] as number;
      ever |= possibleIn[state] as number;
      for (let e = offsets[state] as number; e < (offsets[state + 1] as number); e++)
        if (region[targetOf[e] as number] === own) taken |= stepOf[e] as number;
    }
    return { taken, always, ever };
  }
}
