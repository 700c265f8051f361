import { blake3Hex } from './blake3.ts';
import { DIGITS_AT, DIGITS_STRIDE, LANE_BYTES, LANES, moduleBytes } from './blake3-module.ts';

/**
 * BLAKE3-256 of many inputs: short ones four at a time, which takes half as long as one by one. @noble/hashes is the reference that a
 * property test holds it to (T1).
 */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  /** Lengths of the four, and blocks of the longest. */
  hash(a: number, b: number, c: number, d: number, blocks: number): void;
}

/** As far as it is used here: the types of Node have none of it. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};
const module = new WebAssembly.Module(moduleBytes());
const { memory, hash } = new WebAssembly.Instance(module).exports as Exports;
const bytes = Buffer.from(memory.buffer);
const BLOCK_BYTES = 64;
const DIGITS = 64;
const lengths = [0, 0, 0, 0];
/** What every hash begins with: it is there once and for all, so that a hash is read as one text. */
const PREFIX = 'b3:';
for (let lane = 0; lane < LANES; lane++)
  bytes.write(PREFIX, DIGITS_AT + lane * DIGITS_STRIDE - PREFIX.length, 'latin1');
/** Puts an input of at most `LANE_BYTES` bytes at a place, and gives how long it is. */
type Put = (input: number, out: Buffer, at: number) => number;

/** `b3:` and 64 lower-case hex digits of each. */
export function hashesOf(inputs: readonly Uint8Array[]): string[] {
  const digests = new Array<string>(inputs.length);
  const short: number[] = [];
  for (let i = 0; i < inputs.length; i++) {
    const input = inputs[i] as Uint8Array;
    if (input.byteLength > LANE_BYTES) digests[i] = PREFIX + blake3Hex(input);
    else short.push(i);
  }
  // One alone is not worth three empty lanes.
  if (short.length === 1) digests[short[0] as number] = PREFIX + blake3Hex(inputs[short[0] as number] as Uint8Array);
  else
    hashShort(short, digests, (i, out, at) => {
      const input = inputs[i] as Uint8Array;
      out.set(input, at);
      return input.byteLength;
    });
  return digests;
}

/** The same of inputs that are written where they are hashed: of these numbers, each to its place among the digests. */
export function hashShort(inputs: readonly number[], digests: string[], put: Put): void {
  for (let from = 0; from < inputs.length; from += LANES) {
    const lanes = Math.min(LANES, inputs.length - from);
    let blocks = 1;
    lengths.fill(0);
    for (let lane = 0; lane < lanes; lane++) {
      const at = lane * LANE_BYTES;
      const length = put(inputs[from + lane] as number, bytes, at);
      const taken = Math.max(1, Math.ceil(length / BLOCK_BYTES));
      bytes.fill(0, at + length, at + taken * BLOCK_BYTES);
      lengths[lane] = length;
      blocks = Math.max(blocks, taken);
    }
    const [a, b, c, d] = lengths as [number, number, number, number];
    hash(a, b, c, d, blocks);
    for (let lane = 0; lane < lanes; lane++) {
      const at = DIGITS_AT + lane * DIGITS_STRIDE;
      digests[inputs[from + lane] as number] = bytes.toString('latin1', at - PREFIX.length, at + DIGITS);
    }
  }
}
