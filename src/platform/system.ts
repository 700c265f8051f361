import { randomFillSync } from 'node:crypto';
import type { TimeSource } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';

const POOL_BYTES = 16 * 1024;
const pool = Buffer.alloc(POOL_BYTES);
let used = POOL_BYTES;

/** `bytes` fresh bytes of the pool: the offset where they are. */
function draw(bytes: number): number {
  if (used + bytes > POOL_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return used - bytes;
}

/** Randomness of the kernel, in buffered draws. */
export const systemRandom: Random = {
  below(below) {
    if (below > 2 ** 48) throw new Error('random: at most 2^48');
    // Modulo bias is below 2^-14 for the ids and jitters drawn here, and none for powers of two.
    return pool.readUIntBE(draw(6), 6) % below;
  },
  token(bytes) {
    // A character beyond those that `bytes` need makes up for the two that may not be the first.
    const chars = Math.floor((8 * bytes) / 6) + 1;
    for (;;) {
      const at = draw(bytes + 1);
      const text = pool.toString('base64url', at, at + bytes + 1).slice(0, chars);
      if (text[0] !== '-' && text[0] !== '_') return text;
    }
  },
};

/** The machine's clocks. The monotonic one is CLOCK_MONOTONIC on Linux: it stands still while the machine is suspended. */
export const systemTime: TimeSource = { monotonicMs: () => performance.now(), wallMs: () => Date.now() };
