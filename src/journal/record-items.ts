import type { Acked, Fact, Purged } from '../core/facts.ts';
import type { Image } from '../core/image.ts';
import type { Limits } from '../core/limits.ts';
import type { ProcessFact } from '../ports/process-facts.ts';

/**
 * Records: what frames carry. Each is its kind (u8), its shard (u16, PROCESS for none), the length of its body (u32), its body.
 * Kinds are append-only and their bodies never change: what is new gets a new kind, and yesterday's files open.
 */
export const KINDS = {
  sent: 1,
  /** A send whose payload is in a file of its own. */
  sent_apart: 2,
  received: 3,
  acked: 4,
  nacked: 5,
  extended: 6,
  released: 7,
  expired: 8,
  reprocessed: 9,
  purged: 10,
  recovered: 11,
  started: 32,
  limited: 33,
  revoked: 34,
  charged: 35,
  clocks: 36,
  /** One that says the chain it counts on. */
  charged_link: 37,
  barred: 38,
  told: 39,
  redrive_begun: 40,
  redrive_went: 41,
  shard: 64,
  free_slots: 65,
  message: 66,
  /** A message whose payload is in a file of its own. */
  message_apart: 67,
  settled: 68,
  head: 96,
  end: 97,
  /** The head of a snapshot that ends within a segment. */
  head_within: 98,
} as const;
/** The first record of a snapshot: what it holds everything up to. */
export interface Head {
  readonly name: 'head';
  readonly sequence: number;
  readonly term: number;
  /** Hash of the frame with this sequence, 64 hex digits. */
  readonly hash: string;
  /** Where the log goes on after it: this segment, */
  readonly segment: number;
  /** from this place on. */
  readonly at: number;
  readonly shards: number;
  readonly limits: Limits;
}
/** The last record of a snapshot: it is whole. */
export interface End {
  readonly name: 'end';
  readonly records: number;
}
export type Item = Fact | ProcessFact | Image | Head | End;
/** What happened to a shard. */
export const isFact = ({ name }: Item): boolean => KINDS[name] <= KINDS.recovered;
/** With this its message is no more. */
export const isEnd = (fact: Fact): fact is Acked | Purged => fact.name === 'acked' || fact.name === 'purged';
/** What happened to the process. */
export const isProcessFact = (item: Item): item is ProcessFact =>
  KINDS[item.name] >= KINDS.started && KINDS[item.name] <= KINDS.redrive_went;
/** A part of a shard in a snapshot. */
export const isImage = (item: Item): item is Image =>
  KINDS[item.name] >= KINDS.shard && KINDS[item.name] <= KINDS.settled;

/** One record; shard null for those of the process. */
export interface Entry {
  readonly shard: number | null;
  readonly item: Item;
}
