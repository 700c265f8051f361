import type { Writable } from 'node:stream';

const ESCAPE = '\u001b[';
const SAYS = { bad: '31', good: '32', busy: '33', waits: '36' } as const;
type Tone = keyof typeof SAYS;

/** What a word of ours says at a glance. */
const TONES: Readonly<Record<string, Tone>> = {
  queued: 'waits',
  redelivered: 'waits',
  leased: 'busy',
  acked: 'good',
  dead_lettered: 'bad',
  purged: 'bad',
};

/** On a terminal that shows them, unless somebody asked for none (https://no-color.org). */
export const showsColours = (out: Writable & { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean =>
  out.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';

const toned = (word: string, tone: Tone): string => `${ESCAPE}${SAYS[tone]}m${word}${ESCAPE}0m`;

/** A line with the first of these words in the colour of what it says. What was foreign in it is harmless by then, and gets no colour of its own. */
export function coloured(line: string, word: string): string {
  const tone = word.startsWith('E_') ? 'bad' : TONES[word];
  const at = line.indexOf(word);
  return tone === undefined || at < 0 ? line : line.slice(0, at) + toned(word, tone) + line.slice(at + word.length);
}
