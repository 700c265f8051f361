import * as invariants from '../../spec/invariants.ts';
import type { Fact, MessageFact, Sent } from '../../src/core/facts.ts';
import type { Limits } from '../../src/core/limits.ts';
import { shardOf } from '../../src/core/msg-id.ts';
import type { ShardState } from '../../src/core/state.ts';
import { Breach, type RuleName, type Side } from './breach.ts';
import { TopicLine, type Tracked } from './line.ts';
import { misrecovered } from './recovery.ts';
import { askedUntilMs, View } from './view.ts';

/** What a message was before a fact that is not durable yet; null for a fact of no message: the shard is taken over. */
type Undo = { readonly message: Tracked; readonly before: View } | null;

const GONE_MAX = 10_000;

/**
 * The log of one shard and what its facts come to: what must be true of it is true whichever process owns the shard. The owner
 * decides the facts; those that are not durable go with it.
 */
export class ShardFacts {
  readonly shard: number;
  readonly messages = new Map<string, Tracked>();
  readonly topics = new Map<string, TopicLine>();
  /** Facts decided by the owner of now and those before it, those of them that are durable, and those that this owner found. */
  decided = 0;
  durable = 0;
  found = 0;
  /** Accepted messages that are neither acked nor dead-lettered. */
  pending = 0;
  dead = 0;
  /** The time of the last durable fact, and of the last one. */
  private durableMs = 0;
  decidedMs = 0;
  /** Oldest first; views are used again. */
  private readonly undo: Undo[] = [];
  private undoFrom = 0;
  private readonly spare: View[] = [];
  private deaths = 0;
  /** Over, and to be forgotten when the core has. */
  private over: (Tracked | undefined)[] = [];
  private overFrom = 0;
  /** Let go of lately: a reply that a paused process held back may still speak of them. */
  private readonly gone = new Set<string>();

  constructor(shard: number) {
    this.shard = shard;
  }

  topicOf(name: string): TopicLine {
    let topic = this.topics.get(name);
    if (topic === undefined) {
      topic = new TopicLine(name);
      this.topics.set(name, topic);
    }
    return topic;
  }

  // ---- a fact

  /** Keeps what the message is now, until the fact at hand is durable. */
  remember(message: Tracked): View {
    const before = this.spare.pop() ?? new View();
    before.copyFrom(message.live);
    this.undo.push({ message, before });
    return before;
  }

  /** A process takes the shard over. */
  takenOver(): void {
    this.undo.push(null);
  }

  enter({ msgId, topic: name, idemKey, payloadHash, atMs, idemUntilMs }: Sent, tReplayMs: number): Tracked {
    const topic = this.topicOf(name);
    const message: Tracked = {
      msgId,
      shard: this.shard,
      topic,
      idemKey,
      payloadHash,
      seq: ++topic.lastSeq,
      live: new View(),
      sentBy: this.decided,
      leasedBy: 0,
      changedBy: this.decided,
      inLine: false,
      promised: false,
      ackPromised: false,
    };
    const earlier = topic.windows.get(idemKey);
    const { IdempotentInv, WindowProp } = invariants;
    this.must('IdempotentInv', IdempotentInv(earlier?.live.idemUntilMs ?? 0, atMs), 'its key was live', message);
    this.must('WindowProp', WindowProp(atMs, idemUntilMs, tReplayMs), 'its window is too short', message);
    this.must('R3', !this.messages.has(msgId), 'the id is another message as well', message);
    topic.windows.set(idemKey, message);
    this.messages.set(msgId, message);
    return message;
  }

  /** Keeps lines and counts as the state of the message changes. */
  move(message: Tracked, before: View): void {
    const { live, topic } = message;
    if (before.isPending !== live.isPending) {
      this.pending += live.isPending ? 1 : -1;
      if (live.isPending) topic.enter(message);
      else topic.leave(message);
    }
    if (live.state === 'dead_lettered') {
      live.deathNumber = ++this.deaths;
      topic.dead.add(message);
      this.dead++;
    } else if (before.state === 'dead_lettered') {
      topic.dead.delete(message);
      this.dead--;
    }
    if (live.isOver) this.over.push(message);
  }

  /**
   * Lets go of what is over and what even a replay of the journal would not know any more; anything about it later is then
   * news, and a breach.
   */
  forget(shard: ShardState): void {
    const { over } = this;
    const message = over[this.overFrom];
    if (message === undefined || message.changedBy > this.durable) return;
    if (askedUntilMs(message.live) > this.durableMs || shard.find(message.msgId) !== undefined) return;
    this.drop(message);
    over[this.overFrom++] = undefined;
    if (this.overFrom * 2 < over.length || this.overFrom < 1000) return;
    over.splice(0, this.overFrom);
    this.overFrom = 0;
  }

  private drop(message: Tracked): void {
    const { msgId, topic, idemKey } = message;
    this.messages.delete(msgId);
    this.gone.add(msgId);
    if (this.gone.size > GONE_MAX) this.gone.delete(this.gone.values().next().value as string);
    if (topic.windows.get(idemKey) === message) topic.windows.delete(idemKey);
  }

  /** A fact that its log says: whoever decided it was judged then. */
  follow(fact: Fact, limits: Limits): void {
    this.decided++;
    if (fact.name === 'recovered') {
      this.setBack(fact.atMs);
      this.takenOver();
    } else {
      this.decidedMs = fact.atMs;
      const message = fact.name === 'sent' ? this.enter(fact, limits.tReplayMs) : this.need(fact.msgId);
      const before = this.remember(message);
      message.live.follow(fact, limits);
      message.changedBy = this.decided;
      if (fact.name === 'received') message.leasedBy = this.decided;
      if (before.state !== message.live.state) this.move(message, before);
    }
    this.synced([fact]);
  }

  /** A process takes the shard over at a time before its last fact: all its times move back with it (TM1). */
  setBack(nowMs: number): void {
    const byMs = this.decidedMs - nowMs;
    this.decidedMs = nowMs;
    if (byMs <= 0) return;
    for (const { live } of this.messages.values()) live.setBack(byMs);
  }

  // ---- the disk and the crashes

  synced(facts: readonly Fact[]): void {
    this.durable += facts.length;
    for (const { atMs } of facts) {
      const undo = this.undo[this.undoFrom++] as Undo;
      if (undo !== null) this.spare.push(undo.before);
      this.durableMs = atMs;
    }
    if (this.undoFrom !== this.undo.length && this.undoFrom < 1000) return;
    this.undo.splice(0, this.undoFrom);
    this.undoFrom = 0;
  }

  /** The owner is gone, and with it every fact that is not durable by now. */
  rollBack(): void {
    for (let i = this.undo.length - 1; i >= this.undoFrom; i--) {
      const undo = this.undo[i] as Undo;
      if (undo === null) continue;
      undo.message.live.copyFrom(undo.before);
      this.spare.push(undo.before);
    }
    this.undo.length = 0;
    this.undoFrom = 0;
    this.decided = this.durable;
    this.found = this.durable;
  }

  /**
   * An owner is back: it must know what the durable facts say, and nothing that was promised may be missing. `counted` is told of
   * each message that it knows.
   */
  restarted(state: ShardState, counted: (message: Tracked) => void): void {
    for (const topic of this.topics.values()) topic.clear();
    this.pending = 0;
    this.dead = 0;
    this.over = [];
    this.overFrom = 0;
    let known = 0;
    for (const message of [...this.messages.values()]) {
      if (!this.revive(message, state)) continue;
      known++;
      counted(message);
    }
    for (const topic of this.topics.values()) bury(topic);
    let found = 0;
    for (const message of state.messages()) {
      found++;
      this.need(message.msgId);
    }
    if (found !== known) throw new Breach('NoLossInv', `a restart finds ${found} messages of ${known}`);
  }

  /** What is left of a message after a restart; true when the process still knows it. */
  private revive(message: Tracked, shard: ShardState): boolean {
    const { live, topic } = message;
    this.must('NoLossInv', !message.promised || invariants.NoLossInv(live.state), 'accepted, and gone', message);
    this.must('AckFinalProp', !message.ackPromised || live.state === 'acked', 'the ack was answered', message);
    if (live.state === 'absent') {
      this.drop(message);
      return false;
    }
    const found = shard.find(message.msgId);
    const wrong = misrecovered(live, found, shard.nowMs);
    if (wrong !== null) this.broken(wrong.rule, wrong.why, message);
    if (found === undefined) {
      this.drop(message);
      return false;
    }
    if (live.isPending) {
      topic.enter(message);
      this.pending++;
    } else if (live.state === 'dead_lettered') {
      topic.dead.add(message);
      this.dead++;
    } else this.over.push(message);
    if (live.idemUntilMs > shard.nowMs) topic.windows.set(message.idemKey, message);
    return true;
  }

  // ---- what may be asked

  /** It was there, and everything about it is over by now. */
  isGone(msgId: string): boolean {
    return this.gone.has(msgId);
  }

  need(msgId: string): Tracked {
    return this.messages.get(msgId) ?? never(msgId);
  }

  must(rule: RuleName, holds: boolean, why: string, message: Tracked): void {
    if (!holds) this.broken(rule, why, message);
  }

  /** @throws Breach */
  broken(
    rule: RuleName,
    why: string,
    { msgId, live, changedBy }: Tracked,
    fact?: MessageFact,
    sides: readonly Side[] = [],
  ): never {
    const is = `${live.state}, attempt ${live.attempt}, epoch ${live.epoch}`;
    const held = changedBy > this.durable ? ', not durable' : '';
    const what = `${msgId}${fact === undefined ? '' : ` ${fact.name}`}`;
    throw new Breach(rule, `${what}: ${why}; it is ${is}${held}`, msgId, sides);
  }
}

/** @throws Breach */
export function never(msgId: string): never {
  throw new Breach('NoLossInv', 'a message that was never sent, or is long over', msgId);
}

/** The dead in the order of their deaths, which is not that of their sends. */
function bury(topic: TopicLine): void {
  topic.dead = new Set([...topic.dead].sort((a, b) => a.live.deathNumber - b.live.deathNumber));
}

/** The messages of several logs, found by their ids. */
export class MessagesOf {
  private readonly logs: readonly ShardFacts[];

  constructor(logs: readonly ShardFacts[]) {
    this.logs = logs;
  }

  get(msgId: string): Tracked | undefined {
    return this.logs[shardOf(msgId)]?.messages.get(msgId);
  }

  has(msgId: string): boolean {
    return this.get(msgId) !== undefined;
  }

  *keys(): Iterable<string> {
    for (const { messages } of this.logs) yield* messages.keys();
  }

  /** Shard by shard, each in the order of its sends. */
  values(): Tracked[] {
    return this.logs.flatMap(({ messages }) => [...messages.values()]);
  }
}
