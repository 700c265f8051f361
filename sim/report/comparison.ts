import type { Message } from '../../src/core/message.ts';
import type { ShardState } from '../../src/core/state.ts';
import type { Breach } from '../checkers/breach.ts';
import type { View } from '../checkers/view.ts';
import type { ComparedCell, Comparison } from './model.ts';

/** What both sides have of a message, in one form; null for what does not matter in its state. */
type Cells = Readonly<Record<string, string | number | null>>;
type Live = Pick<
  View,
  | 'state'
  | 'attempt'
  | 'epoch'
  | 'redrives'
  | 'releases'
  | 'receipt'
  | 'timerAtMs'
  | 'ttlAtMs'
  | 'idemUntilMs'
  | 'deadReason'
  | 'lastError'
>;

/** Cells that are times, on the node's clock. */
const TIMES: ReadonlySet<string> = new Set(['deadline or not before', 'ttl ends', 'key is remembered until']);
const RECEIPT_CHARS = 8;

function cellsOf(live: Live, nowMs: number): Cells {
  const waits = live.state === 'queued' || live.state === 'redelivered';
  const pending = waits || live.state === 'leased';
  const dead = live.state === 'dead_lettered';
  return {
    state: live.state,
    attempt: live.attempt,
    epoch: live.epoch,
    receipt: live.receipt,
    'deadline or not before': pending ? live.timerAtMs : null,
    redrives: live.redrives,
    releases: pending ? live.releases : null,
    'dead because': dead ? live.deadReason : null,
    'last error': dead ? live.lastError : null,
    'ttl ends': waits && Number.isFinite(live.ttlAtMs) ? live.ttlAtMs : null,
    'key is remembered until': live.idemUntilMs > nowMs ? live.idemUntilMs : null,
  };
}

const NOTHING: Cells = { state: 'absent' };

/** A process may have forgotten a message that is over, but not its key while that is remembered. */
function ofProcess(found: Message | undefined, must: Cells, nowMs: number): Cells {
  if (found !== undefined) return cellsOf(found, nowMs);
  const isOver = must['state'] === 'acked' || must['state'] === 'purged';
  return isOver ? { ...must, 'key is remembered until': null } : NOTHING;
}

/** Counted and timed only while a message waits: that one side has none says no more than its state does. */
const ONLY_WAITING: ReadonlySet<string> = new Set(['releases', 'ttl ends']);
const differ = (name: string, left: Cells[string], right: Cells[string]): boolean =>
  left !== right && !(ONLY_WAITING.has(name) && (left === null || right === null));

interface Sides {
  readonly lane: string;
  readonly process: Message | undefined;
  readonly must: View | undefined;
  /** Times of the node's clock, as those of the run. */
  readonly aheadMs: number;
  readonly nowMs: number;
}

function compared({ process, must, aheadMs, nowMs }: Sides): ComparedCell[] {
  const right = must === undefined ? NOTHING : cellsOf(must, nowMs);
  const left = ofProcess(process, right, nowMs);
  const shown = (name: string, value: string | number | null | undefined): string => {
    if (value === null || value === undefined) return '-';
    if (TIMES.has(name)) return `${(Number(value) - aheadMs).toLocaleString('en')} ms`;
    return name === 'receipt' ? String(value).slice(0, RECEIPT_CHARS) : String(value);
  };
  return Object.keys({ ...left, ...right }).map((name) => ({
    name,
    process: shown(name, left[name]),
    specification: shown(name, right[name]),
    differs: differ(name, left[name] ?? null, right[name] ?? null),
  }));
}

/** A node as the end of the run left it. */
export interface NodeAtEnd {
  readonly lane: string;
  readonly aheadMs: number;
  readonly nowMs: number;
  readonly shards: readonly ShardState[];
  readonly messages: Pick<ReadonlyMap<string, { readonly live: View }>, 'get'>;
}

/** What the run ended with, on both sides; null where nothing can be compared. */
export function comparisonOf(
  breach: Breach | null,
  msgId: string | null,
  nodes: readonly NodeAtEnd[],
): Comparison | null {
  const own = (breach?.sides ?? []).map((side) => ({ ...side, differs: true }));
  if (msgId === null) return own.length === 0 ? null : { lane: '', cells: own };
  for (const { lane, aheadMs, nowMs, shards, messages } of nodes) {
    const must = messages.get(msgId)?.live;
    const process = shards.map((shard) => shard.find(msgId)).find((message) => message !== undefined);
    if (must === undefined && process === undefined) continue;
    return { lane, cells: [...own, ...compared({ lane, process, must, aheadMs, nowMs })] };
  }
  return own.length === 0 ? null : { lane: '', cells: own };
}
