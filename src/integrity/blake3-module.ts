/**
 * BLAKE3-256 of four short inputs at once, as a WebAssembly module that is written down here instruction by instruction: each of the four
 * has a lane of the 128-bit registers (the BLAKE3 paper, 5.3, `hash_many`). An input of at most one chunk is a chain of blocks of 64
 * bytes, with no tree. `blake3-lanes.ts` calls it.
 */
export const LANES = 4;
/** One chunk: longer inputs are trees. */
export const LANE_BYTES = 1024;
const BLOCK_BYTES = 64;
/** Where the hex digits of a lane go, with room before them for what their reader wants there. */
export const DIGITS_AT = LANES * LANE_BYTES + 16;
export const DIGITS_STRIDE = 80;
const WORDS = 16;
const ROUNDS = 7;
const IV = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];
const PERMUTATION = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];
/** CHUNK_START is 1: what `i32.eqz` gives for the first block. CHUNK_END and ROOT, of the last. */
const LAST_FLAGS = 2 | 8;
/** Columns, then diagonals. */
const MIXED = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
] as const;

type Code = readonly number[];

/** LEB128, unsigned, and signed as constants are. */
function u(value: number): number[] {
  const low = value & 0x7f;
  return value > 0x7f ? [low | 0x80, ...u(value >>> 7)] : [low];
}
function s(value: number): number[] {
  const low = value & 0x7f;
  const rest = value >> 7;
  return (rest === 0 && low < 0x40) || (rest === -1 && low >= 0x40) ? [low] : [low | 0x80, ...s(rest)];
}

const get = (local: number): Code => [0x20, ...u(local)];
const set = (local: number): Code => [0x21, ...u(local)];
const i32 = (value: number): Code => [0x41, ...s(value)];
const simd = (opcode: number, ...more: number[]): Code => [0xfd, ...u(opcode), ...more];
const load = (offset: number): Code => simd(0x00, 0, ...u(offset));
const store = (offset: number): Code => simd(0x0b, 0, ...u(offset));
const shuffle = (bytes: readonly number[]): Code => simd(0x0d, ...bytes);
const SPLAT = simd(0x11);
const ADD = simd(0xae);
const SUB = simd(0xb1);
const XOR = simd(0x51);
const OR = simd(0x50);
const AND = simd(0x4e);
const MIN = simd(0xb6);
const MAX = simd(0xb8);
const splat = (value: number): Code => [...i32(value | 0), ...SPLAT];

/** Bytes of a shuffle that takes whole words, 0..3 of the first operand and 4..7 of the second. */
const words = (...picked: number[]): number[] => picked.flatMap((word) => [0, 1, 2, 3].map((byte) => 4 * word + byte));
/** A rotation to the right by whole bytes, in each word. */
const rotated = (by: number): Code => {
  const bytes = Array.from({ length: 16 }, (_, i) => (i & ~3) | ((i + by) & 3));
  return shuffle(bytes);
};

// Locals: lengths of the four, blocks of the longest, the block at hand; then registers.
const MOST_BLOCKS = 4;
const BLOCK = 5;
const LENGTHS = 6;
const BLOCKS = 7;
const SPARE = 8;
const TEMP = [9, 10, 11, 12] as const;
const CHAIN = 13;
const MESSAGE = CHAIN + 8;
const STATE = MESSAGE + WORDS;
const REGISTERS = STATE + WORDS - LENGTHS;

/** `to` = (`to` ^ `by`), rotated to the right. */
function xorRotated(to: number, by: number, bits: number): number[] {
  const xored = [...get(to), ...get(by), ...XOR];
  if (bits % 8 === 0) return [...xored, ...get(to), ...rotated(bits / 8), ...set(to)];
  const halves = [
    ...set(SPARE),
    ...get(SPARE),
    ...i32(bits),
    ...simd(0xad),
    ...get(SPARE),
    ...i32(32 - bits),
    ...simd(0xab),
  ];
  return [...xored, ...halves, ...OR, ...set(to)];
}

function mix([a, b, c, d]: readonly [number, number, number, number], x: number, y: number): number[] {
  const add = (to: number, ...more: number[]): number[] => [
    ...get(to),
    ...more.flatMap((one) => [...get(one), ...ADD]),
    ...set(to),
  ];
  return [
    ...[...add(a, b, x), ...xorRotated(d, a, 16), ...add(c, d), ...xorRotated(b, c, 12)],
    ...[...add(a, b, y), ...xorRotated(d, a, 8), ...add(c, d), ...xorRotated(b, c, 7)],
  ];
}

function rounds(): number[] {
  const code: number[] = [];
  let order = Array.from({ length: WORDS }, (_, i) => i);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, [a, b, c, d]] of MIXED.entries()) {
      const state = [STATE + a, STATE + b, STATE + c, STATE + d] as const;
      code.push(...mix(state, MESSAGE + (order[2 * i] as number), MESSAGE + (order[2 * i + 1] as number)));
    }
    order = PERMUTATION.map((from) => order[from] as number);
  }
  return code;
}

/** Four registers as the rows of a square, and its columns into four others. */
function transposed(rows: readonly Code[], columns: readonly [number, number, number, number]): number[] {
  const [a, b, c, d] = rows as readonly [Code, Code, Code, Code];
  const [t0, t1, t2, t3] = TEMP;
  const pair = (x: Code, y: Code, bytes: number[], to: number): number[] => [...x, ...y, ...shuffle(bytes), ...set(to)];
  const [low, high] = [words(0, 4, 1, 5), words(2, 6, 3, 7)];
  const [first, second] = [words(0, 1, 4, 5), words(2, 3, 6, 7)];
  return [
    ...[...pair(a, b, low, t0), ...pair(a, b, high, t1), ...pair(c, d, low, t2), ...pair(c, d, high, t3)],
    ...[...pair(get(t0), get(t2), first, columns[0]), ...pair(get(t0), get(t2), second, columns[1])],
    ...[...pair(get(t1), get(t3), first, columns[2]), ...pair(get(t1), get(t3), second, columns[3])],
  ];
}

const four = (first: number): [number, number, number, number] => [first, first + 1, first + 2, first + 3];

/** The words of the block at hand, of all four, into the message. */
function loaded(): number[] {
  const code: number[] = [];
  for (let group = 0; group < WORDS; group += 4) {
    const rows = [0, 1, 2, 3].map((lane) => [
      ...[...get(BLOCK), ...i32(6), 0x74],
      ...load(lane * LANE_BYTES + 4 * group),
    ]);
    code.push(...transposed(rows, four(MESSAGE + group)));
  }
  return code;
}

/** The state before the rounds: chaining value, constants, no counter, bytes of the block, flags. */
function begun(): number[] {
  const left = [...get(LENGTHS), ...get(BLOCK), ...i32(6), 0x74, ...SPLAT, ...SUB];
  const bytes = [...left, ...splat(0), ...MAX, ...splat(BLOCK_BYTES), ...MIN];
  const isLast = [...get(BLOCKS), ...splat(1), ...SUB, ...get(BLOCK), ...SPLAT, ...simd(0x37)];
  const flags = [...get(BLOCK), 0x45, ...SPLAT, ...isLast, ...splat(LAST_FLAGS), ...AND, ...OR];
  return [
    ...IV.flatMap((_, i) => [...get(CHAIN + i), ...set(STATE + i)]),
    ...IV.slice(0, 4).flatMap((value, i) => [...splat(value), ...set(STATE + 8 + i)]),
    ...[...splat(0), ...set(STATE + 12), ...splat(0), ...set(STATE + 13)],
    ...[...bytes, ...set(STATE + 14), ...flags, ...set(STATE + 15)],
  ];
}

/** The next chaining value, of those that this block was one of. */
const chained = (): number[] =>
  IV.flatMap((_, i) => [
    ...[...get(STATE + i), ...get(STATE + 8 + i), ...XOR, ...get(CHAIN + i)],
    ...[...get(BLOCKS), ...get(BLOCK), ...SPLAT, ...simd(0x3b), ...simd(0x52), ...set(CHAIN + i)],
  ]);

const HEX_DIGITS = [...'0123456789abcdef'].map((digit) => digit.charCodeAt(0));

/** The hex digits of sixteen bytes. */
function digits(bytes: number, at: number): number[] {
  const [high, low] = TEMP;
  const table = simd(0x0c, ...HEX_DIGITS);
  const nibble = (of: Code): number[] => [...table, ...of, ...simd(0x0e)];
  const interleaved = (from: number): Code =>
    shuffle(Array.from({ length: 16 }, (_, i) => from + (i >> 1) + 16 * (i & 1)));
  return [
    ...[...nibble([...get(bytes), ...i32(4), ...simd(0x6d)]), ...set(high)],
    ...[...nibble([...get(bytes), ...simd(0x0c, ...Array<number>(16).fill(15)), ...AND]), ...set(low)],
    ...[...i32(0), ...get(high), ...get(low), ...interleaved(0), ...store(at)],
    ...[...i32(0), ...get(high), ...get(low), ...interleaved(8), ...store(at + 16)],
  ];
}

function written(): number[] {
  const code: number[] = [];
  for (const half of [0, 4]) {
    const rows = four(CHAIN + half).map(get);
    code.push(...transposed(rows, four(MESSAGE)));
    for (let lane = 0; lane < LANES; lane++)
      code.push(...digits(MESSAGE + lane, DIGITS_AT + lane * DIGITS_STRIDE + 8 * half));
  }
  return code;
}

/** Lengths of the four, then the number of blocks of the longest. */
function body(): number[] {
  const lane = (i: number): number[] => [...get(LENGTHS), ...get(i), ...simd(0x1c, i), ...set(LENGTHS)];
  const blocks = [...get(LENGTHS), ...splat(BLOCK_BYTES - 1), ...ADD, ...i32(6), ...simd(0xac), ...splat(1), ...MAX];
  const again = [...get(BLOCK), ...i32(1), 0x6a, 0x22, ...u(BLOCK), ...get(MOST_BLOCKS), 0x48, 0x0d, 0];
  return [
    ...[...lane(0), ...lane(1), ...lane(2), ...lane(3), ...blocks, ...set(BLOCKS)],
    ...IV.flatMap((value, i) => [...splat(value), ...set(CHAIN + i)]),
    ...[0x03, 0x40, ...loaded(), ...begun(), ...rounds(), ...chained(), ...again, 0x0b],
    ...[...written(), 0x0b],
  ];
}

const section = (id: number, content: Code): number[] => [id, ...u(content.length), ...content];
const name = (text: string): number[] => [text.length, ...Buffer.from(text)];

/** The module: `memory`, and `hash`, which hashes what lies in the lanes, zeros behind it to the end of its block. */
export function moduleBytes(): Uint8Array {
  const locals = [2, 1, 0x7f, ...u(REGISTERS), 0x7b];
  const code = [...locals, ...body()];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 5, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, 1]),
    ...section(7, [2, ...name('memory'), 2, 0, ...name('hash'), 0, 0]),
    ...section(10, [1, ...u(code.length), ...code]),
  ]);
}
