/**
 * The rules of one message as named pure functions: guards say whether, updates say how the numbers change.
 * `message.machine.ts` arranges them into the machine, `src/core` runs them; nobody else decides about a message.
 * Times are whole milliseconds that the caller brings; nothing here reads a clock.
 */

/** The numbers of a message that the lifecycle rules over: the machine's context, and part of the core's message. */
export interface Lifecycle {
  /** Leases counted since the send or the last reprocess, 0..maxAttempts. */
  attempt: number;
  /** Leases ever; never falls (LE2). */
  epoch: number;
  /** Reprocesses so far, 0..maxRedrives (DL2). */
  redrives: number;
  /** Uncounted releases in a row, 0..releasesMax (LE7). */
  releases: number;
  /** The receipt of the lease in force, null when there is none. */
  receipt: string | null;
  /** While leased the deadline; while queued or redelivered the not-before. */
  timerAtMs: number;
  /** While leased, the time no extension may pass (LE5). */
  leaseEndsMs: number;
  /** The visibility of the recv that made the lease. */
  visibilityMs: number;
  /** When the ttl runs out; Infinity when there is none. */
  ttlAtMs: number;
  /** When the message last became queued or redelivered; its retention counts from here. */
  readyAtMs: number;
}

/** What an event brings with it. Each guard and update reads only what its event defines. */
export interface LifecycleEvent {
  readonly atMs: number;
  /** recv: the fresh one; ack, nack, extend, release: the one presented. */
  readonly receipt?: string;
  /** expire: the epoch of the lease the timer was set for. */
  readonly epoch?: number;
  /** recv, extend: length of the lease. */
  readonly visibilityMs?: number;
  /** send, nack, release, expire: when the message may be leased next. */
  readonly notBeforeMs?: number;
  /** send: when the ttl runs out. */
  readonly ttlAtMs?: number;
  /** nack: straight to the dead letters. */
  readonly deadLetter?: boolean;
}

/** The limits the lifecycle depends on (a part of the core's limits). */
export interface LifecycleLimits {
  readonly maxAttempts: number;
  readonly maxRedrives: number;
  readonly inflightFactor: number;
  /** Uncounted releases in a row (LE7). */
  readonly releasesMax: number;
  readonly readyRetentionMs: number;
}

type Guard = (message: Lifecycle, event: LifecycleEvent, limits: LifecycleLimits) => boolean;

export const guards = {
  /** Its delay or backoff has passed (LE1). */
  isAvailable: (message, event) => message.timerAtMs <= event.atMs,
  /** The receipt is the current one and the deadline is ahead (LE3). */
  holdsLease: (message, event) =>
    message.receipt !== null && event.receipt === message.receipt && event.atMs < message.timerAtMs,
  /** The lease this timer was set for is in force and past its deadline (RT3). */
  leaseIsOver: (message, event) => event.epoch === message.epoch && message.timerAtMs <= event.atMs,
  /** Another delivery is allowed (RT1). */
  attemptsLeft: (message, _event, limits) => message.attempt < limits.maxAttempts,
  /** The consumer rejected the message for good (RT1). */
  deadLetterAsked: (_message, event) => event.deadLetter === true,
  /** The extension stays within inflight_factor x the recv's visibility (LE5). */
  mayExtend: (message, event) => event.atMs + (event.visibilityMs ?? 0) <= message.leaseEndsMs,
  /** This release still goes uncounted (LE7). */
  releasesLeft: (message, _event, limits) => message.releases < limits.releasesMax,
  /** The lease being released was the first delivery: the message was never seen by anyone. */
  neverDelivered: (message) => message.attempt === 1,
  /** Another reprocess is allowed (DL2). */
  redrivesLeft: (message, _event, limits) => message.redrives < limits.maxRedrives,
  /** The ttl ran out while the message was waiting (AC2). */
  ttlIsOver: (message, event) => message.ttlAtMs <= event.atMs,
  /** The message was ready for longer than the topic keeps it (DL1, I5). */
  retentionIsOver: (message, event, limits) => message.readyAtMs + limits.readyRetentionMs <= event.atMs,
} as const satisfies Record<string, Guard>;
export type GuardName = keyof typeof guards;

type Update = (message: Lifecycle, event: LifecycleEvent, limits: LifecycleLimits) => void;

export const updates = {
  /** A message enters the queue for the first time (AC2). */
  begin: (message, event) => {
    message.timerAtMs = event.notBeforeMs ?? event.atMs;
    message.ttlAtMs = event.ttlAtMs ?? Number.POSITIVE_INFINITY;
    message.readyAtMs = event.atMs;
  },
  /** One more attempt, one more epoch, a deadline, a receipt (LE2). */
  lease: (message, event, limits) => {
    const visibilityMs = event.visibilityMs ?? 0;
    message.attempt += 1;
    message.epoch += 1;
    message.receipt = event.receipt ?? null;
    message.visibilityMs = visibilityMs;
    message.timerAtMs = event.atMs + visibilityMs;
    message.leaseEndsMs = event.atMs + limits.inflightFactor * visibilityMs;
  },
  /** The deadline moves (LE5). */
  prolong: (message, event) => {
    message.timerAtMs = event.atMs + (event.visibilityMs ?? 0);
  },
  /** The lease ends without another delivery: acked or dead-lettered. */
  close: (message) => {
    message.receipt = null;
    message.releases = 0;
  },
  /** The lease ends and the message waits out its backoff (RT1). */
  giveBack: (message, event) => {
    message.receipt = null;
    message.releases = 0;
    message.timerAtMs = event.notBeforeMs ?? event.atMs;
    message.readyAtMs = event.atMs;
  },
  /** The lease never was: its attempt is not counted, its epoch stays (LE7). */
  takeBack: (message, event) => {
    message.receipt = null;
    message.attempt -= 1;
    message.releases += 1;
    message.timerAtMs = event.atMs;
    message.readyAtMs = event.atMs;
  },
  /** Back to the queue from the dead letters (DL2). */
  redrive: (message, event) => {
    message.attempt = 0;
    message.releases = 0;
    message.redrives += 1;
    message.timerAtMs = event.atMs;
    message.ttlAtMs = Number.POSITIVE_INFINITY;
    message.readyAtMs = event.atMs;
  },
} as const satisfies Record<string, Update>;
export type UpdateName = keyof typeof updates;

/** The lifecycle numbers of a message before its send. */
export function unsent(): Lifecycle {
  return {
    attempt: 0,
    epoch: 0,
    redrives: 0,
    releases: 0,
    receipt: null,
    timerAtMs: 0,
    leaseEndsMs: 0,
    visibilityMs: 0,
    ttlAtMs: Number.POSITIVE_INFINITY,
    readyAtMs: 0,
  };
}
