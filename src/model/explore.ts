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
 * @throws ExplorationError when `check` finds something, or when the code throws
 */
export class Explorer<Saved> {
  private readonly driver: Driver<Saved>;
  private readonly builder: GraphBuilder;
  private readonly bytes: Uint8Array;
  private readonly frontier: (Saved | undefined)[] = [];
  private readonly parents: number[] = [];
  private readonly reachedBy: number[] = [];
  /** Called now and then with the number of states found and expanded so far. */
  onProgress: ((found: number, expanded: number) => void) | null = null;

  constructor(driver: Driver<Saved>) {
    this.driver = driver;
    this.builder = new GraphBuilder(driver.variables, driver.actions);
    this.bytes = new Uint8Array(widthOfState(driver.variables));
  }

  run(): Graph {
    const { driver, builder } = this;
    let index = -1;
    const step = (action: number): void => builder.edge(index, action, this.visit(index, action));
    /** The actions that stay: most are said many times. */
    const stays = new Uint8Array(driver.actions.length);
    const stay = (action: number): void => {
      stays[action] = 1;
    };
    driver.initial(() => builder.begin(this.visit(-1, -1)));
    for (index = 0; index < builder.nodes.size; index++) {
      this.expand(index, step, stay);
      for (let action = 0; action < stays.length; action++) if (stays[action] === 1) builder.edge(index, action, index);
      stays.fill(0);
      if ((index & 0x3fff) === 0) this.onProgress?.(builder.nodes.size, index);
    }
    return builder.finish();
  }

  private expand(index: number, step: (action: number) => void, stay: (action: number) => void): void {
    const { driver, builder } = this;
    const saved = this.frontier[index] as Saved;
    this.frontier[index] = undefined;
    driver.restore(saved);
    try {
      driver.expand(saved, builder.nodes.row(index), step, stay);
    } catch (error) {
      if (error instanceof ExplorationError) throw error;
      throw new ExplorationError(`the code throws: ${(error as Error).message}`, this.trailTo(index));
    }
  }

  /** The index of the present state; new ones are checked and kept for later. */
  private visit(from: number, action: number): number {
    const { driver, builder, bytes } = this;
    driver.encode(bytes);
    const before = builder.nodes.size;
    const index = builder.nodes.add(bytes);
    if (index === before) {
      this.parents.push(from);
      this.reachedBy.push(action);
      const wrong = driver.check();
      if (wrong !== null) throw new ExplorationError(wrong, this.trailTo(index));
      this.frontier[index] = driver.save();
    }
    return index;
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
