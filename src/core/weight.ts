import type { Attrs } from './facts.ts';
import { packedBytesOf } from './packing.ts';

/**
 * What a message takes of the heap, in bytes, besides the texts that vary: measured, as `npm run bench -- room` does, and a little
 * more. Payloads lie outside of the heap and are counted as they are (BD0).
 */
const LIVE_BYTES = 930;
/** What is remembered of it as a row when it is over, besides key and corr_id: the row itself, and its place in tables and lines. */
const ENDED_BYTES = 103;
/** A settled receipt that is remembered of a message that lives; of one that is over. */
export const SETTLED_BYTES = 150;
export const SETTLED_ROW_BYTES = 25;
const TOPIC_BYTES = 1370;
/** Whose a topic is, in each shard (BD5). */
export const TENANT_BYTES = 280;
const TEXT_BYTES = 24;

const WIDE = /[^\0-\xff]/;
/** A text as the heap keeps it: a byte a character, two where any character needs them. */
const textBytes = (text: string): number => (text.length > 0 && WIDE.test(text) ? 2 * text.length : text.length);

export const NO_ATTRS: Attrs = Object.freeze({});
/** Attributes as they are kept: JSON, one text, '' for none. Objects take several times as much, and nobody could say how much. */
export function packAttrs(attrs: Attrs): string {
  for (const _ in attrs) return JSON.stringify(attrs);
  return '';
}

/** Of the heap, while the message lives. */
export const liveBytesOf = (idemKey: string, packedAttrs: string): number =>
  LIVE_BYTES + idemKey.length + (packedAttrs === '' ? 0 : TEXT_BYTES + textBytes(packedAttrs));

/** Outside of the heap, from the end of the message until it is forgotten. */
export const endedBytesOf = (idemKey: string, corrId: string): number =>
  rowBytesOf(packedBytesOf(idemKey, 'uuid') + packedBytesOf(corrId, 'uuid'));
/** The same where both are packed already. */
export const rowBytesOf = (packedBytes: number): number => ENDED_BYTES + packedBytes;

export const topicBytesOf = (name: string): number => TOPIC_BYTES + name.length;

/** `last_error` comes and goes while a message lives. */
export const errorBytesOf = (lastError: string | null): number => (lastError === null ? 0 : textBytes(lastError));
