import { SimulatedClock } from 'xstate';
import { freshKey, Keyring } from '../../src/auth/keyring.ts';
import { claimAll } from '../../src/node/claim-all.ts';
import { MailboxNode } from '../../src/node/node.ts';
import type { Claim, Unclaimed } from '../../src/ports/journal.ts';
import { UNBOUNDED } from '../../src/service/memory-budget.ts';
import type { Caller, Reply, Request } from '../../src/service/messages.ts';
import { shardOfTopic } from '../../src/service/sharding.ts';
import { FakeEngine, FakeJournal } from './fake-journal.ts';
import { hashOf } from './journal.ts';
import { limitsOf } from './shard.ts';

const SHARDS = 3;
export const topicOf = (shard: number): string => {
  for (let i = 0; ; i++) if (shardOfTopic(`t${i}`, SHARDS) === shard) return `t${i}`;
};
const everyone: Caller = { allowsTopic: () => true, charge: () => 0, isValid: () => true };
const START_MS = 1_800_000_000_000;

/** A process over a fake engine that others may share, in time that the test lets pass. */
export class FakeNode {
  readonly time = new SimulatedClock();
  readonly journal: FakeJournal;
  readonly node: MailboxNode;
  /** What the process was seen to do about its journal. */
  readonly seen: string[] = [];
  /** What became of each request, in the order in which it was answered. */
  readonly answers: [string, string][] = [];
  isOpen: boolean | null = null;
  private dueMs = Number.POSITIVE_INFINITY;
  private drawn = 0;

  constructor(
    engine = new FakeEngine(SHARDS),
    more: Partial<Pick<FakeJournal, 'onAppend' | 'onClaim' | 'onRead'>> = {},
  ) {
    this.journal = Object.assign(new FakeJournal(engine), more);
    const nowMs = (): number => START_MS + this.time.now();
    const clock = { nowMs, wallMs: nowMs, instantOf: (atMs: number) => atMs };
    const limits = limitsOf();
    let claims: readonly (Claim | Unclaimed)[] = [];
    claimAll(this.journal, limits, (results) => {
      claims = results;
    });
    this.node = new MailboxNode({
      ...{ journal: this.journal, claims, clock, timers: this.time as never, overwrites: false },
      authority: {},
      settings: {
        limits,
        streamsMax: 4,
        memory: UNBOUNDED,
        cacheTtlMs: 1000,
        keyring: new Keyring([freshKey('k1', START_MS)]),
      },
      random: { below: () => 0, token: () => `receipt-${++this.drawn}` },
      integrity: { payloadHashOf: hashOf, hashChainOf: () => 'b3:chain' },
      observer: {
        fact: () => {},
        failed: ({ message }) => this.seen.push(`failed: ${message}`),
        unsure: (shards, error) => this.seen.push(`${error === null ? 'sure' : 'unsure'} ${shards}`),
        gaveUp: (shards, why) => this.seen.push(`gave up ${shards}: ${why}`),
        revived: ({ shard }) => this.seen.push(`revived ${shard}`),
        parked: (shard, forMs) => this.seen.push(`parked ${shard} ${forMs}`),
      },
      wakeAt: (atMs) => {
        this.dueMs = atMs;
      },
    });
    this.node.open((durable) => {
      this.isOpen = durable;
    });
  }

  pass(ms: number): void {
    for (let i = 0; i < ms; i++) {
      this.time.increment(1);
      if (this.dueMs > this.node.clock.nowMs()) continue;
      this.dueMs = Number.POSITIVE_INFINITY;
      this.node.wake();
    }
  }

  ask(name: string, request: Request): void {
    this.node.service.request(request, everyone, this.node.clock.nowMs(), (reply: Reply) => {
      const { outcome, deliveries = [] } = reply;
      this.answers.push([name, [outcome, ...deliveries.map(({ idemKey }) => idemKey)].join(' ')]);
    });
  }

  send(shard: number, idemKey: string): void {
    this.ask(idemKey, {
      ...{ verb: 'send', topic: topicOf(shard), idemKey, payload: new Uint8Array([1]), payloadHash: null, attrs: {} },
      ...{ corrId: 'c', delayMs: 0, ttlMs: Number.POSITIVE_INFINITY },
    });
  }

  recv(shard: number, name: string, waitMs = 0): void {
    this.ask(name, {
      ...{ verb: 'recv', topic: topicOf(shard), visibilityMs: null, messagesMax: 9, bytesMax: 1024, waitMs, acks: [] },
    });
  }

  stats(shard: number, name: string): void {
    this.ask(name, { verb: 'stats', topic: topicOf(shard) });
  }

  get missing(): readonly string[] {
    return this.node.readiness.report().missing;
  }

  /** What was answered since the last time. */
  answered(): [string, string][] {
    return this.answers.splice(0);
  }

  /** It is killed: the engine finds its shards free. */
  kill(): void {
    this.node.stop();
    this.journal.close();
  }
}
