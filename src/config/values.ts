/** A setting's text is wrong: the message names the setting, the limit and where the value came from. */
export class ConfigError extends Error {
  /** Which setting, where it is about one. */
  readonly setting: string | null;

  constructor(message: string, setting: string | null = null) {
    super(message);
    this.setting = setting;
  }
}

const DURATION_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const SIZE_BYTES: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** A number of units: `250ms 5s 1h 7d`, `512KiB 1MiB 2GiB`; null when the text is no such thing. */
function measured(text: string, units: Readonly<Record<string, number>>): number | null {
  const match = /^([0-9]{1,12})([A-Za-z]+)$/.exec(text);
  const unit = match === null ? undefined : units[match[2] as string];
  return match === null || unit === undefined ? null : Number(match[1]) * unit;
}

export const durationMs = (text: string): number | null => measured(text, DURATION_MS);
export const sizeBytes = (text: string): number | null => measured(text, SIZE_BYTES);

/** The shortest text that reads as this many ms. */
export function durationText(ms: number): string {
  const unit =
    (['d', 'h', 'm', 's'] as const).find((name) => ms > 0 && ms % (DURATION_MS[name] as number) === 0) ?? 'ms';
  return `${ms / (DURATION_MS[unit] as number)}${unit}`;
}

export function sizeText(bytes: number): string {
  const unit =
    (['GiB', 'MiB', 'KiB'] as const).find((name) => bytes > 0 && bytes % (SIZE_BYTES[name] as number) === 0) ?? 'B';
  return `${bytes / (SIZE_BYTES[unit] as number)}${unit}`;
}

/** Longer than any name: what is longer is near to none. */
const NAME_CHARS_MAX = 64;

/** How many slips of the hand a word of so many letters may have: more, and it is another word. */
const slipsMax = (letters: number): number => (letters <= 4 ? 1 : letters <= 8 ? 2 : 3);

/** The known name nearest to a misspelt one, or null when none is near. */
export function nearest(name: string, known: readonly string[]): string | null {
  if (name.length > NAME_CHARS_MAX) return null;
  let best: string | null = null;
  let least = slipsMax(name.length) + 1;
  for (const candidate of known) {
    const distance = edits(name, candidate);
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

/** Letters left out, put in, changed, or swapped with their neighbour (optimal string alignment). */
function edits(a: string, b: string): number {
  let [before, row]: number[][] = [[], Array.from({ length: b.length + 1 }, (_, i) => i)];
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row![j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swap = isSwap ? (before![j - 2] as number) + 1 : change;
      next[j] = Math.min(change, swap, (row![j] as number) + 1, (next[j - 1] as number) + 1);
    }
    [before, row] = [row, next];
  }
  return row![b.length] as number;
}
