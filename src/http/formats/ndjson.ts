import type { Outcome } from '../../../spec/vocabulary.ts';
import { refuses } from '../../api/errors.ts';
import { errorOf } from '../reply.ts';

export const NDJSON_TYPE = 'application/x-ndjson';
/** Lines go to the socket in pieces of about this size, the next when the one before is written. */
const PIECE_CHARS = 16 * 1024;

/** The same of a feed, whose lines are small and many. */
export const FEED_PIECE_CHARS = 64 * 1024;

/** As many lines as make a piece, from the first item on, and how many they are. */
export function pieceOf<T>(
  items: readonly T[],
  line: (item: T) => string,
  pieceChars = PIECE_CHARS,
): { readonly text: string; readonly lines: number } {
  let text = '';
  let lines = 0;
  while (lines < items.length && text.length < pieceChars) text += `${line(items[lines++] as T)}\n`;
  return { text, lines };
}

/** The last line says why it ends; empty where that is no refusal. */
export const lastLine = (outcome: Outcome, message: string | undefined, corrId: string): string =>
  refuses(outcome) ? `${JSON.stringify(errorOf(outcome, message, corrId))}\n` : '';
