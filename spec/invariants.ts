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

/** A message whose time counts too. */
export interface TimedView extends MessageView {
  /** Leased: the deadline; queued or redelivered: the not-before. */
  readonly timerAtMs: number;
}

/** Who may end a lease: who holds its receipt, time, or the mailbox that could not hand it over (LE3, RT3, LE7). */
export type LeaseEnd = 'holder' | 'deadline' | 'release';

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

/**
 * A lease begins only where none is in force, with the next epoch and a receipt; it ends only by its holder or a release before its
 * deadline, or by the deadline itself (LE1, LE2, LE3). `by` is null for a step that can end no lease.
 */
export function SingleLeaseProp(before: TimedView, after: TimedView, atMs: number, by: LeaseEnd | null): boolean {
  const isLeased = after.state === 'leased';
  if (isLeased === (after.receipt === null)) return false;
  if (before.state === 'leased') {
    if (after.epoch !== before.epoch) return false;
    if (isLeased) return after.receipt === before.receipt;
    return by !== null && (by === 'deadline') === before.timerAtMs <= atMs;
  }
  if (!isLeased) return after.epoch === before.epoch;
  return isWaiting(before.state) && before.timerAtMs <= atMs && after.epoch === before.epoch + 1;
}

const isWaiting = (state: State): boolean => state === 'queued' || state === 'redelivered';
const isOver = (state: State): boolean => state === 'acked' || state === 'purged';

/**
 * A message ends only by an ack of its lease, or as a dead letter that was purged with a trace: `isTraced` says that the step left
 * one, of this very message (DL3). What is over stays so, and nothing is forgotten as if it had never been.
 */
export function EndsProp(before: MessageView, after: MessageView, by: LeaseEnd | null, isTraced: boolean): boolean {
  if (isOver(before.state)) return after.state === before.state;
  if (after.state === 'absent') return before.state === 'absent';
  if (after.state === 'acked') return before.state === 'leased' && by === 'holder';
  return after.state !== 'purged' || (before.state === 'dead_lettered' && isTraced);
}

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

/** What a tenant has of a bound before it takes one more, of whole percents (BD5). */
export interface ShareView {
  readonly bound: number;
  readonly used: number;
  readonly ofTenant: number;
}

/** A tenant beyond its share takes nothing of the reserve (BD5); `share` 0: tenants are not told apart. */
export const IsolationProp = (before: ShareView, share: number, reserve: number): boolean =>
  share === 0 ||
  before.ofTenant * 100 < share * before.bound ||
  (before.bound - before.used) * 100 > reserve * before.bound;

/** Where there is room, a tenant within its share is not refused for it, whatever others have (BD5). */
export const RoomInv = (view: ShareView, share: number, isRefused: boolean): boolean =>
  !isRefused || (share > 0 && view.ofTenant * 100 >= share * view.bound);

/** A send is accepted only when no entry of its (topic, idem_key) is live: `liveUntilMs` is the end of the last (ID1). */
export const IdempotentInv = (liveUntilMs: number, atMs: number): boolean => liveUntilMs <= atMs;

/** An entry lives at least t_replay (ID1). */
export const WindowProp = (sentAtMs: number, untilMs: number, tReplayMs: number): boolean =>
  untilMs - sentAtMs >= tReplayMs;

/** An accepted message is known, in a state of its own. How it may end, no state tells: EndsProp. */
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
