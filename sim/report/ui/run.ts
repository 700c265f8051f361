import type { ReportData, Seen } from '../model.ts';

/** The run in the page, and what is worked out of it once. */
export const run = JSON.parse((document.getElementById('run') as HTMLElement).textContent ?? '') as ReportData;

const { rows } = run;
export const ROWS = rows.step.length;
export const kindOf = (row: number): string => run.kinds[rows.kind[row] as number] as string;
export const laneOf = (row: number): string => run.lanes[rows.lane[row] as number] as string;

/** The rows of each message, in order. */
export const rowsOfMessage: readonly (readonly number[])[] = (() => {
  const found: number[][] = run.messages.map(() => []);
  for (let row = 0; row < ROWS; row++) for (const message of rows.messages[row] as number[]) found[message]?.push(row);
  return found;
})();

/** A row at which a message changes, and what it then is; -1: before the rows that are shown. */
export interface MessageChange {
  readonly row: number;
  readonly seen: Seen;
  /** By a fact of its own: an arrow of the lifecycle, which a restart is not. */
  readonly isArrow: boolean;
}

export const changesOf: readonly (readonly MessageChange[])[] = (() => {
  const found: MessageChange[][] = run.messages.map(() => []);
  for (const [message, seen] of run.before) found[message]?.push({ row: -1, seen, isArrow: false });
  for (const [row, changes] of Object.entries(rows.changes).map(([row, all]) => [Number(row), all] as const))
    for (const [message, seen] of changes)
      found[message]?.push({ row, seen, isArrow: rows.messages[row]?.includes(message) === true });
  return found;
})();

/** Index of the last change at or before a row; -1 when there is none. */
export function changeAt(message: number, row: number): number {
  const changes = changesOf[message] ?? [];
  let low = 0;
  let high = changes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((changes[middle]?.row as number) <= row) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The way of a message through its lifecycle up to a row. */
export function wayOf(message: number, row: number) {
  const changes = (changesOf[message] ?? []).slice(0, changeAt(message, row) + 1);
  const states = changes.map(({ seen }) => seen.state);
  const came = changes.map(({ isArrow }, i) => (isArrow ? { from: states[i - 1] ?? 'absent' } : null));
  return { states, came };
}

export const seenAt = (message: number, row: number): Seen | null =>
  changesOf[message]?.[changeAt(message, row)]?.seen ?? null;

/** The lane of the client that makes a call, and of the node that gets it; -1 where no row says so. */
export const laneOfCaller = new Map<number, number>();
export const laneOfCallee = new Map<number, number>();
for (let row = 0; row < ROWS; row++) {
  const [kind, call, lane] = [kindOf(row), rows.call[row] as number, rows.lane[row] as number];
  if (call === 0) continue;
  if (kind === 'call' || kind === 'answer') laneOfCaller.set(call, lane);
  else if (kind === 'arrival' || kind === 'reply') laneOfCallee.set(call, lane);
}

/** The topic that a row is about, '' for none. */
export const topicOf = (row: number): string => {
  const [message] = rows.messages[row] as number[];
  if (message !== undefined) return run.messages[message]?.topic ?? '';
  return run.calls[rows.call[row] as number]?.topic ?? '';
};

/** What is known at a row of whether its fact is durable; null for a row that is no fact. */
export function durabilityOf(row: number, now: number): 'durable' | 'not durable yet' | 'never durable' | null {
  if (kindOf(row) !== 'fact') return null;
  const at = rows.durable[row];
  if (at === undefined) return 'never durable';
  return at <= now ? 'durable' : 'not durable yet';
}

/** A line between two rows: a request or a reply on its way. */
export interface Edge {
  readonly from: number;
  readonly to: number;
  readonly kind: 'request' | 'reply';
}

const BUCKET_ROWS = 64;
const LONGEST_BUCKETS = 200;

/** Edges by the stretch of rows that they touch. */
const buckets: Map<number, Edge[]> = (() => {
  const found = new Map<number, Edge[]>();
  const calls = new Map<number, number>();
  const replies = new Map<string, number>();
  const add = (edge: Edge): void => {
    const last = Math.min(Math.floor(edge.to / BUCKET_ROWS), Math.floor(edge.from / BUCKET_ROWS) + LONGEST_BUCKETS);
    for (let bucket = Math.floor(edge.from / BUCKET_ROWS); bucket <= last; bucket++) {
      const edges = found.get(bucket);
      if (edges === undefined) found.set(bucket, [edge]);
      else edges.push(edge);
    }
  };
  for (let row = 0; row < ROWS; row++) {
    const call = rows.call[row] as number;
    if (call === 0) continue;
    const kind = kindOf(row);
    const answered = `${call} ${rows.copy[row]}`;
    if (kind === 'call') calls.set(call, row);
    if (kind === 'reply') replies.set(answered, row);
    const from = kind === 'arrival' ? calls.get(call) : kind === 'answer' ? replies.get(answered) : undefined;
    if (from !== undefined) add({ from, to: row, kind: kind === 'arrival' ? 'request' : 'reply' });
  }
  return found;
})();

export function edgesBetween(first: number, last: number): Edge[] {
  const seen = new Set<Edge>();
  for (let bucket = Math.floor(first / BUCKET_ROWS); bucket <= Math.floor(last / BUCKET_ROWS); bucket++) {
    for (const edge of buckets.get(bucket) ?? []) if (edge.from <= last && edge.to >= first) seen.add(edge);
  }
  return [...seen];
}

/** Faults that last, with the rows between which they do. */
export const spells: readonly {
  readonly lane: number;
  readonly first: number;
  readonly last: number;
  readonly text: string;
  readonly fault: string;
}[] = Object.entries(rows.lastsMs).map(([text, lastsMs]) => {
  const first = Number(text);
  const endMs = (rows.atMs[first] as number) + lastsMs;
  const last = Math.max(first, rowAtTime(endMs));
  return { lane: rows.lane[first] as number, first, last, text: rows.text[first] as string, fault: faultOf(first) };
});

/** The fault that a row is, or that hits it, '' for none. */
export function faultOf(row: number): string {
  const fault = rows.fault[row];
  return fault === undefined ? '' : (run.faults[fault] as string);
}

export const faultRows: readonly number[] = Array.from({ length: ROWS }, (_, row) => row).filter((row) =>
  ['fault', 'crash'].includes(kindOf(row)),
);

/** The rules asked in a row. */
export function askedIn(row: number): readonly string[] {
  const kind = kindOf(row);
  if (kind !== 'fact') return run.asked[kind] ?? [];
  const fact = /(sent|received|acked|nacked|extended|released|expired|reprocessed|purged)/.exec(
    rows.text[row] as string,
  )?.[0];
  return [...(run.asked['fact'] ?? []), ...(run.asked[fact ?? ''] ?? [])];
}

/** First and last row of the step that a row belongs to. */
export function stepAround(row: number): { first: number; last: number } {
  const step = rows.step[row];
  let [first, last] = [row, row];
  while (first > 0 && rows.step[first - 1] === step) first--;
  while (last + 1 < ROWS && rows.step[last + 1] === step) last++;
  return { first, last };
}

/** The first row of a step; -1 when it is not there. */
export function rowOfStep(step: number): number {
  let [low, high] = [0, ROWS];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rows.step[middle] as number) < step) low = middle + 1;
    else high = middle;
  }
  return rows.step[low] === step ? low : -1;
}

/** The last row at or before a time; -1 when there is none. */
export function rowAtTime(ms: number): number {
  let [low, high] = [0, ROWS];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rows.atMs[middle] as number) <= ms) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

export const msText = (ms: number): string => `${ms.toLocaleString('en')} ms`;
