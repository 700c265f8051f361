import type { Range } from '../random.ts';

export const range = (min: number, max: number): Range => ({ min, max });

/** How long a drawn process or machine is away. */
export const DOWN_MS: readonly Range[] = [range(1, 10), range(10, 500), range(500, 5_000)];

/** What a load may ask for at once. */
export const MESSAGES = { min: 1, max: 1_000_000 };
