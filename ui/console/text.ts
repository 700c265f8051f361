/** Texts that strangers wrote, and numbers, as people read them. */

/**
 * What a reader cannot see, or what makes a reader see something else: control characters, marks that turn the direction of writing,
 * characters without width, tags, and halves of characters.
 */
const UNSEEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb]|[\ufe00-\ufe0f]|[\u{e0000}-\u{e0fff}]|\p{Cs}/gu;

export interface Piece {
  readonly text: string;
  /** Stands for something that cannot be seen. */
  readonly isEscape: boolean;
}

/** The text with everything unseen spelt out; line ends and tabs are spelt out too unless they are kept. */
export function piecesOf(text: string, keepsLines = false): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  const add = (end: number): void => {
    if (end > at) pieces.push({ text: text.slice(at, end), isEscape: false });
  };
  const spelt = keepsLines ? UNSEEN : new RegExp(`${UNSEEN.source}|[\\t\\n]`, 'gu');
  for (const { 0: found, index } of text.matchAll(spelt)) {
    add(index);
    pieces.push({ text: `\\u{${found.codePointAt(0)?.toString(16)}}`, isEscape: true });
    at = index + found.length;
  }
  add(text.length);
  return pieces;
}

/** So much of a text, cut between characters. */
export const cut = (text: string, charsMax: number): string =>
  text.length <= charsMax ? text : `${text.slice(0, charsMax - 1).replace(/[\ud800-\udbff]$/, '')}…`;

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
] as const;

/** In the largest unit of which there is one, and the next where that says more: `3 h 12 min`. */
export function spanOf(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const at = UNITS.findIndex(([, unit]) => ms >= unit);
  const [name, unit] = UNITS[at]!;
  const whole = Math.floor(ms / unit);
  const next = UNITS[at + 1];
  const rest = next === undefined ? 0 : Math.floor((ms % unit) / next[1]);
  return rest === 0 || whole >= 10 ? `${whole} ${name}` : `${whole} ${name} ${rest} ${next![0]}`;
}

export const bytesText = (bytes: number): string =>
  bytes < 1024
    ? `${bytes} B`
    : bytes < 1024 ** 2
      ? `${(bytes / 1024).toFixed(1)} KiB`
      : `${(bytes / 1024 ** 2).toFixed(1)} MiB`;

const NUMBERS = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
export const numberText = (value: number): string => NUMBERS.format(value);

/** How many of what, in words. */
export const countText = (count: number, one: string, many = `${one}s`): string =>
  `${numberText(count)} ${count === 1 ? one : many}`;
