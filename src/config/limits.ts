import { eachLimit, type LimitRow, type Limits } from '../core/limits.ts';
import { HEAP_SHARE, thisMachine } from './machine.ts';
import type { LimitSetting, Settings } from './settings.ts';

/** The settings that the core is held to. */
export const limitsOf = (settings: Settings): Limits =>
  eachLimit((row) => (isSetting(row) ? settings[row.name] : row.fallback));

const isSetting = (row: LimitRow): row is LimitRow & { readonly name: LimitSetting } => row.isSetting;

/** The settings that bound what a process holds, in bytes (BD0). */
export const memoryBoundsOf = (s: Settings, { heapBytes } = thisMachine()) => ({
  memoryMax: s.memory,
  windowMax: s.window_memory,
  heapMax: Math.floor(HEAP_SHARE * heapBytes),
  appendMax: s.profile === 'micronode' ? Number.POSITIVE_INFINITY : s.segment_size,
});
