import { isAscii, isUtf8 } from 'node:buffer';

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
/** Members, objects and lists of a body together: more than the fullest batch has. Very many are slow to make and to check. */
const PARTS_MAX = 16_384;

const QUOTE = 0x22;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * Strict JSON: valid UTF-8 without a BOM, at most 16 levels deep, of at most 16,384 parts, no key twice. `JSON.parse` alone
 * takes the last of duplicate keys, and reads half a million levels that later code cannot. @throws Malformed
 */
export function parseJson(bytes: Buffer): unknown {
  const ascii = isAscii(bytes);
  if (!ascii && !isUtf8(bytes)) throw new Malformed('body: not valid UTF-8');
  const text = bytes.toString(ascii ? 'latin1' : 'utf8');
  const members = scan(text);
  const value = parse(text);
  if (membersOf(value) !== members) throw new Malformed('body: a key is there twice');
  return value;
}

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
function scan(text: string): number {
  let members = 0;
  let depth = 0;
  let parts = 0;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case QUOTE:
        i = endOfString(text, i);
        break;
      case COLON:
        members++;
        parts++;
        break;
      case OPEN_LIST:
      case OPEN_OBJECT:
        parts++;
        if (++depth > DEPTH_MAX) throw new Malformed(`body: deeper than ${DEPTH_MAX} levels`);
        break;
      case CLOSE_LIST:
      case CLOSE_OBJECT:
        depth--;
        break;
      default:
    }
    if (parts > PARTS_MAX) throw new Malformed(`body: more than ${PARTS_MAX} members, objects and lists`);
  }
  return members;
}

/** The index of the quote that ends the string begun at `start`. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return end;
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
  for (const key of Object.keys(value)) {
    const member = (value as Record<string, unknown>)[key];
    count += typeof member === 'object' ? 1 + membersOf(member) : 1;
  }
  return count;
}
