import type { RowSegment } from './row-log.ts';

/** The numbers of a row. */
export interface RowNumbers {
  topic: number;
  seq: number;
  /** The end of its idempotency window, if that is open. */
  untilMs: number;
  tsMs: number;
  /** Of the msg_id: mostly that of the state it is in, but a recorder of traces has shards of several processes. */
  shard: number;
  /** The random part of its msg_id: 4 bits, and 30. */
  randomHigh: number;
  randomLow: number;
  epoch: number;
  attempt: number;
  redrives: number;
  /** Settled receipts in the row, and how many of them, the oldest, are forgotten. */
  settled: number;
  forgotten: number;
}

export const none = (): RowNumbers => ({
  ...{ topic: 0, seq: 0, untilMs: 0, tsMs: 0, shard: 0, randomHigh: 0, randomLow: 0 },
  ...{ epoch: 0, attempt: 0, redrives: 0, settled: 0, forgotten: 0 },
});

/** Where they stand when they are near those of the segment; the highest two bits of the random part are elsewhere. */
const TOPIC = 2;
const SEQ = 4;
const UNTIL = 8;
const RANDOM = 12;
const AHEAD = 16;
/** Three bits each, and one that says that it was leased just once. */
const SETTLED = 18;
const SETTLED_BITS = 3;
const SETTLED_MAX = 7;
const ONCE = 128;
/** Not there where it was leased just once, as most are. */
const EPOCH = 19;
const ATTEMPT = 21;
const REDRIVES = 22;
const ONCE_BYTES = 19;
const NEAR_BYTES = 23;

/** Where they stand when they are not: doubles, one after another. */
const NAMES = [
  'topic',
  'seq',
  'untilMs',
  'tsMs',
  'shard',
  'randomHigh',
  'randomLow',
  'epoch',
  'attempt',
  'redrives',
  'settled',
  'forgotten',
] as const;
const placeOf = (name: (typeof NAMES)[number]): number => 2 + 8 * NAMES.indexOf(name);
const FAR_TOPIC = placeOf('topic');
const FAR_UNTIL = placeOf('untilMs');
const FAR_SEQ = placeOf('seq');
const FAR_SETTLED = placeOf('settled');
const FAR_FORGOTTEN = placeOf('forgotten');
export const FAR_BYTES = 2 + 8 * NAMES.length;

const isByte = (value: number): boolean => value === (value & 255);
const isShort = (value: number): boolean => value === (value & 65_535);
export const isInt = (value: number): boolean => value === (value | 0);

/** Writes them in as few bytes as they go, and says in how many; 0, where one does not fit. */
export function putNear({ view, seq, untilMs, aheadMs }: RowSegment, at: number, n: RowNumbers): number {
  const ahead = n.tsMs - n.untilMs - aheadMs;
  if (!isInt(n.seq - seq) || !isInt(n.untilMs - untilMs) || !isShort(ahead + 32_768)) return 0;
  if (!isShort(n.topic) || !isShort(n.epoch) || !isByte(n.attempt) || !isByte(n.redrives)) return 0;
  if (n.settled > SETTLED_MAX) return 0;
  const once = n.epoch === 1 && n.attempt === 1 && n.redrives === 0;
  view.setUint16(at + TOPIC, n.topic);
  view.setInt32(at + SEQ, n.seq - seq);
  view.setInt32(at + UNTIL, n.untilMs - untilMs);
  view.setInt32(at + RANDOM, (n.randomHigh << 30) | n.randomLow);
  view.setInt16(at + AHEAD, ahead);
  view.setUint8(at + SETTLED, (once ? ONCE : 0) | (n.settled << SETTLED_BITS) | n.forgotten);
  if (once) return ONCE_BYTES;
  view.setUint16(at + EPOCH, n.epoch);
  view.setUint8(at + ATTEMPT, n.attempt);
  view.setUint8(at + REDRIVES, n.redrives);
  return NEAR_BYTES;
}

export function putFar({ view }: RowSegment, at: number, numbers: RowNumbers): void {
  for (const name of NAMES) view.setFloat64(at + placeOf(name), numbers[name]);
}

export function takeNear({ view, seq, untilMs, aheadMs }: RowSegment, at: number, n: RowNumbers): void {
  n.topic = view.getUint16(at + TOPIC);
  n.seq = view.getInt32(at + SEQ) + seq;
  n.untilMs = view.getInt32(at + UNTIL) + untilMs;
  n.tsMs = view.getInt16(at + AHEAD) + n.untilMs + aheadMs;
  n.randomLow = view.getUint32(at + RANDOM);
  n.randomHigh = n.randomLow >>> 30;
  n.randomLow &= 2 ** 30 - 1;
  const settled = view.getUint8(at + SETTLED);
  n.settled = (settled >> SETTLED_BITS) & SETTLED_MAX;
  n.forgotten = settled & SETTLED_MAX;
  const once = settled >= ONCE;
  n.epoch = once ? 1 : view.getUint16(at + EPOCH);
  n.attempt = once ? 1 : view.getUint8(at + ATTEMPT);
  n.redrives = once ? 0 : view.getUint8(at + REDRIVES);
}

export function takeFar({ view }: RowSegment, at: number, numbers: RowNumbers): void {
  for (const name of NAMES) numbers[name] = view.getFloat64(at + placeOf(name));
}

/** Bytes that they take, flags included: what comes after begins there. */
export function bytesIn({ view }: RowSegment, at: number, isFar: boolean): number {
  if (isFar) return FAR_BYTES;
  return view.getUint8(at + SETTLED) >= ONCE ? ONCE_BYTES : NEAR_BYTES;
}

export const topicIn = ({ view }: RowSegment, at: number, isFar: boolean): number =>
  isFar ? view.getFloat64(at + FAR_TOPIC) : view.getUint16(at + TOPIC);

export const untilIn = ({ view, untilMs }: RowSegment, at: number, isFar: boolean): number =>
  isFar ? view.getFloat64(at + FAR_UNTIL) : view.getInt32(at + UNTIL) + untilMs;

export const seqIn = ({ view, seq }: RowSegment, at: number, isFar: boolean): number =>
  isFar ? view.getFloat64(at + FAR_SEQ) : view.getInt32(at + SEQ) + seq;

export const forgottenIn = ({ view }: RowSegment, at: number, isFar: boolean): number =>
  isFar ? view.getFloat64(at + FAR_FORGOTTEN) : view.getUint8(at + SETTLED) & SETTLED_MAX;

export function areAllForgotten({ view }: RowSegment, at: number, isFar: boolean): boolean {
  if (isFar) return view.getFloat64(at + FAR_FORGOTTEN) === view.getFloat64(at + FAR_SETTLED);
  const both = view.getUint8(at + SETTLED);
  return ((both >> SETTLED_BITS) & SETTLED_MAX) === (both & SETTLED_MAX);
}

/** One more of its receipts is forgotten. */
export function forgetOne({ view }: RowSegment, at: number, isFar: boolean): void {
  if (isFar) view.setFloat64(at + FAR_FORGOTTEN, view.getFloat64(at + FAR_FORGOTTEN) + 1);
  else view.setUint8(at + SETTLED, view.getUint8(at + SETTLED) + 1);
}

/** The one receipt of a near row, which was forgotten, is remembered. */
export const rememberOne = ({ view }: RowSegment, at: number): void =>
  view.setUint8(at + SETTLED, view.getUint8(at + SETTLED) & ~SETTLED_MAX);

export function setBackFar({ view }: RowSegment, at: number, byMs: number): void {
  view.setFloat64(at + FAR_UNTIL, view.getFloat64(at + FAR_UNTIL) - byMs);
}
