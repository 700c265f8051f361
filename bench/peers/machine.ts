/** Whether the machine is as it was: how long a step through memory takes, and what the host took of the processor. */
import { readFileSync } from 'node:fs';

const BYTES = 4 << 20;
const STEPS = 1 << 20;
const BYTES_PER_STEP = 4;

let chain: Int32Array | null = null;

/** A round through all of it that no prefetcher foresees (Sattolo's shuffle, of a generator of its own). */
function chainOf(): Int32Array {
  const next = Int32Array.from({ length: BYTES / BYTES_PER_STEP }, (_, i) => i);
  let seed = 1;
  for (let i = next.length - 1; i > 0; i--) {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    const j = seed % i;
    const held = next[i] as number;
    next[i] = next[j] as number;
    next[j] = held;
  }
  return next;
}

/** ns of one dependent read in 4 MiB: some 5 to 20 on a machine whose memory nobody else wants. */
export function memoryNs(): number {
  chain ??= chainOf();
  let at = 0;
  const startedMs = performance.now();
  for (let i = 0; i < STEPS; i++) at = chain[at] as number;
  const ms = performance.now() - startedMs;
  return at < 0 ? Number.NaN : (ms * 1e6) / STEPS;
}

/** Ticks of all processors so far, and those that the host gave to others; null where nobody says. */
export function hostTicks(): { readonly all: number; readonly stolen: number } | null {
  try {
    const [line = ''] = readFileSync('/proc/stat', 'latin1').split('\n', 1);
    const ticks = line.trim().split(/\s+/).slice(1).map(Number);
    return { all: ticks.reduce((sum, n) => sum + n, 0), stolen: ticks[7] ?? 0 };
  } catch {
    return null;
  }
}
