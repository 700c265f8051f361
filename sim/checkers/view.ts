import type { DeadReason, State } from '../../spec/vocabulary.ts';
import type { MessageFact } from '../../src/core/facts.ts';
import type { Limits } from '../../src/core/limits.ts';

/** A receipt that settled a lease, youngest first (LE4). */
export interface SettledBy {
  readonly receipt: string;
  readonly verb: 'ack' | 'nack';
  readonly state: State;
  readonly untilMs: number;
  readonly older: SettledBy | null;
}

/** What a message must be, worked out from its facts apart from the core: a second opinion. Times as the node's clock shows them. */
export class View {
  declare state: State;
  declare attempt: number;
  declare epoch: number;
  declare redrives: number;
  declare releases: number;
  declare receipt: string | null;
  /** Leased: the deadline; queued or redelivered: the not-before. */
  declare timerAtMs: number;
  declare leaseEndsMs: number;
  declare visibilityMs: number;
  declare ttlAtMs: number;
  declare readyAtMs: number;
  declare idemUntilMs: number;
  declare deadAtMs: number;
  /** Deaths in its shard up to this one, itself included. */
  declare deathNumber: number;
  declare deadReason: DeadReason | null;
  declare lastError: string | null;
  declare settled: SettledBy | null;

  constructor() {
    this.state = 'absent';
    this.attempt = 0;
    this.epoch = 0;
    this.redrives = 0;
    this.releases = 0;
    this.receipt = null;
    this.timerAtMs = 0;
    this.leaseEndsMs = 0;
    this.visibilityMs = 0;
    this.ttlAtMs = Number.POSITIVE_INFINITY;
    this.readyAtMs = 0;
    this.idemUntilMs = 0;
    this.deadAtMs = 0;
    this.deathNumber = 0;
    this.deadReason = null;
    this.lastError = null;
    this.settled = null;
  }

  copyFrom(other: View): void {
    this.state = other.state;
    this.attempt = other.attempt;
    this.epoch = other.epoch;
    this.redrives = other.redrives;
    this.releases = other.releases;
    this.receipt = other.receipt;
    this.timerAtMs = other.timerAtMs;
    this.leaseEndsMs = other.leaseEndsMs;
    this.visibilityMs = other.visibilityMs;
    this.ttlAtMs = other.ttlAtMs;
    this.readyAtMs = other.readyAtMs;
    this.idemUntilMs = other.idemUntilMs;
    this.deadAtMs = other.deadAtMs;
    this.deathNumber = other.deathNumber;
    this.deadReason = other.deadReason;
    this.lastError = other.lastError;
    this.settled = other.settled;
  }

  get isWaiting(): boolean {
    return this.state === 'queued' || this.state === 'redelivered';
  }
  /** Counts against the capacity of its shard. */
  get isPending(): boolean {
    return this.isWaiting || this.state === 'leased';
  }
  get isOver(): boolean {
    return this.state === 'acked' || this.state === 'purged';
  }

  follow(fact: MessageFact, limits: Limits): void {
    switch (fact.name) {
      case 'sent':
        this.idemUntilMs = fact.idemUntilMs;
        this.ttlAtMs = fact.ttlAtMs;
        return this.ready('queued', fact.atMs, fact.notBeforeMs);
      case 'received':
        this.state = 'leased';
        this.attempt++;
        this.epoch++;
        this.receipt = fact.receipt;
        this.visibilityMs = fact.visibilityMs;
        this.timerAtMs = fact.atMs + fact.visibilityMs;
        this.leaseEndsMs = fact.atMs + limits.inflightFactor * fact.visibilityMs;
        return;
      case 'extended':
        this.timerAtMs = fact.atMs + fact.visibilityMs;
        return;
      case 'acked':
        this.settle('ack', 'acked', fact.settledUntilMs);
        return this.close('acked');
      case 'nacked':
        this.settle('nack', fact.to, fact.settledUntilMs);
        return this.giveBack(fact);
      case 'expired':
        return this.giveBack(fact);
      case 'released':
        if (this.releases >= limits.releasesMax) return this.giveBack(fact);
        this.attempt--;
        this.releases++;
        return this.ready(this.attempt === 0 ? 'queued' : 'redelivered', fact.atMs, fact.atMs);
      case 'reprocessed':
        this.attempt = 0;
        this.releases = 0;
        this.redrives++;
        this.ttlAtMs = Number.POSITIVE_INFINITY;
        this.deadReason = null;
        this.lastError = null;
        return this.ready('queued', fact.atMs, fact.atMs);
      case 'purged':
        return this.close('purged');
    }
  }

  private ready(state: State, atMs: number, notBeforeMs: number): void {
    this.state = state;
    this.receipt = null;
    this.timerAtMs = notBeforeMs;
    this.readyAtMs = atMs;
  }

  private giveBack(fact: MessageFact & { name: 'nacked' | 'expired' | 'released' }): void {
    this.lastError = fact.lastError;
    if (fact.to !== 'dead_lettered') {
      this.releases = 0;
      return this.ready(fact.to, fact.atMs, fact.notBeforeMs);
    }
    this.deadReason = fact.reason;
    this.deadAtMs = fact.atMs;
    this.close('dead_lettered');
  }

  private close(state: State): void {
    this.state = state;
    this.receipt = null;
    this.releases = 0;
  }

  private settle(verb: 'ack' | 'nack', state: State, untilMs: number): void {
    this.settled = { receipt: this.receipt as string, verb, state, untilMs, older: this.settled };
  }

  /** The clock that its times are of was set back. */
  setBack(byMs: number): void {
    this.timerAtMs -= byMs;
    this.leaseEndsMs -= byMs;
    this.ttlAtMs -= byMs;
    this.readyAtMs -= byMs;
    this.idemUntilMs -= byMs;
    this.deadAtMs -= byMs;
    this.settled = earlier(this.settled, byMs);
  }

  /** How this receipt settled a lease with this verb, while that is remembered (LE4). */
  settledBy(receipt: string, verb: string): SettledBy | null {
    for (let entry = this.settled; entry !== null; entry = entry.older) {
      if (entry.receipt === receipt && entry.verb === verb) return entry;
    }
    return null;
  }
}

const earlier = (entry: SettledBy | null, byMs: number): SettledBy | null =>
  entry === null ? null : { ...entry, untilMs: entry.untilMs - byMs, older: earlier(entry.older, byMs) };

/** Until when something about a message that is over may be asked: a duplicate (ID4), a settled receipt (LE4). */
export function askedUntilMs({ idemUntilMs, settled }: View): number {
  let untilMs = idemUntilMs;
  for (let entry = settled; entry !== null; entry = entry.older) untilMs = Math.max(untilMs, entry.untilMs);
  return untilMs;
}
