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
/** What every hash begins with: it is there once and for all, so that a hash is read as one text. */
const PREFIX = 'b3:';
for (let lane = 0; lane < LANES; lane++)
  bytes.write(PREFIX, DIGITS_AT + lane * DIGITS_STRIDE - PREFIX.length, 'latin1');
const lengths = [0, 0, 0, 0];

/** `b3:` and 64 lower-case hex digits of each. */
export function hashesOf(inputs: readonly Uint8Array[]): string[] {
  const digests = new Array<string>(inputs.length);
  const places: number[] = [];
  for (let i = 0; i < inputs.length; i++) {
    const input = inputs[i] as Uint8Array;
    if (input.byteLength > LANE_BYTES) digests[i] = PREFIX + blake3Hex(input);
    else if (places.push(i) === LANES) hashLanes(inputs, places, digests);
  }
  // One alone is not worth three empty lanes.
  if (places.length === 1) digests[places[0] as number] = PREFIX + blake3Hex(inputs[places[0] as number] as Uint8Array);
  else if (places.length > 1) hashLanes(inputs, places, digests);
  return digests;
}

/** Those in these places, which are up to four; there are none then. */
function hashLanes(inputs: readonly Uint8Array[], places: number[], digests: string[]): void {
  let blocks = 1;
  lengths.fill(0);
  for (let lane = 0; lane < places.length; lane++) {
    const input = inputs[places[lane] as number] as Uint8Array;
    const at = lane * LANE_BYTES;
    const taken = Math.max(1, Math.ceil(input.byteLength / BLOCK_BYTES));
    bytes.set(input, at);
    bytes.fill(0, at + input.byteLength, at + taken * BLOCK_BYTES);
    lengths[lane] = input.byteLength;
    blocks = Math.max(blocks, taken);
  }
  const [a, b, c, d] = lengths as [number, number, number, number];
  hash(a, b, c, d, blocks);
  for (let lane = 0; lane < places.length; lane++) {
    const at = DIGITS_AT + lane * DIGITS_STRIDE;
    digests[places[lane] as number] = bytes.toString('latin1', at - PREFIX.length, at + DIGITS);
  }
  places.length = 0;
}
