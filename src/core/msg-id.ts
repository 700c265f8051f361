/**
 * `msg_id`: a ULID (AC3). 48 bits of time, then 80 bits: shard 16, random 34, slot 30. The time is the message's `ts`, the wall
 * clock when it was accepted (TM3), and is kept nowhere else. The slot is where the shard keeps the message, so that finding one
 * needs no hash table. Ids are unique: a slot is not used again within the replay window, let alone the millisecond, and the
 * random bits cover a wall clock that was set back.
 */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
/** Characters by what they say as digits. */
const CODES = Uint8Array.from(ALPHABET, (digit) => digit.charCodeAt(0));
/** What a digit of a ULID says, by its character. */
const NO_DIGIT = 32;
const VALUE_OF = new Uint8Array(256).fill(NO_DIGIT);
for (let i = 0; i < 32; i++) VALUE_OF[ALPHABET.charCodeAt(i)] = i;

const TIME_DIGITS = 10;
const LENGTH = 26;
const SLOT_DIGITS = 6;
const SLOT_BITS = 30;
/** Slots an id can name. */
export const SLOTS_MAX = 2 ** SLOT_BITS;

/** The time that an id was last made with, in two parts of 25 bits. */
let timeMs = -1;
let early = 0;
let late = 0;

/**
 * Ranges: tsMs 0 .. 2^48-1, shard 0 .. 65535, random 0 .. 2^34-1, slot 0 .. 2^30-1, all whole. All characters at once: a text that
 * is put together is a tree, which the first look-up makes flat.
 */
export function formatMsgId(tsMs: number, shard: number, random: number, slot: number): string {
  if (tsMs !== timeMs) {
    early = Math.floor(tsMs / 2 ** 25);
    late = tsMs - early * 2 ** 25;
    timeMs = tsMs;
  }
  const randomHigh = Math.floor(random / 2 ** 30);
  const low = random - randomHigh * 2 ** 30;
  const middle = (shard << 4) | randomHigh;
  return String.fromCharCode(
    CODES[early >> 20]!,
    CODES[(early >> 15) & 31]!,
    CODES[(early >> 10) & 31]!,
    CODES[(early >> 5) & 31]!,
    CODES[early & 31]!,
    CODES[late >> 20]!,
    CODES[(late >> 15) & 31]!,
    CODES[(late >> 10) & 31]!,
    CODES[(late >> 5) & 31]!,
    CODES[late & 31]!,
    CODES[middle >> 15]!,
    CODES[(middle >> 10) & 31]!,
    CODES[(middle >> 5) & 31]!,
    CODES[middle & 31]!,
    CODES[low >> 25]!,
    CODES[(low >> 20) & 31]!,
    CODES[(low >> 15) & 31]!,
    CODES[(low >> 10) & 31]!,
    CODES[(low >> 5) & 31]!,
    CODES[low & 31]!,
    CODES[slot >> 25]!,
    CODES[(slot >> 20) & 31]!,
    CODES[(slot >> 15) & 31]!,
    CODES[(slot >> 10) & 31]!,
    CODES[(slot >> 5) & 31]!,
    CODES[slot & 31]!,
  );
}

/** Up to six digits from `from` as a number, -1 when one is no digit of a ULID. */
function parse(text: string, from: number, length: number): number {
  let value = 0;
  let all = 0;
  for (let i = from; i < from + length; i++) {
    const code = text.charCodeAt(i);
    const digit = code > 255 ? NO_DIGIT : VALUE_OF[code]!;
    all |= digit;
    value = (value << 5) | digit;
  }
  return all < NO_DIGIT ? value : -1;
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
  const middle = parse(msgId, TIME_DIGITS, 4);
  const low = parse(msgId, TIME_DIGITS + 4, 6);
  return middle < 0 || low < 0 ? -1 : (middle & 15) * 2 ** 30 + low;
}

/** The `ts` of the message, ms since 1970, -1 when the text cannot be one of ours. */
export function timeOf(msgId: string): number {
  if (msgId.length !== LENGTH) return -1;
  const early = parse(msgId, 0, 5);
  const late = parse(msgId, 5, 5);
  return early < 0 || late < 0 ? -1 : early * 2 ** 25 + late;
}
