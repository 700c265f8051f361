import { STATES } from '../../spec/vocabulary.ts';
import type { Message } from '../core/message.ts';
import type { ShardState } from '../core/state.ts';
import { LAST_ERRORS, type MailboxConstants, REASONS, VERBS } from './mailbox.ts';

/** A receipt, reason or error that should not be there, or not be that: no state of the specification has it. */
const WRONG = 255;
/** Of so few names, one by one finds them faster than a look-up by text. */
function placeOf(name: string | null, names: readonly string[]): number {
  for (let i = 0; i < names.length; i++) if (names[i] === name) return i;
  return WRONG;
}
const NONE = 0;

/** Bytes of a number and of NoTtl (`values.ts`). */
const NO_TTL = 0;
const number = (value: number): number => value + 1;
/** Ticks from now to a time; what is past is 0, as in the specification. */
const left = (atMs: number, nowMs: number): number => number(atMs > nowMs ? atMs - nowMs : 0);
/** Each text once, for it is compared very often. */
const RECEIPTS: string[] = [];
/** The k-th lease of a message has this receipt in a model. */
export function receiptOf(epoch: number): string {
  while (RECEIPTS.length <= epoch) RECEIPTS.push(`r${RECEIPTS.length}`);
  return RECEIPTS[epoch] as string;
}

/** When the window of a message ends, 0 when it is closed: what its row says once it is over. */
export function openUntilMs(shard: ShardState, { seq, slot }: Message): number {
  return shard.seqIn(slot) === seq ? shard.idemUntilMsIn(slot) : 0;
}

/** Places of the variables in a state's bytes: each of the first 14 takes one byte a message. */
const STATE_AT = 0;
const ATTEMPT = 1;
const EPOCH = 2;
const REDRIVES = 3;
const RELEASES = 4;
const RECEIPT = 5;
const TIMER = 6;
const LEFT = 7;
const VISIBILITY = 8;
const TTL = 9;
const KEEP = 10;
const WINDOW = 11;
const REASON_AT = 12;
const ERROR_AT = 13;
const OF_MESSAGE = 14;
const SETTLED_WIDTH = 5;

/**
 * The projection: what the specification's variables are in this state of the core. `messages[m]` is message m as it was
 * last known. Numbers that nobody reads in a state are 0 there, as in the specification; `FIELDS` says which those are.
 * Returns where the bytes end.
 */
export function project(
  state: ShardState,
  messages: readonly (Message | undefined)[],
  c: MailboxConstants,
  into: Uint8Array,
): number {
  for (let m = 1; m <= c.N; m++) {
    const message = messages[m];
    if (message === undefined) projectAbsent(c.N, m, into);
    else projectMessage(state, message, c, m, into);
  }
  const deadAt = OF_MESSAGE * c.N;
  const settledAt = begin(state.dead.size, Math.min(c.N, c.DlqCapacity), 1, into, deadAt);
  if (state.dead.size > 0) projectDead(state, into, deadAt);
  const end = begin(state.settled.size, c.SettledCapacity, SETTLED_WIDTH, into, settledAt);
  if (state.settled.size > 0) projectSettled(state, into, settledAt);
  return end;
}

/** The length of a sequence and zeros for what it may hold; returns where it ends. */
function begin(size: number, most: number, width: number, into: Uint8Array, at: number): number {
  if (size > most) throw new Error(`projection: ${size} in a line of at most ${most}`);
  const end = at + 1 + most * width;
  for (let i = at; i < end; i++) into[i] = 0;
  into[at] = size;
  return end;
}

function projectAbsent(n: number, m: number, into: Uint8Array): void {
  for (let variable = 0; variable < OF_MESSAGE; variable++) into[variable * n + m - 1] = number(0);
  for (const variable of [STATE_AT, REASON_AT, ERROR_AT]) into[variable * n + m - 1] = 0;
  into[TTL * n + m - 1] = NO_TTL;
}

function projectMessage(shard: ShardState, message: Message, c: MailboxConstants, m: number, into: Uint8Array): void {
  const { N: n } = c;
  const { nowMs } = shard;
  const { state } = message;
  const leased = state === 'leased';
  const waits = state === 'queued' || state === 'redelivered';
  const dead = state === 'dead_lettered';
  const lives = leased || waits;
  const i = m - 1;
  into[STATE_AT * n + i] = placeOf(state, STATES);
  into[ATTEMPT * n + i] = number(message.attempt);
  into[EPOCH * n + i] = number(message.epoch);
  into[REDRIVES * n + i] = number(message.redrives);
  into[RELEASES * n + i] = number(message.releases);
  into[RECEIPT * n + i] = receiptByte(message, leased);
  into[TIMER * n + i] = lives ? left(message.timerAtMs, nowMs) : number(0);
  into[LEFT * n + i] = leased ? left(message.leaseEndsMs, nowMs) : number(0);
  into[VISIBILITY * n + i] = number(leased ? message.visibilityMs : 0);
  into[TTL * n + i] = !lives || message.ttlAtMs === Number.POSITIVE_INFINITY ? NO_TTL : left(message.ttlAtMs, nowMs);
  into[KEEP * n + i] = number(0);
  if (waits && c.ReadyRetention > 0) into[KEEP * n + i] = left(message.readyAtMs + c.ReadyRetention, nowMs);
  if (dead && c.DlqRetention > 0) into[KEEP * n + i] = left(message.deadAtMs + c.DlqRetention, nowMs);
  const windowMs = openUntilMs(shard, message);
  into[WINDOW * n + i] = windowMs !== 0 ? number(windowMs - nowMs) : number(0);
  into[REASON_AT * n + i] = dead && message.deadReason !== null ? placeOf(message.deadReason, REASONS) : NONE;
  into[ERROR_AT * n + i] =
    c.Errors && (lives || dead) && message.lastError !== null ? placeOf(message.lastError, LAST_ERRORS) : NONE;
}

function receiptByte({ receipt, epoch }: Message, leased: boolean): number {
  if (!leased) return receipt === null ? number(0) : WRONG;
  return receipt === receiptOf(epoch) ? number(epoch) : WRONG;
}

function projectDead(state: ShardState, into: Uint8Array, at: number): void {
  let next = at + 1;
  for (const message of state.dead.values()) if (message !== undefined) into[next++] = number(message.seq);
}

function projectSettled(state: ShardState, into: Uint8Array, at: number): void {
  let next = at + 1;
  for (const [{ seq }, entry] of state.settledReceipts()) {
    into[next] = number(seq);
    into[next + 1] = number(Number(entry.receipt.slice(1)));
    into[next + 2] = placeOf(entry.verb, VERBS);
    into[next + 3] = placeOf(entry.state, STATES);
    into[next + 4] = number(entry.untilMs - state.nowMs);
    next += SETTLED_WIDTH;
  }
}

type Projected = readonly ['projected', variable: string] | readonly ['irrelevant', because: string];

/**
 * Every field of the core's state, and where it is in the specification. A test holds this table to the classes: no field may
 * be missing, and each projected one must show in the bytes.
 */
export const FIELDS: Readonly<
  Record<'Message' | 'ShardState' | 'Topic' | 'Tenant' | 'Settled', Readonly<Record<string, Projected>>>
> = {
  Message: {
    state: ['projected', 'state'],
    attempt: ['projected', 'attempt'],
    epoch: ['projected', 'epoch'],
    redrives: ['projected', 'redrives'],
    releases: ['projected', 'releases'],
    receipt: ['projected', 'receipt'],
    timerAtMs: ['projected', 'timer'],
    leaseEndsMs: ['projected', 'left'],
    visibilityMs: ['projected', 'visibility'],
    ttlAtMs: ['projected', 'ttl'],
    readyAtMs: ['projected', 'keep'],
    deadAtMs: ['projected', 'keep'],
    idemUntilMs: ['projected', 'window'],
    deadReason: ['projected', 'reason'],
    lastError: ['projected', 'error'],
    seq: ['projected', 'state'],
    msgId: ['irrelevant', 'the name of a message, fixed when it is sent; a message is its sequence number'],
    slot: ['irrelevant', 'where the shard keeps it: part of its name'],
    topic: ['irrelevant', 'fixed when it is sent: TopicOf'],
    idemKey: ['irrelevant', 'fixed when it is sent: KeyOf'],
    payload: ['irrelevant', 'fixed when it is sent: SizeOf; null when the message is over, which the audit checks'],
    payloadHash: ['irrelevant', 'fixed when it is sent'],
    hashChain: ['irrelevant', 'fixed when it is sent'],
    packedAttrs: ['irrelevant', 'fixed when it is sent; none when the message is over, which the audit checks'],
    corrId: ['irrelevant', 'fixed when it is sent'],
    ageNumber: ['irrelevant', 'its place in the line that its state puts it in, which the audit checks'],
    place: ['irrelevant', 'its place in the heap that its state puts it in, which the audit checks'],
    ttlPlace: ['irrelevant', 'its place in the heap of ttls, which the audit checks'],
    oldestSettled: ['irrelevant', 'its own entries of `settled`, which the audit checks'],
    newestSettled: ['irrelevant', 'its own entries of `settled`, which the audit checks'],
    cell: ['irrelevant', 'its place among those alive'],
    times: ['irrelevant', 'the column in which the times above stand'],
    at: ['irrelevant', 'the column in which the times above stand'],
  },
  ShardState: {
    dead: ['projected', 'dlq'],
    settled: ['projected', 'settled'],
    nowMs: ['irrelevant', 'the specification has no clock: every time is what is left of it'],
    shard: ['irrelevant', 'fixed'],
    limits: ['irrelevant', 'fixed: the constants of the model'],
    heldTo: ['irrelevant', 'fixed: the constants of the model'],
    living: ['irrelevant', 'the messages that are alive'],
    rows: ['irrelevant', 'the messages that are over: which are remembered, Known, and RefuseNotFound of the others'],
    places: ['irrelevant', 'where the message of a slot is, which the audit checks'],
    slotCount: ['irrelevant', 'the slots that were ever used, which the audit checks'],
    topicsByNumber: ['irrelevant', 'an index over the topics, by which rows name them'],
    freeTopicNumbers: ['irrelevant', 'the order in which numbers are used again'],
    windowIndex: ['irrelevant', 'the windows by their keys, which the audit checks'],
    hashKey: ['irrelevant', 'of the index of windows: none shows in any answer'],
    freeSlots: ['irrelevant', 'the order in which places are used again shows in names only; the audit counts them'],
    topics: ['irrelevant', 'an index over the messages, which the audit checks'],
    tenants: ['irrelevant', 'counts over the messages, which the audit checks'],
    holders: ['irrelevant', 'an index over the dead letters, which the audit checks'],
    windows: ['irrelevant', 'an index over the messages, which the audit checks'],
    windowUntilMs: ['irrelevant', 'the end of the oldest of them, which the audit checks'],
    settledUntilMs: ['irrelevant', 'the end of the oldest of `settled`, which the audit checks'],
    leases: ['irrelevant', 'an index over the messages, which the audit checks'],
    waiting: ['irrelevant', 'an index over the messages, which the audit checks'],
    ttls: ['irrelevant', 'an index over the messages, which the audit checks'],
    ready: ['irrelevant', 'an index over the messages, which the audit checks'],
    queued: ['irrelevant', 'a count of messages, which the audit checks'],
    redelivered: ['irrelevant', 'a count of messages, which the audit checks'],
    payloadBytes: ['irrelevant', 'bytes of messages, which the audit checks'],
    liveBytes: ['irrelevant', 'bytes of messages, which the audit checks'],
    endedBytes: ['irrelevant', 'bytes of messages, which the audit checks'],
    lastSeq: ['irrelevant', 'the number of messages sent'],
    lastNumber: ['irrelevant', 'numbers only grow; what counts is their order in the lines'],
    parts: ['irrelevant', 'the lines and heaps above'],
  },
  Topic: {
    name: ['irrelevant', 'fixed: TopicOf'],
    tenant: ['irrelevant', 'fixed: TenantOf'],
    fresh: ['irrelevant', 'an index over the messages, which the audit checks'],
    returned: ['irrelevant', 'an index over the messages, which the audit checks'],
    dead: ['irrelevant', 'the part of `dlq` that is of this topic, which the audit checks'],
    queued: ['irrelevant', 'a count of messages, which the audit checks'],
    leased: ['irrelevant', 'a count of messages, which the audit checks'],
    redelivered: ['irrelevant', 'a count of messages, which the audit checks'],
    remembered: ['irrelevant', 'a count of messages, which the audit checks'],
    windows: ['irrelevant', 'a count of messages, which the audit checks'],
    number: ['irrelevant', 'what rows say instead of its name'],
  },
  Tenant: {
    name: ['irrelevant', 'fixed: TenantOf'],
    ready: ['irrelevant', 'a count of messages, which the audit checks'],
    leased: ['irrelevant', 'a count of messages, which the audit checks'],
    windows: ['irrelevant', 'a count of messages, which the audit checks'],
    topics: ['irrelevant', 'a count of topics, which the audit checks'],
    dead: ['irrelevant', 'the part of `dlq` that is of this tenant, which the audit checks'],
    rank: ['irrelevant', 'its place among the holders of dead letters, which the audit checks'],
  },
  Settled: {
    receipt: ['projected', 'settled'],
    verb: ['projected', 'settled'],
    state: ['projected', 'settled'],
    untilMs: ['projected', 'settled'],
    next: ['irrelevant', 'the order of a message’s own entries, which the audit checks'],
  },
};
