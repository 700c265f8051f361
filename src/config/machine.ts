import { totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';

/** What a process may use of its machine, in bytes. */
export interface Machine {
  /** Of memory: what the control group allows, or what there is. */
  readonly memoryBytes: number;
  /** Of that, for its heap: `--max-old-space-size`, or what Node chose. */
  readonly heapBytes: number;
}

export function thisMachine(): Machine {
  const { constrainedMemory } = process as { constrainedMemory?: () => number | undefined };
  // 0 or more than there is: no limit.
  const limit = constrainedMemory?.call(process) ?? 0;
  const all = totalmem();
  return { memoryBytes: limit > 0 && limit < all ? limit : all, heapBytes: getHeapStatistics().heap_size_limit };
}

/** Of the heap; the rest is for requests under way, and for the collector to work in. */
export const HEAP_SHARE = 0.6;
const MEMORY_SHARE = 0.25;
const MEMORY_HEAP_SHARE = 0.35;
const WINDOW_SHARE = 0.125;
const WINDOW_HEAP_SHARE = 0.25;
const MIB = 1024 ** 2;

const least = (a: number, b: number): number => Math.max(1, Math.floor(Math.min(a, b) / MIB)) * MIB;

/** The defaults of `memory` and `window_memory`, whole MiB. */
export const memoryOf = ({ memoryBytes, heapBytes }: Machine): number =>
  least(MEMORY_SHARE * memoryBytes, MEMORY_HEAP_SHARE * heapBytes);
export const windowMemoryOf = ({ memoryBytes, heapBytes }: Machine): number =>
  least(WINDOW_SHARE * memoryBytes, WINDOW_HEAP_SHARE * heapBytes);
