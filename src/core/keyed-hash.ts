/** A secret of 64 bits, in two halves: who does not know it cannot choose keys that collide. */
export type HashKey = readonly [number, number];
export const NO_HASH_KEY: HashKey = [0, 0];

let v0 = 0;
let v1 = 0;
let v2 = 0;
let v3 = 0;

/** HalfSipHash-1-3 (Aumasson and Bernstein, 2012) of a number and some bytes: 32 bits, keyed. */
export function keyedHash([k0, k1]: HashKey, number: number, bytes: Uint8Array, from: number, to: number): number {
  v0 = k0;
  v1 = k1;
  v2 = k0 ^ 0x6c796765;
  v3 = k1 ^ 0x74656462;
  take(number | 0);
  let at = from;
  for (; at + 4 <= to; at += 4)
    take(bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24));
  let last = (to - from) << 24;
  for (let shift = 0; at < to; at++, shift += 8) last |= bytes[at]! << shift;
  take(last);
  v2 ^= 0xff;
  round();
  round();
  round();
  return (v1 ^ v3) >>> 0;
}

function take(word: number): void {
  v3 ^= word;
  round();
  v0 ^= word;
}

function round(): void {
  v0 = (v0 + v1) | 0;
  v1 = (v1 << 5) | (v1 >>> 27);
  v1 ^= v0;
  v0 = (v0 << 16) | (v0 >>> 16);
  v2 = (v2 + v3) | 0;
  v3 = (v3 << 8) | (v3 >>> 24);
  v3 ^= v2;
  v0 = (v0 + v3) | 0;
  v3 = (v3 << 7) | (v3 >>> 25);
  v3 ^= v0;
  v2 = (v2 + v1) | 0;
  v1 = (v1 << 13) | (v1 >>> 19);
  v1 ^= v2;
  v2 = (v2 << 16) | (v2 >>> 16);
}
