import type { Delivery } from '../src/service/messages.ts';
import type { Answered, Call, Client } from './call.ts';
import { type Capability, GROUPS, nonceOf, PLENTY } from './capabilities.ts';
import type { Loop } from './loop.ts';
import type { Network } from './network.ts';
import type { SimNode } from './node.ts';
import { isHealed, nodeOfTopic, type Setup, topicOf } from './setup.ts';
import type { Watch } from './watch.ts';

/** Calls of the end phase are numbered from here. */
export const SETTLE_CALLS_FROM = 2 ** 28;
const CHECK_EVERY_MS = 250;
const TIMEOUT_MS = 5_000;
const WAIT_MS = 1_000;
const PLAIN = [{ outMs: 1, backMs: 1, end: 'answered' }] as const;

/** What the end phase does with the world. */
export interface SettlingWorld {
  readonly setup: Setup;
  readonly loop: Loop;
  readonly network: Network;
  readonly nodes: readonly SimNode[];
  readonly engine: { heal(): void } | null;
  readonly watch: Watch;
  /** Root keys that are in use, the newest last. */
  readonly keys: readonly number[];
  /** Messages that are not settled yet. */
  readonly pending: number;
  serves(node: number): boolean;
  until(ms: number): void;
}

/**
 * The faults are over, the nodes that heal run and are reached, and one client a topic takes what is there: every message
 * they accepted must be acked or dead-lettered within the bound (DeliveredLive), and a fresh send must be accepted. No
 * chance in it.
 */
export class Settlement {
  private readonly world: SettlingWorld;
  private readonly capability: Capability;
  private calls = SETTLE_CALLS_FROM;
  private readonly unanswered = new Set<string>();
  /** Where topics are asked for, of nodes that share their shards. */
  private readonly found = new Map<string, number>();

  constructor(world: SettlingWorld) {
    this.world = world;
    const { topic, ops } = GROUPS.sweepers;
    const name = `sweepers#${world.keys.at(-1)}`;
    this.capability = {
      ...{ name, nonce: nonceOf(name), topic, ops, key: world.keys.at(-1) as number },
      ...{ expiresS: Number.POSITIVE_INFINITY, quotaOps: PLENTY, forged: false },
    };
  }

  /** Null when everything settled, else what did not. */
  run(): { detail: string; msgId: string | null } | null {
    const { world } = this;
    const { setup, loop } = world;
    world.network.heal();
    world.engine?.heal();
    for (const node of world.nodes) {
      if (isHealed(setup, node.index)) node.settle(world.keys);
      else node.vanish();
    }
    for (let i = 0; i < setup.topics; i++) {
      const topic = topicOf(setup, i);
      if (world.engine === null && !world.serves(nodeOfTopic(setup, topic))) continue;
      const client: Client = { name: `sweeper ${i}`, group: 'sweepers' };
      this.unanswered.add(topic);
      this.send(client, topic);
      this.sweep(client, topic, []);
    }
    const endMs = setup.durationMs + setup.settleMs;
    for (let untilMs = loop.nowMs; untilMs <= endMs; untilMs += CHECK_EVERY_MS) {
      world.until(untilMs);
      // A node may find only now that its disk is of no more use.
      for (const topic of this.unanswered)
        if (world.engine === null && !world.serves(nodeOfTopic(setup, topic))) this.unanswered.delete(topic);
      if (world.pending === 0 && this.unanswered.size === 0) return null;
    }
    return this.unsettled();
  }

  private call(by: Client, topic: string, ask: Call['ask'], answer: Answered): void {
    const { setup, network, loop } = this.world;
    const node = this.found.get(topic) ?? nodeOfTopic(setup, topic);
    const [id, atMs] = [++this.calls, loop.nowMs];
    const { capability } = this;
    network.call({ id, atMs, by, node, capability, ask, refs: [], timeoutMs: TIMEOUT_MS, copies: PLAIN }, (reply) => {
      // Whoever does not have it, or says nothing, is not asked again at once.
      const isElsewhere = reply === null || reply.outcome === 'not_owner' || reply.outcome === 'journal';
      if (this.world.engine !== null && isElsewhere) this.found.set(topic, (node + 1) % setup.nodes);
      answer(reply);
    });
  }

  /** A first send, tried until it is taken: a mailbox that refuses for ever is not alive. */
  private send(client: Client, topic: string): void {
    const payload = new Uint8Array([0]);
    const plain = { payloadHash: null, attrs: {}, corrId: '-', delayMs: 0, ttlMs: Number.POSITIVE_INFINITY };
    this.call(client, topic, { verb: 'send', topic, idemKey: 'settle', payload, ...plain }, (reply) => {
      if (reply?.outcome === 'ok' || reply?.outcome === 'duplicate') this.unanswered.delete(topic);
      else this.world.loop.later(CHECK_EVERY_MS, () => this.send(client, topic));
    });
  }

  private sweep(client: Client, topic: string, taken: readonly Delivery[]): void {
    const { setup, loop } = this.world;
    const acks = setup.settleBy === 'acks' ? taken.map(({ msgId, receipt }) => ({ msgId, receipt })) : [];
    const most = { visibilityMs: null, messagesMax: 32, bytesMax: 524_288, waitMs: WAIT_MS };
    this.call(client, topic, { verb: 'recv', topic, ...most, acks }, (reply) => {
      const next = reply?.deliveries ?? [];
      loop.later(next.length > 0 ? 1 : CHECK_EVERY_MS, () => this.sweep(client, topic, next));
    });
  }

  private unsettled(): { detail: string; msgId: string | null } {
    const { world } = this;
    const { watch, setup } = world;
    const pending = watch.nodes.flatMap(({ lifecycle }, node) =>
      world.serves(node) ? [...lifecycle.messages.values()].filter((m) => m.live.isPending) : [],
    );
    const refused = [...this.unanswered].map((topic) => `a send on ${topic} is refused for ever`);
    const [first] = pending;
    const held =
      first === undefined ? [] : [`${pending.length} messages unsettled, ${first.msgId} is ${first.live.state}`];
    return { detail: `after ${setup.settleMs} ms: ${[...held, ...refused].join(', ')}`, msgId: first?.msgId ?? null };
  }
}
