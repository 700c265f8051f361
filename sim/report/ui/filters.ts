import { computed, signal } from '@preact/signals';
import { faultOf, kindOf, laneOfCallee, laneOfCaller, ROWS, run, spells, topicOf } from './run.ts';

/** Of the nodes, or of the engine that they share. */
const isNode = (lane: string): boolean => lane.startsWith('node ') || lane === 'engine';

/** What is looked at; '' is all. */
export interface Filters {
  readonly node: string;
  readonly client: string;
  readonly topic: string;
  readonly kind: string;
  readonly fault: string;
}
export const NO_FILTERS: Filters = { node: '', client: '', topic: '', kind: '', fault: '' };
export const filters = signal(NO_FILTERS);
export const isFiltered = computed(() => Object.values(filters.value).some((value) => value !== ''));

/** What can be chosen. */
export const CHOICES: Readonly<Record<keyof Filters, readonly string[]>> = {
  node: run.lanes.filter(isNode),
  client: run.lanes.filter((lane) => !isNode(lane)),
  topic: [...new Set(run.messages.map(({ topic }) => topic))].filter((topic) => topic !== '').sort(),
  kind: run.kinds,
  fault: run.faults,
};

/** A row is under a fault when it is that fault, is hit by it, or happens while it lasts. */
function rowsUnder(fault: string): Uint8Array {
  const under = new Uint8Array(ROWS);
  for (const row of Object.keys(run.rows.fault)) if (faultOf(Number(row)) === fault) under[Number(row)] = 1;
  for (const spell of spells) if (spell.fault === fault) under.fill(1, spell.first, spell.last + 1);
  return under;
}

/** The rows that pass the filters, in order. */
export const visible = computed<Int32Array>(() => {
  const { node, client, topic, kind, fault } = filters.value;
  const { lane, call } = run.rows;
  const nodeLane = run.lanes.indexOf(node);
  const clientLane = run.lanes.indexOf(client);
  const under = fault === '' ? null : rowsUnder(fault);
  const passes = (row: number): boolean => {
    const own = lane[row] as number;
    const of = call[row] as number;
    if (node !== '' && own !== nodeLane && laneOfCallee.get(of) !== nodeLane) return false;
    if (client !== '' && own !== clientLane && laneOfCaller.get(of) !== clientLane) return false;
    if (kind !== '' && kindOf(row) !== kind) return false;
    if (topic !== '' && topicOf(row) !== topic) return false;
    return under === null || under[row] === 1;
  };
  const found = new Int32Array(ROWS);
  let count = 0;
  for (let row = 0; row < ROWS; row++) if (!isFiltered.value || passes(row)) found[count++] = row;
  return found.subarray(0, count);
});

/** How many of the visible rows come before this one. */
export function indexOf(row: number): number {
  const rows = visible.value;
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rows[middle] as number) < row) low = middle + 1;
    else high = middle;
  }
  return low;
}

export const isVisible = (row: number): boolean => visible.value[indexOf(row)] === row;
