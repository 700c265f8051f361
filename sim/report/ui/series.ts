import { kindOf, ROWS, run } from './run.ts';

/** What can be counted along the run, by row. */
const { rows } = run;

const PENDING = new Set(['queued', 'leased', 'redelivered']);
/** A poll waits on purpose: how long it takes says nothing. */
const POLLS = new Set(['recv', 'stream']);
const NO_REFUSALS = new Set(['ok', 'duplicate', 'no answer']);

/** Messages that wait or are leased, and those that are leased, after each row. */
export const depth = new Int32Array(ROWS);
export const inflight = new Int32Array(ROWS);
/** Answers to calls that do not wait: row, and how long it took. */
export const latencies: { readonly row: number; readonly ms: number }[] = [];
export const refusals: number[] = [];

function count(): void {
  const states: string[] = run.messages.map(() => '');
  let { pending, leased } = run.beforeUntold;
  const become = (message: number, state: string): void => {
    const before = states[message] as string;
    pending += Number(PENDING.has(state)) - Number(PENDING.has(before));
    leased += Number(state === 'leased') - Number(before === 'leased');
    states[message] = state;
  };
  for (const [message, { state }] of run.before) become(message, state);
  for (let row = 0; row < ROWS; row++) {
    for (const [message, { state }] of rows.changes[row] ?? []) become(message, state);
    depth[row] = pending;
    inflight[row] = leased;
  }
}

function measure(): void {
  const calledMs = new Map<number, number>();
  for (let row = 0; row < ROWS; row++) {
    const call = rows.call[row] as number;
    const kind = kindOf(row);
    if (kind === 'call') calledMs.set(call, rows.atMs[row] as number);
    const outcome = rows.outcome[row];
    if (kind !== 'answer' || outcome === undefined) continue;
    const name = run.outcomes[outcome] as string;
    if (!NO_REFUSALS.has(name)) refusals.push(row);
    const fromMs = calledMs.get(call);
    const isPoll = POLLS.has(run.calls[call]?.verb ?? '');
    if (fromMs !== undefined && !isPoll && name !== 'no answer')
      latencies.push({ row, ms: (rows.atMs[row] as number) - fromMs });
  }
}

count();
measure();
