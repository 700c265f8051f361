import { describe, expect, it } from 'vitest';
import { CUTS, SimEngine } from '../../sim/engine.ts';
import { Loop } from '../../sim/loop.ts';
import { Stream } from '../../sim/random.ts';
import type { Reply } from '../../src/service/messages.ts';
import { shardOfTopic } from '../../src/service/sharding.ts';
import { logsWith, type Mistake } from '../support/cluster-mistakes.ts';
import { EngineNode, KEEPS } from '../support/engine-node.ts';

const NODES = 2;
const SHARDS = 2;
const WORLDS = Number(process.env['WORLDS'] ?? 40);
const TOPICS = Array.from({ length: SHARDS }, (_, shard) => {
  for (let i = 0; ; i++) if (shardOfTopic(`t${i}`, SHARDS) === shard) return `t${i}`;
});

/** Shipped nodes that share the shards of an engine, clients that send, receive and ack anywhere, and what goes wrong. */
class NodesWorld {
  readonly loop = new Loop();
  readonly random: Stream;
  readonly engine: SimEngine;
  readonly nodes: EngineNode[];
  /** Keys by what a client was told; those that it asked for and was not told of may be either. */
  readonly sent = new Set<string>();
  readonly ackAsked = new Set<string>();
  readonly acked = new Set<string>();
  readonly deliveries: { readonly key: string; readonly wasAcked: boolean }[] = [];
  private keys = 0;

  constructor(seed: number, mistake: Mistake | null = null) {
    this.random = new Stream(seed, 'nodes');
    this.engine = new SimEngine({
      ...{ loop: this.loop, random: new Stream(seed, 'engine'), logs: logsWith(mistake, SHARDS + NODES) },
      ...{ wayMs: { min: 1, max: 5 }, runMs: { min: 1, max: 3 }, standbyMs: { min: 1, max: 10 } },
      // Where nobody renews a lease every shard may change hands all the time.
      ...{ leaseMs: 1_500, lateMs: { min: 20, max: 900 }, isSynchronous: mistake !== 'asynchronous engine' },
    });
    const keeps = KEEPS[seed % KEEPS.length] as (typeof KEEPS)[number];
    this.nodes = Array.from(
      { length: NODES },
      (_, i) => new EngineNode(this.engine, this.random, i, SHARDS, { gathers: seed % 2 === 0, keeps }),
    );
  }

  run(forMs: number): void {
    for (let at = 300; at < forMs; at += 1 + this.random.below(30)) this.engine.after(at, () => this.request());
    for (let at = 500; at < forMs; at += 1 + this.random.below(700)) this.engine.after(at, () => this.fault());
    while (this.loop.step(forMs));
  }

  private request(): void {
    const { random } = this;
    const topic = random.pick(TOPICS);
    if (random.chance(0.5)) this.send(topic);
    else this.receive(random.pick(this.nodes), topic, random.chance(0.7));
  }

  private send(topic: string): void {
    const key = `k${++this.keys}`;
    this.random.pick(this.nodes).ask(
      {
        ...{ verb: 'send', topic, idemKey: key, payload: new Uint8Array([1]), payloadHash: null, attrs: {} },
        ...{ corrId: 'c', delayMs: 0, ttlMs: Number.POSITIVE_INFINITY },
      },
      ({ outcome }) => {
        if (outcome === 'ok') this.sent.add(key);
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
    random.pick(faults)();
  }

  /** All that is left, as whoever owns the shards in the end gives it: asked until nothing came for a while. */
  drain(): Set<string> {
    const left = new Set<string>();
    const endMs = this.loop.nowMs + 30_000;
    const served = new Set<string>();
    while (this.loop.nowMs < endMs) {
      for (const topic of TOPICS)
        for (const node of this.nodes)
          this.receive(node, topic, false, ({ outcome, deliveries = [] }) => {
            if (outcome === 'ok' || outcome === 'empty') served.add(topic);
            for (const { idemKey } of deliveries) left.add(idemKey);
          });
      const untilMs = this.loop.nowMs + 200;
      while (this.loop.step(untilMs));
    }
    if (served.size < TOPICS.length) throw new Error('a shard is not served any more');
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

describe('shipped nodes on one engine', () => {
  it('shards change hands all the time, whatever fails: no message that was accepted is lost, none that was acked comes again (AC1, AC3)', () => {
    const sum = { sent: 0, acked: 0, deliveries: 0 };
    const seen = new Map<string, number>();
    for (let seed = 1; seed <= WORLDS; seed++) {
      const world = new NodesWorld(seed);
      world.run(8_000);
      expect(world.wrong(), `seed ${seed}`).toBe(null);
      sum.sent += world.sent.size;
      sum.acked += world.acked.size;
      sum.deliveries += world.deliveries.length;
      for (const node of world.nodes)
        for (const [what, count] of node.seen) seen.set(what, (seen.get(what) ?? 0) + count);
    }
    console.log(`${WORLDS} worlds:`, sum, Object.fromEntries(seen));
    expect(seen.get('gave up: halted')).toBe(undefined);
    expect(sum.sent).toBeGreaterThan(10 * WORLDS);
    expect(sum.acked).toBeGreaterThan(5 * WORLDS);
    expect(seen.get('gave up: not_owner')).toBeGreaterThan(WORLDS);
    expect(seen.get('snapshot')).toBeGreaterThan(5 * WORLDS);
  }, 240_000);

  it.each(['asynchronous engine', 'lease instead of the log'] as const)('a mistake is found: %s', (mistake) => {
    const found = (seed: number): string | null => {
      try {
        const world = new NodesWorld(seed, mistake);
        world.run(8_000);
        return world.wrong();
      } catch (error) {
        return (error as Error).message;
      }
    };
    const first = Array.from({ length: 40 }, (_, i) => i + 1).find((seed) => found(seed) !== null);
    expect(first).toBeDefined();
    console.log(`${mistake}: seed ${first}: ${found(first as number)}`);
  });
});
