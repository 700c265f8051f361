import type { Edges } from './graph.ts';

/** Strongly connected components, by Tarjan's algorithm on a stack of its own: graphs are too deep for recursion. */
export class Components {
  private readonly graph: Edges;
  private readonly region: Int32Array;
  /** When each state was entered, -1 for not yet; and the earliest open state that it leads back to. */
  private readonly entered: Int32Array;
  private readonly earliest: Int32Array;
  private readonly isOpen: Uint8Array;
  private readonly open: number[] = [];
  private readonly path: { readonly state: number; edge: number }[] = [];
  private found: number[][] = [];
  private count = 0;

  /** `region` says of each state where it belongs; the caller changes it between two calls. */
  constructor(graph: Edges, region: Int32Array) {
    this.graph = graph;
    this.region = region;
    this.entered = new Int32Array(region.length);
    this.earliest = new Int32Array(region.length);
    this.isOpen = new Uint8Array(region.length);
  }

  /** Of the states of a region, by the edges within it; `members` are all of them. A state without a round is one of its own. */
  of(members: readonly number[], region: number): readonly (readonly number[])[] {
    this.found = [];
    this.count = 0;
    for (const state of members) this.entered[state] = -1;
    for (const root of members) {
      if (this.entered[root] !== -1) continue;
      this.enter(root);
      for (let at = this.path.at(-1); at !== undefined; at = this.path.at(-1)) {
        if (at.edge === this.graph.offsets[at.state + 1]) this.leave(at.state);
        else this.follow(at.state, this.graph.targetOf[at.edge++] as number, region);
      }
    }
    return this.found;
  }

  private enter(state: number): void {
    this.entered[state] = this.count;
    this.earliest[state] = this.count++;
    this.isOpen[state] = 1;
    this.open.push(state);
    this.path.push({ state, edge: this.graph.offsets[state] as number });
  }

  private follow(state: number, to: number, region: number): void {
    if (this.region[to] !== region) return;
    if (this.entered[to] === -1) this.enter(to);
    else if (this.isOpen[to] === 1) this.leadsBack(state, this.entered[to] as number);
  }

  private leadsBack(state: number, to: number): void {
    if (to < (this.earliest[state] as number)) this.earliest[state] = to;
  }

  private leave(state: number): void {
    const { open, path } = this;
    path.pop();
    const above = path.at(-1);
    if (above !== undefined) this.leadsBack(above.state, this.earliest[state] as number);
    if (this.earliest[state] !== this.entered[state]) return;
    const component = open.splice(open.lastIndexOf(state));
    for (const one of component) this.isOpen[one] = 0;
    this.found.push(component);
  }
}
