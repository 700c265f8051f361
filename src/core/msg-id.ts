/**
 * `msg_id`: a ULID (AC3). 48 bits of time, then 80 bits: shard 16, random 34, slot 30. The time is the message's `ts`, the wall
 * clock when it was accepted (TM3), and is kept nowhere else. The slot is where the shard keeps the message, so that finding one
 * needs no hash table. Ids are unique: a slot is not used again within the replay window, let alone the millisecond, and the
 * random bits cover a wall clock that was set back.
 */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const PAIRS = Array.from({ length: 1024 }, (_, i) => ALPHABET[i >> 5]! + ALPHABET[i & 31]!);
const VALUE_OF = new Int8Array(128).fill(-1);
for (let i = 0; i < 32; i++) VALUE_OF[ALPHABET.charCodeAt(i)] = i;

const TIME_DIGITS = 10;
const LENGTH = 26;
const SLOT_DIGITS = 6;
const SLOT_BITS = 30;
const RANDOM_BITS = 34;
/** Slots an id can name. */
export const SLOTS_MAX = 2 ** SLOT_BITS;

/** Texts of up to 12 characters are flat in V8; a longer concatenation is a tree that the first look-up flattens. */
const TRIPLES = Array.from({ length: 32_768 }, (_, i) => PAIRS[i >> 5]! + ALPHABET[i & 31]!);

let timeMs = -1;
let timeText = '';

/** `value` as 2 x `pairs` digits, most significant first. */
function digits(value: number, pairs: number): string {
  let text = '';
  for (let rest = value, i = 0; i < pairs; i++) {
    text = PAIRS[rest % 1024]! + text;
    rest = Math.floor(rest / 1024);
  }
  return text;
}

/** Ranges: tsMs 0 .. 2^48-1, shard 0 .. 65535, random 0 .. 2^34-1, slot 0 .. 2^30-1, all whole. */
export function formatMsgId(tsMs: number, shard: number, random: number, slot: number): string {
  if (tsMs !== timeMs) {
    timeText = digits(tsMs, TIME_DIGITS / 2);
    timeMs = tsMs;
  }
  const randomHigh = Math.floor(random / 2 ** 30);
  const low = random - randomHigh * 2 ** 30;
  const high = (shard << 4) | randomHigh;
  const head = timeText + (PAIRS[high >> 10]! + PAIRS[high & 1023]!);
  return head + (TRIPLES[low >> 15]! + TRIPLES[low & 32_767]! + (TRIPLES[slot >> 15]! + TRIPLES[slot & 32_767]!));
}

/** `length` digits from `from` as a number, -1 when one is no digit of a ULID. */
function parse(text: string, from: number, length: number): number {
  let value = 0;
  for (let i = from; i < from + length; i++) {
    const code = text.charCodeAt(i);
    const digit = code < 128 ? VALUE_OF[code]! : -1;
    if (digit < 0) return -1;
    value = value * 32 + digit;
  }
  return value;
}

/** What `partsOf` found: the time, and the random number in two parts, of 4 and of 30 bits. */
export const parts = { shard: 0, tsMs: 0, randomHigh: 0, randomLow: 0 };

/** All of an id but its slot, in one look. False when the text cannot be one of ours. */
export function partsOf(msgId: string): boolean {
  if (msgId.length !== LENGTH) return false;
  const early = parse(msgId, 0, 5);
  const late = parse(msgId, 5, 5);
  const middle = parse(msgId, TIME_DIGITS, 4);
  const low = parse(msgId, TIME_DIGITS + 4, 6);
  if (early < 0 || late < 0 || middle < 0 || low < 0) return false;
  parts.tsMs = early * 2 ** 25 + late;
  parts.shard = middle >> 4;
  parts.randomHigh = middle & 15;
  parts.randomLow = low;
  return true;
}

/** The slot an id names, -1 when the text cannot be one of ours. */
export function slotOf(msgId: string): number {
  return msgId.length === LENGTH ? parse(msgId, LENGTH - SLOT_DIGITS, SLOT_DIGITS) : -1;
}

/** The shard an id names, -1 when the text cannot be one of ours. */
export function shardOf(msgId: string): number {
  if (msgId.length !== LENGTH) return -1;
  const value = parse(msgId, TIME_DIGITS, 4);
  return value < 0 ? -1 : value >> 4;
}

/** The random number in an id, -1 when the text cannot be one of ours. */
export function randomOf(msgId: string): number {
  if (msgId.length !== LENGTH) return -1;
  const value = parse(msgId, TIME_DIGITS, LENGTH - TIME_DIGITS - SLOT_DIGITS);
  return value < 0 ? -1 : value % 2 ** RANDOM_BITS;
}

/** The `ts` of the message, ms since 1970, -1 when the text cannot be one of ours. */
export function timeOf(msgId: string): number {
  return msgId.length === LENGTH ? parse(msgId, 0, TIME_DIGITS) : -1;
}
