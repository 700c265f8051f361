import { type Graph, GraphBuilder, type Variables, widthOfState } from './graph.ts';

/**
 * What the explorer drives: code with a state of its own that can be put back. `expand` tries everything that may happen in the
 * present state; for each thing it calls `step`, with the state being what came of it, and puts the state back after.
 */
export interface Driver<Saved> {
  readonly variables: Variables;
  readonly actions: readonly string[];
  /** Puts the state to each initial one in turn and calls `found`. */
  initial(found: () => void): void;
  /** Writes the projection of the present state. */
  encode(into: Uint8Array): void;
  save(): Saved;
  restore(saved: Saved): void;
  /**
   * In the state of `saved`, whose projection is `bytes`. `step(action)`: the state changed, or may have; `stay(action)`: it
   * did not.
   */
  expand(saved: Saved, bytes: Uint8Array, step: (action: number) => void, stay: (action: number) => void): void;
  /** What must be true of every state, whatever happened: null, or what is not. */
  check(): string | null;
}

/** Something is not as it must be in a state; the trail leads there. */
export class ExplorationError extends Error {
  readonly trail: readonly { readonly action: string; readonly state: Uint8Array }[];

  constructor(message: string, trail: ExplorationError['trail']) {
    super(message);
    this.trail = trail;
  }
}

/**
 * All states that the driver's code reaches, breadth first, each expanded once. Images are kept of the frontier only.
 * `run` does it all; `pair.ts` goes level by level, with another explorer that expands the other half.
 * @throws ExplorationError when `check` finds something, or when the code throws
 */
export class Explorer<Saved> {
  private readonly driver: Driver<Saved>;
  private readonly builder: GraphBuilder;
  private readonly bytes: Uint8Array;
  private readonly frontier: (Saved | undefined)[] = [];
  private readonly parents: number[] = [];
  private readonly reachedBy: number[] = [];
  /** The state that is being expanded, and the actions that stay there: most are said many times. */
  private at = -1;
  private readonly stays: Uint8Array;
  /** Where the level begins that is to be expanded next. */
  private level = 0;
  /** Called now and then with the number of states found and expanded so far. */
  onProgress: ((found: number, expanded: number) => void) | null = null;

  constructor(driver: Driver<Saved>) {
    this.driver = driver;
    this.builder = new GraphBuilder(driver.variables, driver.actions);
    this.bytes = new Uint8Array(widthOfState(driver.variables));
    this.stays = new Uint8Array(driver.actions.length);
  }

  run(): Graph {
    this.begin();
    while (this.waiting > 0) this.expandLevel();
    return this.finish();
  }

  begin(): void {
    this.driver.initial(() => this.builder.begin(this.visit(-1)));
  }

  /** States found and not expanded. */
  get waiting(): number {
    return this.builder.nodes.size - this.level;
  }

  /** Expands all that wait, and leaves what it found waiting. */
  expandLevel(): void {
    const { nodes } = this.builder;
    const end = nodes.size;
    for (let index = this.level; index < end; index++) {
      if (this.frontier[index] !== undefined) this.expand(index);
      if ((index & 0x3fff) === 0) this.onProgress?.(nodes.size, index);
    }
    this.level = end;
  }

  /** The waiting states as rows. */
  found(): Uint8Array {
    const { rows, width, size } = this.builder.nodes;
    return rows.slice(this.level * width, size * width);
  }

  /**
   * Leaves waiting states to another explorer, who does the same with those of this one; `found` are his. Each goes on from what he
   * alone found. What both found is parted so that both have as many, as far as that can be.
   */
  share(found: Uint8Array, half: 0 | 1): void {
    const { frontier } = this;
    const { nodes } = this.builder;
    const excess = found.length / nodes.width - (nodes.size - this.level);
    const both: number[] = [];
    for (let at = 0; at < found.length; at += nodes.width) {
      const before = nodes.size;
      const index = nodes.add(found.subarray(at, at + nodes.width));
      if (index < before) both.push(index);
      else {
        this.remember(-1, -1);
        frontier[index] = undefined;
      }
    }
    const ofFirst = 0.5 + (half === 0 ? excess : -excess) / 2 / both.length;
    for (const index of both) {
      const owner = nodes.shareOf(index) < ofFirst ? 0 : 1;
      if (owner !== half) frontier[index] = undefined;
    }
  }

  finish(): Graph {
    return this.builder.finish();
  }

  private readonly step = (action: number): void => this.builder.edge(this.at, action, this.visit(action));
  private readonly stay = (action: number): void => {
    this.stays[action] = 1;
  };

  private expand(index: number): void {
    const { driver, builder, stays } = this;
    const saved = this.frontier[index] as Saved;
    this.at = index;
    this.frontier[index] = undefined;
    driver.restore(saved);
    try {
      driver.expand(saved, builder.nodes.row(index), this.step, this.stay);
    } catch (error) {
      if (error instanceof ExplorationError) throw error;
      throw new ExplorationError(`the code throws: ${(error as Error).message}`, this.trailTo(index));
    }
    for (let action = 0; action < stays.length; action++) if (stays[action] === 1) builder.edge(index, action, index);
    stays.fill(0);
  }

  /** The index of the present state; new ones are checked and kept for later. */
  private visit(action: number): number {
    const { driver, builder, bytes } = this;
    driver.encode(bytes);
    const before = builder.nodes.size;
    const index = builder.nodes.add(bytes);
    if (index === before) {
      this.remember(this.at, action);
      const wrong = driver.check();
      if (wrong !== null) throw new ExplorationError(wrong, this.trailTo(index));
      this.frontier[index] = driver.save();
    }
    return index;
  }

  private remember(from: number, action: number): void {
    this.parents.push(from);
    this.reachedBy.push(action);
  }

  /** The shortest way from an initial state to this one. */
  trailTo(index: number): ExplorationError['trail'] {
    const trail = [];
    for (let at = index; at >= 0; at = this.parents[at] as number) {
      const action = this.driver.actions[this.reachedBy[at] as number] ?? 'Init';
      trail.unshift({ action, state: this.builder.nodes.row(at).slice() });
    }
    return trail;
  }
}
