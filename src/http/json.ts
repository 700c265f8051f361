import { isAscii, isUtf8, transcode } from 'node:buffer';

/**
 * The caller's bytes are wrong: the message names the field and the limit, never the value. Without a stack trace: nobody reads it,
 * and whoever sends such bytes would choose how often it is made.
 */
export class Malformed extends Error {
  constructor(message: string) {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(message);
    Error.stackTraceLimit = stackTraceLimit;
  }
}

const DEPTH_MAX = 16;
/**
 * Members, objects and lists of a body together, and commas between them: as many as the fullest batch has, or the fullest request
 * that is no batch. Very many are slow to make and to check.
 */
export const PARTS_OF_BATCH = 10_752;
export const PARTS_OF_ONE = 1_280;

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
/** 1 for the bytes that make the shape of a text, 0 for all others: most bytes are others. */
const SHAPES = new Uint8Array(256);
for (const byte of [QUOTE, COMMA, COLON, OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT]) SHAPES[byte] = 1;
/** Longer texts are searched, shorter ones are walked through: a search costs as much as so many bytes. */
const WALKED_BYTES = 16;

/** Objects with more members than any may have: nobody need count them again, which takes longer than to parse them. */
const crowded = new WeakSet<object>();
const MEMBERS_MOST = 64;
export const isCrowded = (value: object): boolean => crowded.has(value);

/**
 * Strict JSON: valid UTF-8 without a BOM, at most 16 levels deep, of at most so many parts, no key twice. `JSON.parse` alone
 * takes the last of duplicate keys, and reads half a million levels that later code cannot. @throws Malformed
 */
export function parseJson(bytes: Buffer, partsMax = PARTS_OF_BATCH): unknown {
  const ascii = isAscii(bytes);
  if (!ascii && !isUtf8(bytes)) throw new Malformed('body: not valid UTF-8');
  const members = scan(bytes, partsMax);
  const value = parse(ascii ? bytes.toString('latin1') : textOf(bytes));
  if (membersOf(value) !== members) throw new Malformed('body: a key is there twice');
  return value;
}

/** Shorter texts are decoded at once: the way through UTF-16 needs a buffer. */
const TRANSCODED_BYTES = 1024;

/** Of valid UTF-8, what `bytes.toString()` gives, which takes ten times as long for much that is not ASCII. */
const textOf = (bytes: Buffer): string =>
  bytes.length < TRANSCODED_BYTES ? bytes.toString() : transcode(bytes, 'utf8', 'utf16le').toString('utf16le');

function parse(text: string): unknown {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return JSON.parse(text);
  } catch {
    throw new Malformed('body: not valid JSON');
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** Counts the members of all objects, that is the colons outside strings; bounds the depth and the number of parts. */
function scan(bytes: Buffer, partsMax: number): number {
  let members = 0;
  let depth = 0;
  let parts = 0;
  let commas = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    if (SHAPES[byte] === 0) continue;
    if (byte === QUOTE) i = endOfString(bytes, i);
    else if (byte === COMMA) commas++;
    else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) depth--;
    else {
      parts++;
      if (byte === COLON) members++;
      else if (++depth > DEPTH_MAX) throw new Malformed(`body: deeper than ${DEPTH_MAX} levels`);
    }
    if (parts > partsMax) throw new Malformed(`body: more than ${partsMax} members, objects and lists`);
    if (commas > partsMax) throw new Malformed(`body: more than ${partsMax} commas between members and items`);
  }
  return members;
}

/** Where the quote is that ends the string begun at `start`. */
function endOfString(bytes: Buffer, start: number): number {
  let i = start + 1;
  for (const end = Math.min(bytes.length, i + WALKED_BYTES); i < end; i++) {
    if (bytes[i] === QUOTE) return i;
    if (bytes[i] === BACKSLASH) i++;
  }
  // A quote with no backslash before it is no escaped one.
  const quote = bytes.indexOf(QUOTE, i);
  if (quote < 0) throw new Malformed('body: not valid JSON');
  if (bytes[quote - 1] !== BACKSLASH) return quote;
  for (; i < bytes.length; i++) {
    if (bytes[i] === QUOTE) return i;
    if (bytes[i] === BACKSLASH) i++;
  }
  throw new Malformed('body: not valid JSON');
}

function membersOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (const item of value) count += membersOf(item);
    return count;
  }
  const keys = Object.keys(value);
  if (keys.length > MEMBERS_MOST) crowded.add(value);
  for (const key of keys) {
    const member = (value as Record<string, unknown>)[key];
    count += typeof member === 'object' ? 1 + membersOf(member) : 1;
  }
  return count;
}
