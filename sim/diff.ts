import { visible } from '../src/platform/visible.ts';
import { type Happening, Narrator } from './narrate.ts';
import type { RunObserver } from './watch.ts';
import type { RunResult, World } from './world.ts';

/** A run that can be made again, as often as one likes: each time in a world of its own. */
export type Repeatable = (options: { readonly fingerprint?: boolean; readonly observers?: readonly RunObserver[] }) => {
  readonly world: World;
  readonly run: RunResult;
};

/** Tells a few steps of a run. */
class Excerpt extends Narrator {
  readonly happenings: Happening[] = [];
  private readonly from: number;
  private readonly to: number;

  constructor(from: number, to: number) {
    super();
    this.from = from;
    this.to = to;
  }

  protected override tell(happening: Happening): void {
    if (happening.step >= this.from && happening.step <= this.to) this.happenings.push(happening);
  }
}

const BEFORE = 3;

/** What a run does from one step to another, both counted from 1 and included. */
export function stepsBetween(run: Repeatable, from: number, to: number): readonly Happening[] {
  const excerpt = new Excerpt(from, to);
  run({ observers: [excerpt] });
  return excerpt.happenings;
}

/** What a run does in this step, and in the few before it. */
export const stepsAround = (run: Repeatable, step: number): readonly Happening[] =>
  stepsBetween(run, step - BEFORE, step);

/** The first step, counted from 1, in which two runs differ; 0 when they are the same. */
export function partingStep(a: readonly number[], b: readonly number[]): number {
  const most = Math.max(a.length, b.length);
  for (let i = 0; i < most; i++) if (a[i] !== b[i]) return i + 1;
  return 0;
}

export const formatHappening = ({ step, atMs, lane, text }: Happening): string =>
  visible(`${String(step).padStart(7)} ${`${atMs} ms`.padStart(12)}  ${lane.padEnd(12)} ${text}`);
