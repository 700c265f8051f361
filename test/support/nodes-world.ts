import { CUTS, SimEngine } from '../../sim/engine.ts';
import { Loop } from '../../sim/loop.ts';
import { Stream } from '../../sim/random.ts';
import type { Reply } from '../../src/service/messages.ts';
import { shardOfTopic } from '../../src/service/sharding.ts';
import { logsWith, type Mistake } from './cluster-mistakes.ts';
import { EngineNode, KEEPS } from './engine-node.ts';

export function topicIn(shard: number, shards: number): string {
  for (let i = 0; ; i++) if (shardOfTopic(`t${i}`, shards) === shard) return `t${i}`;
}

export interface NodesWorldOptions {
  readonly nodes?: number;
  readonly shards?: number;
  readonly leaseMs?: number;
  readonly mistake?: Mistake | null;
  /** Nodes find out who is to have what, and come and go; without it each takes all it can. */
  readonly shares?: boolean;
  /** Nodes do not begin, and take no sends, where the engine has no standby. */
  readonly requiresReplica?: boolean;
}

/** Shipped nodes that share the shards of an engine, clients that send, receive and ack anywhere, and what goes wrong. */
export class NodesWorld {
  readonly loop = new Loop();
  readonly random: Stream;
  readonly engine: SimEngine;
  readonly nodes: EngineNode[];
  /** Keys by what a client was told; those that it asked for and was not told of may be either. */
  readonly sent = new Set<string>();
  readonly ackAsked = new Set<string>();
  readonly acked = new Set<string>();
  readonly deliveries: { readonly key: string; readonly wasAcked: boolean }[] = [];
  readonly topics: readonly string[];
  private readonly shares: boolean;
  private keys = 0;

  constructor(seed: number, options: NodesWorldOptions = {}) {
    const { nodes = 2, shards = 2, leaseMs = 1_500, mistake = null, shares = false, requiresReplica } = options;
    this.shares = shares;
    this.topics = Array.from({ length: shards }, (_, shard) => topicIn(shard, shards));
    this.random = new Stream(seed, 'nodes');
    const parts = {
      ...{ loop: this.loop, random: new Stream(seed, 'engine'), logs: logsWith(mistake, shards + nodes) },
      ...{ wayMs: { min: 1, max: 5 }, runMs: { min: 1, max: 3 }, standbyMs: { min: 1, max: 10 } },
      // Where nobody renews a lease every shard may change hands all the time.
      ...{ leaseMs, lateMs: { min: 20, max: 900 }, isSynchronous: mistake !== 'asynchronous engine' },
    };
    this.engine = new SimEngine(parts, shards);
    const keeps = shares ? 'renewed' : (KEEPS[seed % KEEPS.length] as (typeof KEEPS)[number]);
    const how = { gathers: seed % 2 === 0, keeps, shares, requiresReplica: requiresReplica === true };
    this.nodes = Array.from({ length: nodes }, (_, i) => new EngineNode(this.engine, this.random, i, shards, how));
  }

  run(forMs: number): void {
    for (let at = 300; at < forMs; at += 1 + this.random.below(30)) this.engine.after(at, () => this.request());
    for (let at = 500; at < forMs; at += 1 + this.random.below(700)) this.engine.after(at, () => this.fault());
    while (this.loop.step(forMs));
  }

  private request(): void {
    const { random } = this;
    const topic = random.pick(this.topics);
    if (random.chance(0.5)) this.send(topic);
    else this.receive(random.pick(this.nodes), topic, random.chance(0.7));
  }

  send(topic: string, node = this.random.pick(this.nodes), done: (reply: Reply) => void = () => {}): void {
    const key = `k${++this.keys}`;
    node.ask(
      {
        ...{ verb: 'send', topic, idemKey: key, payload: new Uint8Array([1]), payloadHash: null, attrs: {} },
        ...{ corrId: 'c', delayMs: 0, ttlMs: Number.POSITIVE_INFINITY },
      },
      (reply) => {
        if (reply.outcome === 'ok') this.sent.add(key);
        done(reply);
      },
    );
  }

  /** What was acked before this was asked for must not be among what comes. */
  receive(node: EngineNode, topic: string, acks: boolean, done: (reply: Reply) => void = () => {}): void {
    const ackedBefore = new Set(this.acked);
    node.ask(
      { verb: 'recv', topic, visibilityMs: 1_000, messagesMax: 9, bytesMax: 4096, waitMs: 0, acks: [] },
      (reply) => {
        for (const { idemKey, msgId, receipt } of reply.deliveries ?? []) {
          this.deliveries.push({ key: idemKey, wasAcked: ackedBefore.has(idemKey) });
          if (acks) this.ack(node, idemKey, msgId, receipt);
        }
        done(reply);
      },
    );
  }

  private ack(node: EngineNode, key: string, msgId: string, receipt: string): void {
    this.ackAsked.add(key);
    node.ask({ verb: 'ack', msgId, receipt }, ({ outcome }) => {
      if (outcome === 'ok') this.acked.add(key);
    });
  }

  private fault(): void {
    const { random, engine } = this;
    const node = random.pick(this.nodes);
    const faults = [
      () => node.kill(),
      () => node.client.cut(random.pick(CUTS)),
      () => node.client.partition(random.below(1_500)),
      () => engine.cancel(),
      () => engine.failOver(),
      () => engine.lag(random.below(300)),
      () => engine.full(random.below(300)),
    ];
    const comesAgain = (): void => engine.after(random.below(2_000), () => node.isAway && node.start());
    const sharing = [
      () => {
        node.leave();
        comesAgain();
      },
      () => {
        node.die();
        comesAgain();
      },
    ];
    random.pick(this.shares ? [...faults, ...sharing] : faults)();
  }

  /** All that is left, as whoever owns the shards in the end gives it: asked until nothing came for a while. */
  drain(): Set<string> {
    const left = new Set<string>();
    const endMs = this.loop.nowMs + 30_000;
    const served = new Set<string>();
    while (this.loop.nowMs < endMs) {
      for (const topic of this.topics)
        for (const node of this.nodes)
          this.receive(node, topic, false, ({ outcome, deliveries = [] }) => {
            if (outcome === 'ok' || outcome === 'empty') served.add(topic);
            for (const { idemKey } of deliveries) left.add(idemKey);
          });
      const untilMs = this.loop.nowMs + 200;
      while (this.loop.step(untilMs));
    }
    if (served.size < this.topics.length) throw new Error('a shard is not served any more');
    return left;
  }

  /** What a client was told that is not so; null for nothing. */
  wrong(): string | null {
    const left = this.drain();
    for (const key of this.sent) if (!left.has(key) && !this.ackAsked.has(key)) return `${key} is lost`;
    const again = this.deliveries.find(({ wasAcked }) => wasAcked);
    return again === undefined ? null : `${again.key} comes after its ack was answered`;
  }
}
