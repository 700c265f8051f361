import { STATES, type State } from '../../spec/vocabulary.ts';
import type { StorageReader } from '../ports/storage.ts';
import { FORMAT_VERSION, filesOf, PAYLOADS, segmentFile, snapshotFile } from './layout.ts';
import { mustRecover } from './read-live.ts';
import type { RecoverOptions } from './recover.ts';

interface Amount {
  readonly count: number;
  readonly bytes: number;
}

/** What a data directory holds, and what its journal says. */
export interface Stat {
  readonly format: number;
  readonly segments: Amount;
  readonly snapshots: Amount;
  readonly payload_files: Amount;
  /** Space kept back for a full disk is there. */
  readonly reserve: boolean;
  /** Of a write that was cut off: put aside by the next start. */
  readonly torn_bytes: number;
  /** Processes that have served from it so far. */
  readonly term: number;
  /** Of the last frame. */
  readonly sequence: number;
  /** Where the next one goes. */
  readonly end: { readonly file: string; readonly at: number };
  /** The last frame that the newest snapshot covers, null without one. */
  readonly snapshot_sequence: number | null;
  readonly shards: number;
  /** Messages by state; those acked and purged while they are still remembered. */
  readonly messages: Readonly<Partial<Record<State, number>>>;
  readonly idempotency_entries: number;
  readonly settled_receipts: number;
}

/** @throws UnreadableError */
export function statOf(source: StorageReader, options: RecoverOptions): Stat {
  const { replica, tail, snapshot } = mustRecover(source, { ...options, withoutPayloads: true });
  const files = filesOf(source);
  const amount = (names: readonly string[]): Amount => ({
    count: names.length,
    bytes: names.reduce((sum, name) => sum + source.size(name), 0),
  });
  const known = STATES.filter((state) => state !== 'absent');
  const messages = Object.fromEntries(known.map((state) => [state, 0])) as Record<State, number>;
  for (const shard of replica.shards) for (const { state } of shard.messages()) messages[state]++;
  const sum = (of: (shard: (typeof replica.shards)[number]) => number): number =>
    replica.shards.reduce((total, shard) => total + of(shard), 0);
  return {
    format: FORMAT_VERSION,
    segments: amount(files.segments.map(segmentFile)),
    snapshots: amount(files.snapshots.map(snapshotFile)),
    payload_files: amount(source.files(PAYLOADS).map((name) => `${PAYLOADS}/${name}`)),
    reserve: files.hasReserve,
    torn_bytes: tail.tornEnd - tail.at,
    term: replica.term,
    sequence: tail.sequence,
    end: { file: segmentFile(tail.segment), at: tail.at },
    snapshot_sequence: snapshot?.sequence ?? null,
    shards: replica.shards.length,
    messages,
    idempotency_entries: sum(({ windows }) => windows.size),
    settled_receipts: sum(({ settled }) => settled.size),
  };
}
