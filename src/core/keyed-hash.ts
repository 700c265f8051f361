/** A secret of 64 bits, in two halves: who does not know it cannot choose keys that collide. */
export type HashKey = readonly [number, number];

let ofProcess: HashKey = [0, 0];
/** The key of the shards that are made from now on, wherever that is. A server draws one when it starts; where nobody does it is fixed. */
export function useHashKey(key: HashKey): void {
  ofProcess = key;
}
export const hashKeyOfProcess = (): HashKey => ofProcess;

const FINAL_ROUNDS = 3;

/** HalfSipHash-1-3 (Aumasson and Bernstein, 2012) of a number and some bytes: 32 bits, keyed. The key is not taken apart as a list: that takes as long as the hash. */
export function keyedHash(key: HashKey, number: number, bytes: DataView, from: number, to: number): number {
  let v0 = key[0];
  let v1 = key[1];
  let v2 = v0 ^ 0x6c796765;
  let v3 = v1 ^ 0x74656462;
  let word = number | 0;
  let at = from;
  // One round a word; the last ones have none, which is 0.
  for (let left = ((to - from) >> 2) + 1 + FINAL_ROUNDS; ; left--) {
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
    if (left === 0) return v1 ^ v3;
    if (left > FINAL_ROUNDS + 1) {
      word = bytes.getInt32(at, true);
      at += 4;
    } else if (left === FINAL_ROUNDS + 1) {
      word = (to - from) << 24;
      for (let shift = 0; at < to; at++, shift += 8) word |= bytes.getUint8(at) << shift;
    } else {
      if (left === FINAL_ROUNDS) v2 ^= 0xff;
      word = 0;
    }
  }
}
