import type { State } from './vocabulary.ts';

/**
 * The invariants of `docs/lifecycle.md` as predicates, named as in `tla/Mailbox.tla`. Step predicates compare a
 * message before and after one fact; the simulator asks them after every step.
 */
export interface MessageView {
  readonly state: State;
  readonly attempt: number;
  readonly epoch: number;
  readonly receipt: string | null;
}

export interface BoundsView {
  readonly depth: number;
  readonly leased: number;
  readonly inflight: number;
  readonly windows: number;
  readonly dead: number;
}
export interface Bounds {
  readonly shardCapacity: number;
  readonly globalInflight: number;
  readonly dedupCapacity: number;
  readonly dlqCapacity: number;
}

/** At most one receipt is valid: a lease in force is never replaced by another (LE2, LE3). */
export const SingleLeaseInv = (before: MessageView, after: MessageView): boolean =>
  !(before.state === 'leased' && after.state === 'leased' && before.receipt !== after.receipt);

/** Acked is for ever. */
export const AckFinalProp = (before: MessageView, after: MessageView): boolean =>
  before.state !== 'acked' || after.state === 'acked';

/** Neither reprocess nor restart takes an epoch back (LE2). */
export const EpochMonotoneProp = (before: MessageView, after: MessageView): boolean => after.epoch >= before.epoch;

/** attempt <= max_attempts; one that is back in line has an attempt left (RT1). */
export const AttemptsBoundedInv = (message: MessageView, maxAttempts: number): boolean =>
  message.attempt <= maxAttempts && (message.state !== 'redelivered' || message.attempt < maxAttempts);

/** Every bound of BD1. */
export const CapacityInv = (view: BoundsView, bounds: Bounds): boolean =>
  view.depth <= bounds.shardCapacity &&
  view.inflight <= bounds.globalInflight &&
  view.windows <= bounds.dedupCapacity &&
  view.dead <= bounds.dlqCapacity;

/** A send is accepted only when no entry of its (topic, idem_key) is live: `liveUntilMs` is the end of the last (ID1). */
export const IdempotentInv = (liveUntilMs: number, atMs: number): boolean => liveUntilMs <= atMs;

/** An entry lives at least t_replay (ID1). */
export const WindowProp = (sentAtMs: number, untilMs: number, tReplayMs: number): boolean =>
  untilMs - sentAtMs >= tReplayMs;

/** An accepted message is known, in a state of its own, or was acked or purged by a fact (NoLoss). */
export const NoLossInv = (state: State | undefined): boolean => state !== undefined && state !== 'absent';

/** What a reply promised is in the durable prefix (AC1). */
export const ReplyDurableInv = (promisedFacts: number, durableFacts: number): boolean => promisedFacts <= durableFacts;

/** Recovery finds what the durable prefix says: as many facts as were synced, in their order. */
export const PrefixProp = (replayed: readonly MessageView[], expected: readonly MessageView[]): boolean =>
  replayed.length === expected.length &&
  replayed.every(({ state, attempt, epoch }, i) => {
    const other = expected[i];
    return state === other?.state && attempt === other.attempt && epoch === other.epoch;
  });
