import type { SpaceData } from '../../src/model/space-data.ts';
import { decode, format, type Type, type Value, widthOf } from '../../src/model/values.ts';

/** Which sides have a step. */
export const CODE = 1;
export const SPEC = 2;
export const SHOWN = 4;

export interface Step {
  readonly action: string;
  readonly to: number;
  readonly sides: number;
}

/** A variable of a state as it is shown: one text for each message, or one for all. */
export interface Row {
  readonly name: string;
  readonly cells: readonly string[];
}

async function unpacked(text: string): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
const numbers = ({ buffer }: Uint8Array<ArrayBuffer>): Uint32Array => new Uint32Array(buffer);

/** A state space to be walked in. States are numbers. */
export class Space {
  readonly data: SpaceData;
  private readonly rows: Uint8Array;
  private readonly offsets: Uint32Array;
  private readonly actionOf: Uint8Array;
  private readonly targetOf: Uint32Array;
  private readonly sides: Uint8Array;
  /** From where each state is first reached, by which step, on the shortest way; made when it is asked for. */
  private ways: { readonly from: Int32Array; readonly by: Int32Array } | null = null;

  private constructor(data: SpaceData, parts: readonly Uint8Array<ArrayBuffer>[]) {
    const [rows, offsets, actionOf, targetOf, sides] = parts as [
      Uint8Array<ArrayBuffer>,
      Uint8Array<ArrayBuffer>,
      Uint8Array<ArrayBuffer>,
      Uint8Array<ArrayBuffer>,
      Uint8Array<ArrayBuffer>,
    ];
    this.data = data;
    this.rows = rows;
    this.offsets = numbers(offsets);
    this.actionOf = actionOf;
    this.targetOf = numbers(targetOf);
    this.sides = sides;
  }

  static async of(data: SpaceData): Promise<Space> {
    const { rows, offsets, actionOf, targetOf, sides } = data;
    return new Space(data, await Promise.all([rows, offsets, actionOf, targetOf, sides].map(unpacked)));
  }

  has(state: number): boolean {
    return Number.isInteger(state) && state >= 0 && state < this.data.count;
  }

  /** Those that change something first; each with who has it. */
  stepsFrom(state: number): Step[] {
    const steps: Step[] = [];
    for (let e = this.offsets[state] as number; e < (this.offsets[state + 1] as number); e++)
      steps.push({
        action: this.data.actions[this.actionOf[e] as number] as string,
        to: this.targetOf[e] as number,
        sides: this.sides[e] as number,
      });
    return steps.sort((a, b) => Number(a.to === state) - Number(b.to === state));
  }

  rowsOf(state: number): Row[] {
    const { variables, width, messages } = this.data;
    const bytes = this.rows.subarray(state * width, (state + 1) * width);
    let at = 0;
    return variables.map(([name, type]) => {
      const value = decode(type, bytes, at);
      at += widthOf(type);
      return { name, cells: cellsOf(type, value, messages) };
    });
  }

  /** What a step changes, a line for each variable. */
  changes(from: number, to: number): string[] {
    const [before, after] = [this.rowsOf(from), this.rowsOf(to)];
    return after.flatMap(({ name, cells }, i) =>
      cells.flatMap((cell, m) => {
        const was = before[i]?.cells[m] ?? '';
        return cell === was ? [] : [`${name}${cells.length > 1 ? `[${m + 1}]` : ''} ${was} → ${cell}`];
      }),
    );
  }

  /** The states on the shortest way from a beginning, this one last; only itself when no way leads there. */
  wayTo(state: number): { readonly action: string; readonly state: number }[] {
    this.ways ??= this.search();
    const { from, by } = this.ways;
    const way: { action: string; state: number }[] = [];
    for (let at = state; ; at = from[at] as number) {
      const step = by[at] as number;
      way.unshift({
        action: step < 0 ? 'Init' : (this.data.actions[this.actionOf[step] as number] as string),
        state: at,
      });
      if (step < 0) return way;
    }
  }

  private search(): { from: Int32Array; by: Int32Array } {
    const { count, initial } = this.data;
    const from = new Int32Array(count).fill(-1);
    const by = new Int32Array(count).fill(-1);
    const found = new Uint8Array(count);
    const queue = [...initial];
    for (const state of initial) found[state] = 1;
    for (let read = 0; read < queue.length; read++) {
      const state = queue[read] as number;
      for (let e = this.offsets[state] as number; e < (this.offsets[state + 1] as number); e++) {
        const to = this.targetOf[e] as number;
        if (found[to] === 1) continue;
        found[to] = 1;
        from[to] = state;
        by[to] = e;
        queue.push(to);
      }
    }
    return { from, by };
  }

  /** What is to be said of who has a step, null for nothing. */
  sideOf(sides: number): string | null {
    if ((sides & (CODE | SPEC)) === 0) return 'only what TLC printed';
    if (!this.data.hasSpec) return null;
    if ((sides & SPEC) === 0) return 'only the code';
    return (sides & CODE) === 0 ? 'only the specification' : null;
  }

  /** The states from which not everybody has the same steps, the lowest first. */
  partings(most: number): number[] {
    const parted: number[] = [];
    for (let state = 0; state < this.data.count && parted.length < most; state++)
      if (this.stepsFrom(state).some(({ sides }) => this.sideOf(sides) !== null)) parted.push(state);
    return parted;
  }
}

function cellsOf(type: Type, value: Value, messages: number): string[] {
  const isOfMessages = type.kind === 'function' && type.size === messages;
  if (!isOfMessages) return [format(type, value)];
  return (value as readonly Value[]).map((of) => format(type.of, of).replaceAll('"', ''));
}
