import { computed, signal } from '@preact/signals';
import { visible } from './filters.ts';
import { ROWS, rowAtTime, run } from './run.ts';

/** Time as an axis: each row as far from the next one as any other, or as far as it is in time. */
export const isProportional = signal(false);
/** Of the proportional axis: 1 gives a row as much room as it has otherwise, on average. */
export const zoom = signal(1);
export const ZOOM_MAX = 256;
export const ZOOM_MIN = 1 / 16;

export const ROW_PX = 22;

const small = matchMedia('(max-width: 600px)');
/** A screen so small that lanes have to stand close for the text to have room. */
export const isNarrow = signal(small.matches);
small.addEventListener('change', () => {
  isNarrow.value = small.matches;
});
const NARROW_LANES_PX = 90;
/** How far lanes stand from each other: many of them closer. */
export const lanePx = computed(() => {
  if (isNarrow.value) return Math.min(9, Math.max(3, Math.floor(NARROW_LANES_PX / (run.lanes.length + 1))));
  return run.lanes.length > 16 ? 13 : 18;
});
/** Browsers take no longer page. */
const HEIGHT_MAX_PX = 8_000_000;
const { atMs } = run.rows;
export const BEGIN_MS = atMs[0] ?? 0;
export const LENGTH_MS = Math.max(1, (atMs[ROWS - 1] ?? 0) - BEGIN_MS);

/** Where rows stand, from the top of the list. */
export interface Axis {
  readonly heightPx: number;
  /** Of a row, visible or not. */
  readonly yOf: (row: number) => number;
  /** Index of the first visible row at or below. */
  readonly indexAt: (y: number) => number;
}

export const axis = computed<Axis>(() => (isProportional.value ? proportional() : even()));

function even(): Axis {
  const rows = visible.value;
  const place = new Int32Array(ROWS);
  let next = 0;
  for (let row = 0; row < ROWS; row++) {
    place[row] = next;
    if (rows[next] === row) next++;
  }
  return {
    heightPx: rows.length * ROW_PX,
    yOf: (row) => (place[row] as number) * ROW_PX,
    indexAt: (y) => Math.max(0, Math.floor(y / ROW_PX)),
  };
}

function proportional(): Axis {
  const rows = visible.value;
  const heightPx = Math.min(HEIGHT_MAX_PX, Math.max(600, rows.length * ROW_PX * zoom.value));
  const scale = (heightPx - ROW_PX) / LENGTH_MS;
  const yOf = (row: number): number => ((atMs[row] as number) - BEGIN_MS) * scale;
  const indexAt = (y: number): number => {
    let [low, high] = [0, rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (yOf(rows[middle] as number) < y) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return { heightPx, yOf, indexAt };
}

/** Where a row stands along the whole run, 0..1. */
export const shareOf = (row: number): number =>
  isProportional.value ? ((atMs[row] as number) - BEGIN_MS) / LENGTH_MS : row / Math.max(1, ROWS - 1);

/** The row at a place along the whole run. */
export const rowAtShare = (share: number): number =>
  isProportional.value
    ? Math.max(0, rowAtTime(BEGIN_MS + share * LENGTH_MS))
    : Math.round(share * Math.max(0, ROWS - 1));
