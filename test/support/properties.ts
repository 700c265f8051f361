import fc from 'fast-check';
import { expect } from 'vitest';

/**
 * fast-check, for every property test: a bound that a generator is given is one that it reaches. By itself fast-check draws ten elements
 * at most (`size`), whatever `maxLength` says. Lengths without a bound stay small; depths of nested values are said where they are.
 */
fc.configureGlobal({
  ...fc.readConfigureGlobal(),
  defaultSizeToMaxWhenMaxSpecified: true,
  ...seedOf(process.env['SEED']),
});

/**
 * One commit has one verdict: each property draws the same cases whenever it runs. `SEED=random` draws anew, another number draws others;
 * a failure prints the seed it was found with.
 */
export function seedOf(asked: string | undefined): { readonly seed?: number } {
  if (asked === 'random') return {};
  const seed = Number(asked ?? 1);
  if (!Number.isInteger(seed)) throw new RangeError(`SEED=${asked}: "random" or a whole number`);
  return { seed };
}

export default fc;

/** The largest sizes that a property really came to: printed, and held to what the test needs, so that they cannot shrink in silence. */
export class Reached {
  private readonly title: string;
  private readonly most = new Map<string, number>();

  constructor(title: string) {
    this.title = title;
  }

  saw(sizes: Readonly<Record<string, number>>): void {
    for (const name in sizes) this.most.set(name, Math.max(this.most.get(name) ?? 0, sizes[name] as number));
  }

  /** Each of these must have been at least so large. */
  atLeast(needed: Readonly<Record<string, number>>): void {
    console.log(`${this.title}: ${[...this.most].map(([name, size]) => `${name} ${size}`).join(', ')}`);
    for (const [name, size] of Object.entries(needed))
      expect(this.most.get(name) ?? 0, `${this.title}: ${name} reached`).toBeGreaterThanOrEqual(size);
  }
}
