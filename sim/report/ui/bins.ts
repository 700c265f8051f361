import { shareOf } from './axis.ts';
import { visible } from './filters.ts';
import { faultRows, ROWS, run, spells } from './run.ts';
import { depth, inflight, latencies, refusals } from './series.ts';

/** Worked out for each column of points of a picture that is so wide. */
const columnOf = (row: number, width: number): number =>
  Math.max(0, Math.min(width - 1, Math.floor(shareOf(row) * width)));

/** How many rows that pass the filters are in each column. */
export function activity(width: number): Float64Array {
  const counts = new Float64Array(width);
  for (const row of visible.value) counts[columnOf(row, width)]!++;
  return counts;
}

/** The greatest value in each column; where no row is, the one before goes on. */
export function greatest(values: Int32Array, width: number): Float64Array {
  const bins = new Float64Array(width).fill(-1);
  for (let row = 0; row < ROWS; row++) {
    const column = columnOf(row, width);
    bins[column] = Math.max(bins[column] as number, values[row] as number);
  }
  // The value that a column is left with, not the greatest that it had, goes on.
  let last = 0;
  for (let column = 0, row = 0; column < width; column++) {
    while (row < ROWS && columnOf(row, width) <= column) last = values[row++] as number;
    if ((bins[column] as number) < 0) bins[column] = last;
  }
  return bins;
}

const depthOf = (width: number): Float64Array => greatest(depth, width);
const inflightOf = (width: number): Float64Array => greatest(inflight, width);

function slowest(width: number): Float64Array {
  const bins = new Float64Array(width);
  for (const { row, ms } of latencies) {
    const column = columnOf(row, width);
    bins[column] = Math.max(bins[column] as number, ms);
  }
  return bins;
}

function refused(width: number): Float64Array {
  const bins = new Float64Array(width);
  for (const row of refusals) bins[columnOf(row, width)]!++;
  return bins;
}

export interface Series {
  readonly name: string;
  readonly unit: string;
  readonly bins: (width: number) => Float64Array;
  /** A line that is filled below, or a bar for each column. */
  readonly shape: 'area' | 'bars';
  readonly colour: string;
  /** What it is at a row, where it is something then. */
  readonly at?: Int32Array;
  readonly most: number;
  readonly says: string;
}

const maxOf = (values: Iterable<number>): number => {
  let most = 0;
  for (const value of values) most = Math.max(most, value);
  return most;
};

export const SERIES: readonly Series[] = [
  {
    ...{ name: 'depth', unit: '', bins: depthOf, shape: 'area', colour: '--queued', at: depth, most: maxOf(depth) },
    says: 'messages that wait or are leased',
  },
  {
    ...{ name: 'in flight', unit: '', bins: inflightOf, shape: 'area', colour: '--leased', at: inflight },
    most: maxOf(inflight),
    says: 'messages that are leased',
  },
  {
    ...{ name: 'latency', unit: ' ms', bins: slowest, shape: 'bars', colour: '--redelivered' },
    most: maxOf(latencies.map(({ ms }) => ms)),
    says: 'the slowest answer of each column, polls and streams left out',
  },
  {
    ...{ name: 'refusals', unit: '', bins: refused, shape: 'bars', colour: '--dead', most: refusals.length },
    says: 'answers that are neither ok nor duplicate, of each column',
  },
];

/** A fault on the overview: from column to column. */
export interface Mark {
  readonly from: number;
  readonly to: number;
  readonly kind: string;
}

export function faultMarks(width: number): Mark[] {
  const lasting = spells.map(({ first, last }) => ({
    ...{ from: columnOf(first, width), to: columnOf(last, width), kind: 'spell' },
  }));
  const moments = faultRows.map((row) => {
    const column = columnOf(row, width);
    return { from: column, to: column, kind: run.kinds[run.rows.kind[row] as number] as string };
  });
  return [...lasting, ...moments];
}

/** How many rows of each column are hit by a fault of the network. */
export function hits(width: number): Float64Array {
  const bins = new Float64Array(width);
  for (const row of Object.keys(run.rows.fault)) bins[columnOf(Number(row), width)]!++;
  return bins;
}
