import type { Attrs } from './facts.ts';

/**
 * What a message takes of the heap, in bytes, besides the texts that vary: measured, as `npm run bench -- room` does, and a little
 * more. Payloads lie outside of the heap and are counted as they are (BD0).
 */
const LIVE_BYTES = 930;
/** The part that stays until neither a duplicate nor a repeated settle can name it. */
const ENDED_BYTES = 690;
/** A settled receipt that is remembered. */
export const SETTLED_BYTES = 150;
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

/** Of the heap, from the end of the message until it is forgotten. */
export const endedBytesOf = (idemKey: string): number => ENDED_BYTES + idemKey.length;

export const topicBytesOf = (name: string): number => TOPIC_BYTES + name.length;

/** `last_error` comes and goes while a message lives. */
export const errorBytesOf = (lastError: string | null): number => (lastError === null ? 0 : textBytes(lastError));
