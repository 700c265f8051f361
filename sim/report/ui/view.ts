import { computed, effect, signal } from '@preact/signals';
import { indexOf, visible } from './filters.ts';
import { ROWS, rowOfStep, rowsOfMessage, run, stepAround } from './run.ts';

/** Where the reader is: a row, and the message that is followed. */
export const row = signal(run.failingRow >= 0 ? run.failingRow : 0);
export const message = signal<number | null>(null);
/** The rule whose text is pointed at. */
export const rule = signal<string | null>(null);
export const sought = signal('');
/** Counts up when the timeline is to bring the row into view. */
export const shown = signal(0);

export const step = computed(() => stepAround(row.value));

export function goTo(target: number): void {
  row.value = Math.max(0, Math.min(ROWS - 1, target));
  shown.value++;
}

/** A step on, or back. */
export function walk(by: 1 | -1): void {
  const { first, last } = step.value;
  const rows = visible.value;
  if (by > 0) {
    const next = rows[indexOf(last + 1)];
    if (next !== undefined) goTo(next);
    return;
  }
  const before = rows[indexOf(first) - 1];
  if (before !== undefined) goTo(rows[indexOf(stepAround(before).first)] as number);
}

/** So many of the rows that are visible on, or back. */
export function page(by: number): void {
  const rows = visible.value;
  const at = rows[Math.max(0, Math.min(rows.length - 1, indexOf(row.value) + by))];
  if (at !== undefined) goTo(at);
}

let wanted: number | null = null;
/** As often as the page is drawn, and no oftener: for a hand that moves. */
export function scrubTo(target: number): void {
  if (wanted === null) {
    requestAnimationFrame(() => {
      if (wanted !== null) goTo(wanted);
      wanted = null;
    });
  }
  wanted = target;
}

/** The next row of the message that is followed, or the one before. */
export function walkMessage(by: 1 | -1): void {
  if (message.value === null) return;
  const own = rowsOfMessage[message.value] ?? [];
  const next = by > 0 ? own.find((at) => at > row.value) : own.findLast((at) => at < row.value);
  if (next !== undefined) goTo(next);
}

export function follow(number: number | null): void {
  message.value = number;
}

/** Messages whose id, key or topic has what is sought. */
export const found = computed(() => {
  const text = sought.value.trim().toLowerCase();
  if (text === '') return [];
  return run.messages
    .map((_, i) => i)
    .filter((i) => {
      const { id, idemKey, topic } = run.messages[i] as (typeof run.messages)[number];
      return id.toLowerCase().includes(text.replace(/^\.\./, '')) || idemKey.includes(text) || topic.includes(text);
    })
    .slice(0, 20);
});

/** `#step=12&msg=01M..`: what a link to a step says. */
function fromLink(): void {
  const parts = new URLSearchParams(location.hash.slice(1));
  const msg = run.messages.findIndex(({ id }) => id === parts.get('msg'));
  if (msg >= 0) follow(msg);
  rule.value = parts.get('rule');
  const at = rowOfStep(Number(parts.get('step') ?? Number.NaN));
  if (at >= 0) goTo(at);
}

const failing = run.messages.findIndex(({ id }) => id === run.verdict.msgId);
if (failing >= 0) follow(failing);
fromLink();
addEventListener('hashchange', fromLink);

export const link = computed(() => {
  const parts = new URLSearchParams({ step: String(run.rows.step[row.value]) });
  const id = message.value === null ? undefined : run.messages[message.value]?.id;
  if (id !== undefined) parts.set('msg', id);
  return `#${parts}`;
});
/** Browsers refuse a page that sets its address all the time. */
const ADDRESS_EVERY_MS = 200;
let addressedMs = Number.NEGATIVE_INFINITY;
let later: ReturnType<typeof setTimeout> | undefined;
effect(() => {
  const address = link.value;
  const set = (): void => {
    addressedMs = performance.now();
    history.replaceState(null, '', address);
  };
  clearTimeout(later);
  const waitMs = addressedMs + ADDRESS_EVERY_MS - performance.now();
  if (waitMs <= 0) set();
  else later = setTimeout(set, waitMs);
});
