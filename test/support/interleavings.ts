import { apply } from '../../src/core/apply.ts';
import type { Fact } from '../../src/core/facts.ts';
import type { Message } from '../../src/core/message.ts';
import { shardOf } from '../../src/core/msg-id.ts';
import type { ShardState } from '../../src/core/state.ts';
import { Checkpoint } from '../../src/model/checkpoint.ts';
import type { Batch } from '../../src/ports/journal.ts';
import type { Caller, Delivery, MessageView, Reply, Request } from '../../src/service/messages.ts';
import { Service } from '../../src/service/service.ts';
import { digestOf, hashOf, recoveredFrom } from './journal.ts';
import { limitsOf } from './shard.ts';

/** How often each thing may happen at most. */
export type Budget = Readonly<Record<Kind, number>>;
const KINDS = [
  ...(['send', 'recv', 'ack', 'nack', 'extend', 'release', 'expire', 'crash', 'fail', 'shutdown'] as const),
];
type Kind = (typeof KINDS)[number];

export interface Counts {
  /** Orders in which everything may happen, to the end of each. */
  readonly orders: bigint;
  readonly states: number;
  readonly steps: number;
  /** Steps by what they are. */
  readonly by: Readonly<Record<string, number>>;
  readonly longest: number;
  /** States in which somebody looked. */
  readonly looks: number;
}

/** Something is not as it must be; the message ends with the order that led there. */
export class Wrong extends Error {}

const TOPIC = 'orders';
const VISIBILITY_MS = 10;
const WAIT_MS = 15;
const START_MS = 1_000_000;
/** Leases, backoffs and waiting end within this; windows and retentions do not. */
const SOON_MS = 100;
const LIMITS = limitsOf({
  ...{ maxAttempts: 2, backoffBaseMs: 5, backoffMaxMs: 5, tReplayMs: 10_000, defaultVisibilityMs: VISIBILITY_MS },
  ...{ inflightFactor: 2, releasesMax: 1 },
});
const empty = (): ShardState => Service.empty(1, LIMITS)[0] as ShardState;
const CALLER: Caller = { allowsTopic: () => true, charge: () => 0, isValid: () => true };
/** Fields that lead nowhere that changes. */
const FIXED = new Set([
  'limits',
  'integrity',
  'observer',
  'random',
  'effects',
  'options',
  'budget',
  'path',
  'memo',
  'looks',
  'seen',
]);
const isFixed = (field: string): boolean => FIXED.has(field);

/** A lease as its reply told it. */
type Lease = Pick<Delivery, 'msgId' | 'receipt'>;
/** A request whose reply has not come. */
interface Asked {
  readonly id: number;
  readonly name: string;
}

/** What a commit holds back, and why: it is part of the state, and nobody else's matter. */
type Waiting = Record<'outstanding' | 'held', readonly unknown[] | null>;

/**
 * One shard behind the shipped service with its journal, and everything that may happen to it in every order. The process may
 * die at any point: what it leaves is a log, written by the shipped journal to a simulated disk and recovered by it.
 * States that are equal in everything that can still show are gone on from once.
 */
export class Interleavings {
  private left: Budget;
  private phase: 'up' | 'draining' | 'failed' | 'down' = 'up';
  private nowMs = START_MS;
  private service!: Service;
  private shard!: ShardState;
  /** What the durable facts alone make. */
  private mirror!: ShardState;
  /** What is durable, append by append, over all processes. */
  private log: readonly (readonly Batch[])[] = [];
  /** Facts of this process that are not. */
  private volatile: readonly Fact[] = [];
  private outstanding: readonly Batch[] | null = null;
  private epoch = 0;
  private asked: readonly Asked[] = [];
  private requests = 0;
  /** Leases that replies told of, in order. */
  private told: readonly Lease[] = [];
  /** Receipts under which an ack was answered ok, by message. */
  private acked: Readonly<Record<string, string>> = {};
  private received = 0;
  private path: string[] = [];
  private readonly memo = new Map<string, bigint>();
  /** Of the search, and no part of the state. */
  private readonly seen = { steps: 0, longest: 0, looks: 0, by: {} as Record<string, number> };

  private readonly looks: boolean;

  /** With so many messages that are there already; `looks`: in every state somebody looks at everything (AU7). */
  constructor(budget: Partial<Budget>, messages: number, looks = false) {
    this.looks = looks;
    this.left = budgetOf(budget);
    this.open();
    for (let n = 1; n <= messages; n++) this.send(`m${n}`);
    while (this.outstanding !== null) this.sync();
  }

  /** Everything that may happen from here on. @throws Wrong */
  run(): Counts {
    const orders = this.goOn();
    return { orders, states: this.memo.size, ...this.seen };
  }

  // ---- the search

  /** In how many orders the rest may happen. */
  private goOn(): bigint {
    this.mustBeSound();
    const key = this.key();
    const known = this.memo.get(key);
    if (known !== undefined) return known;
    const moves = this.moves();
    this.seen.longest = Math.max(this.seen.longest, this.path.length);
    if (moves.length === 0) {
      this.mustEndWell();
      this.memo.set(key, 1n);
      return 1n;
    }
    if (this.looks) this.mustLeaveNoTrace();
    const before = new Checkpoint(this, isFixed);
    let orders = 0n;
    for (const [name, move] of moves) {
      this.path.push(name);
      const kind = name.split(' ')[0] as string;
      this.seen.by[kind] = (this.seen.by[kind] ?? 0) + 1;
      this.seen.steps++;
      try {
        move();
      } catch (error) {
        if (error instanceof Wrong) throw error;
        this.wrong(`the code throws: ${(error as Error).stack}`);
      }
      orders += this.goOn();
      this.path.pop();
      before.restore();
    }
    this.memo.set(key, orders);
    return orders;
  }

  private wrong(what: string): never {
    throw new Wrong(`${what}\nafter: ${this.path.join(', ')}`);
  }

  /**
   * Everything that can still show. What a receipt is called does not: how many were drawn is left out. Nor does how full
   * something is, which only makes advice of when to come again.
   */
  private key(): string {
    const { left, phase, nowMs, mirror, volatile, outstanding, asked, told, acked } = this;
    const live = phase === 'down' ? '' : digestOf([this.shard]);
    const facts = volatile.map((fact) => JSON.stringify({ ...fact, payload: undefined }));
    const { commit } = (this.service as unknown as { spine: { commit: Waiting } }).spine;
    const waits = phase === 'down' ? [] : [this.service.pollCount, commit.outstanding?.length, commit.held?.length];
    const names = asked.map(({ name }) => name);
    const append = outstanding?.reduce((sum, { facts: own }) => sum + own.length, 0) ?? -1;
    return JSON.stringify([left, phase, nowMs, live, digestOf([mirror]), facts, append, names, waits, told, acked]);
  }

  // ---- what may happen

  private moves(): [name: string, move: () => void][] {
    if (this.phase === 'down') return [['recover', () => this.open()]];
    const moves: [string, () => void][] = [];
    const may = (kind: Kind, name: string, move: () => void): void => {
      if (this.left[kind] === 0) return;
      moves.push([
        name === '' ? kind : `${kind} ${name}`,
        () => {
          this.left = { ...this.left, [kind]: this.left[kind] - 1 };
          move();
        },
      ]);
    };
    if (this.phase !== 'failed') {
      may('send', '', () => this.send(`k${this.left.send}`));
      may('recv', '', () => this.recv());
      for (const lease of this.told) this.verbs(lease, may);
      if (this.service.nextWakeMs() <= this.nowMs + SOON_MS) may('expire', '', () => this.pass());
      if (this.phase === 'up') may('shutdown', '', () => this.shutdown());
      if (this.outstanding !== null) {
        moves.push(['sync', () => this.sync()]);
        may('fail', '', () => this.fail());
      }
    }
    may('crash', 'nothing of the append', () => this.crash(false));
    if (this.outstanding !== null) may('crash', 'with the append', () => this.crash(true));
    return moves;
  }

  private verbs(lease: Lease, may: (kind: Kind, name: string, move: () => void) => void): void {
    const { msgId, receipt } = lease;
    may('ack', receipt, () => this.ask({ verb: 'ack', msgId, receipt }, `ack ${receipt}`));
    may('nack', receipt, () => {
      const how = { reason: null, retryAfterMs: null, deadLetter: false };
      this.ask({ verb: 'nack', msgId, receipt, ...how }, `nack ${receipt}`);
    });
    may('extend', receipt, () => this.ask({ verb: 'extend', msgId, receipt, visibilityMs: null }, `extend ${receipt}`));
    may('release', receipt, () => this.service.release([lease as Delivery], this.nowMs, CALLER));
  }

  private send(idemKey: string): void {
    const payload = new Uint8Array([1]);
    const rest = { payloadHash: null, attrs: {}, corrId: '', delayMs: 0, ttlMs: Number.POSITIVE_INFINITY };
    this.ask({ verb: 'send', topic: TOPIC, idemKey, payload, ...rest }, `send ${idemKey}`);
  }

  private recv(): void {
    const bounds = { visibilityMs: null, messagesMax: 1, bytesMax: 100, waitMs: WAIT_MS, acks: [] };
    this.ask({ verb: 'recv', topic: TOPIC, ...bounds }, 'recv');
  }

  private ask(request: Request, name: string): void {
    const asked = { id: this.requests++, name: `${name} at ${this.nowMs}` };
    this.asked = [...this.asked, asked];
    this.service.request(request, CALLER, this.nowMs, (reply) => this.answered(asked, request, reply));
  }

  /** Time passes to the next thing that is due: a lease that ends, a message that may be had again, a recv that has waited. */
  private pass(): void {
    this.nowMs = Math.max(this.nowMs, this.service.nextWakeMs());
    this.service.tick(this.nowMs);
  }

  private shutdown(): void {
    this.phase = 'draining';
    this.service.refuseWrites('draining');
    this.service.endWaiting(this.nowMs, true);
  }

  private fail(): void {
    this.phase = 'failed';
    this.service.journalFailed();
  }

  /** The append under way is durable. */
  private sync(): void {
    this.keep(this.outstanding as readonly Batch[]);
    this.outstanding = null;
    this.service.durable();
  }

  private keep(batches: readonly Batch[]): void {
    this.log = [...this.log, batches];
    let facts = 0;
    for (const batch of batches) {
      if (batch.shard === null) continue;
      for (const fact of batch.facts) apply(this.mirror, fact);
      facts += batch.facts.length;
    }
    this.volatile = this.volatile.slice(facts);
  }

  private crash(written: boolean): void {
    if (written) this.keep(this.outstanding as readonly Batch[]);
    this.outstanding = null;
    this.phase = 'down';
    this.volatile = [];
    this.asked = [];
  }

  // ---- processes

  /** A process opens what the one before left. */
  private open(): void {
    this.shard = recoveredFrom(this.log) ?? empty();
    this.mirror ??= empty();
    if (digestOf([this.shard]) !== digestOf([this.mirror])) this.wrong('what was recovered is not what was durable');
    this.phase = 'up';
    this.epoch++;
    this.service = new Service({
      shards: [this.shard],
      random: { below: () => 0, token: () => `r${this.received + 1}` },
      integrity: { payloadHashOf: hashOf, hashChainOf: () => hashOf(new Uint8Array()) },
      observer: { fact: (_shard, fact) => this.made(fact) },
      effects: { append: (batches) => this.append(batches) },
      recentFacts: 16,
    });
    const started = { name: 'started', atMs: this.nowMs, term: this.epoch, shards: 1, limits: LIMITS } as const;
    this.service.start(this.nowMs, started);
  }

  private append(batches: readonly Batch[]): void {
    if (this.outstanding !== null) this.wrong('two appends at once');
    this.outstanding = batches;
  }

  private made(fact: Fact): void {
    this.volatile = [...this.volatile, fact];
    if (fact.name === 'received') {
      this.received++;
      if (fact.msgId in this.acked) this.wrong('a message is delivered after its ack was answered');
    }
    if (fact.name === 'acked' && this.find(this.mirror, fact.msgId)?.state === 'acked') this.wrong('a second ack');
  }

  private find(shard: ShardState, msgId: string): Message | undefined {
    return shardOf(msgId) === 0 ? shard.find(msgId) : undefined;
  }

  // ---- what must be true

  private answered(asked: Asked, request: Request, reply: Reply): void {
    if (!this.asked.includes(asked)) this.wrong(`a second answer to ${asked.name}, or one of a process that is gone`);
    this.asked = this.asked.filter((other) => other !== asked);
    if (reply.outcome !== 'ok') return;
    switch (request.verb) {
      case 'send':
        if (this.find(this.mirror, reply.msgId as string) === undefined) this.wrong('a send is answered too early');
        return;
      case 'recv':
        return this.delivered(reply.deliveries ?? []);
      case 'ack':
        return this.ackAnswered(request);
      case 'nack':
      case 'extend': {
        const durable = this.find(this.mirror, request.msgId);
        const live = this.find(this.shard, request.msgId);
        const lost = this.volatile.filter((fact) => 'msgId' in fact && fact.msgId === request.msgId);
        if (durable === undefined || (lost.length === 0 && durable.timerAtMs !== live?.timerAtMs))
          this.wrong(`${request.verb} is answered, and the log does not say so`);
      }
    }
  }

  private delivered(deliveries: readonly Delivery[]): void {
    for (const { msgId, receipt, epoch } of deliveries) {
      const durable = this.find(this.mirror, msgId);
      if (durable === undefined || durable.epoch < epoch) this.wrong('a delivery is answered too early');
      if (msgId in this.acked) this.wrong('a message is delivered after its ack was answered');
      this.told = [...this.told, { msgId, receipt }];
    }
  }

  private ackAnswered({ msgId, receipt }: Lease): void {
    if (this.find(this.mirror, msgId)?.state !== 'acked') this.wrong('an ack is answered too early');
    const other = this.acked[msgId];
    if (other !== undefined && other !== receipt) this.wrong('two leases of a message are acked');
    this.acked = { ...this.acked, [msgId]: receipt };
  }

  /** Whatever waits, something that comes by itself will move it: no deadlock. */
  private mustBeSound(): void {
    if (this.phase === 'down' || this.phase === 'failed') {
      if (this.phase === 'failed' && this.asked.length > 0) this.wrong('the journal failed, and someone was not told');
      return;
    }
    const { service, shard, outstanding, asked } = this;
    if (this.volatile.length > 0 && outstanding === null) this.wrong('facts wait, and nothing is appended');
    if (asked.length > service.pollCount && outstanding === null) this.wrong('a reply waits for nothing');
    const timed = service.pollCount > 0 || shard.leases.size > 0 || shard.waiting.size > 0;
    if (timed && service.nextWakeMs() === Number.POSITIVE_INFINITY)
      this.wrong('something waits for a time that is not set');
    if (service.nextWakeMs() <= this.nowMs) this.wrong('something is due, and is not done');
    const available = shard.queued + shard.redelivered - shard.waiting.size;
    if (service.pollCount > 0 && available > 0) this.wrong('a recv waits beside a message');
    if (this.phase === 'draining' && service.pollCount > 0) this.wrong('a recv waits in a process that drains');
  }

  /** Whoever looks at everything leaves the shard and its facts as they were, and sees what will be durable by then. */
  private mustLeaveNoTrace(): void {
    if (this.phase === 'down' || this.phase === 'failed') return;
    const before = new Checkpoint(this, isFixed);
    const was = [digestOf([this.shard]), this.volatile.length, this.nowMs, this.service.nextWakeMs()].join();
    const seen: MessageView[] = [];
    const look = (request: Request, then: (reply: Reply) => void): void =>
      this.service.request(request, CALLER, this.nowMs, then);
    look({ verb: 'topics', prefix: '', limit: 9, cursor: null }, () => {});
    const all = { verb: 'peek', topic: TOPIC, state: null, limit: 9, cursor: null, withPayload: true } as const;
    look(all, ({ peeked }) => seen.push(...(peeked?.rows ?? [])));
    for (const { msgId } of this.shard.messages()) look({ verb: 'show', msgId }, () => {});
    const is = [digestOf([this.shard]), this.volatile.length, this.nowMs, this.service.nextWakeMs()].join();
    if (is !== was) this.wrong('a look left a trace');
    if (this.outstanding === null && this.volatile.length > 0) this.wrong('a look is told what nothing makes durable');
    while (this.outstanding !== null) this.sync();
    for (const { msgId, state, epoch } of seen) {
      const durable = this.find(this.mirror, msgId);
      if (durable?.state !== state || durable.epoch !== epoch) this.wrong('a look shows what is not durable');
    }
    this.seen.looks++;
    before.restore();
  }

  /** Nothing more is asked: everything settles by itself, and everyone is answered. */
  private mustEndWell(): void {
    if (this.phase === 'failed') return;
    const before = new Checkpoint(this, isFixed);
    for (let turns = 0; turns < 50; turns++) {
      if (this.outstanding !== null) this.sync();
      else if (this.asked.length > 0 || this.shard.leases.size > 0 || this.shard.waiting.size > 0) this.pass();
      else break;
      this.mustBeSound();
    }
    const { shard } = this;
    if (this.asked.length > 0) this.wrong(`never answered: ${this.asked.map(({ name }) => name).join()}`);
    if (shard.leases.size + shard.waiting.size > 0) this.wrong('a message that never comes free');
    for (const [msgId, receipt] of Object.entries(this.acked))
      if (this.find(shard, msgId)?.state !== 'acked') this.wrong(`acked under ${receipt}, and not over`);
    before.restore();
  }
}

const budgetOf = (budget: Partial<Budget>): Budget =>
  Object.fromEntries(KINDS.map((kind) => [kind, budget[kind] ?? 0])) as Record<Kind, number>;
