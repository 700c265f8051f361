import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCluster } from '../../src/postgres/engine.ts';
import type { Reply, Request } from '../../src/service/messages.ts';
import { shardOfTopic } from '../../src/service/sharding.ts';
import { isPostgresHere, PostgresFolder, type PostgresServer } from '../support/postgres.ts';
import { PostgresNode } from '../support/postgres-node.ts';
import { until } from '../support/until.ts';

const NODES = 3;
const SHARDS = 3;
const CLIENTS = 4;
/** Between two faults so many sends are accepted. */
const SENDS = 60;
const PATIENCE_MS = 60_000;
const TOPICS = Array.from({ length: SHARDS }, (_, shard) => {
  for (let i = 0; ; i++) if (shardOfTopic(`t${i}`, SHARDS) === shard) return `t${i}`;
});
/** A client that is served nowhere asks again so much later. */
const AGAIN_MS = 20;

/** Clients that send, receive and ack at whichever node serves the topic. */
class Traffic {
  readonly sent = new Set<string>();
  readonly ackAsked = new Set<string>();
  readonly acked = new Set<string>();
  readonly wrong: string[] = [];
  isOver = false;
  private readonly nodes: readonly PostgresNode[];
  private keys = 0;

  constructor(nodes: readonly PostgresNode[]) {
    this.nodes = nodes;
  }

  /** Of whoever does not say that it is not the owner. */
  private async ask(request: Request): Promise<Reply | null> {
    for (const node of this.nodes) {
      const reply = await node.ask(request);
      if (reply !== null && !['not_owner', 'starting', 'journal'].includes(reply.outcome)) return reply;
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    return null;
  }

  async client(number: number): Promise<void> {
    for (let i = 0; !this.isOver; i++) {
      const topic = TOPICS[(number + i) % SHARDS] as string;
      const idemKey = `k${++this.keys}`;
      const sent = await this.ask({
        ...{ verb: 'send', topic, idemKey, payload: new Uint8Array(100), payloadHash: null, attrs: {} },
        ...{ corrId: 'c', delayMs: 0, ttlMs: Number.POSITIVE_INFINITY },
      });
      if (sent?.outcome === 'ok') this.sent.add(idemKey);
      await this.receive(topic, true);
    }
  }

  /** What was acked before this was asked for must not be among what comes. */
  async receive(topic: string, acks: boolean): Promise<readonly string[] | null> {
    const before = new Set(this.acked);
    const reply = await this.ask({
      ...{
        verb: 'recv',
        topic,
        visibilityMs: acks ? 2_000 : 60_000,
        messagesMax: 2,
        bytesMax: 1 << 16,
        waitMs: 0,
        acks: [],
      },
    });
    if (reply === null) return null;
    for (const { idemKey, msgId, receipt } of reply.deliveries ?? []) {
      if (before.has(idemKey)) this.wrong.push(`${idemKey} comes after its ack was answered`);
      if (!acks) continue;
      this.ackAsked.add(idemKey);
      if ((await this.ask({ verb: 'ack', msgId, receipt }))?.outcome === 'ok') this.acked.add(idemKey);
    }
    return (reply.deliveries ?? []).map(({ idemKey }) => idemKey);
  }

  until(count: number): Promise<void> {
    return until(() => this.sent.size >= count, PATIENCE_MS);
  }

  /** All that is left; what is leased comes back when its lease is over. */
  async left(): Promise<Set<string>> {
    const left = new Set<string>();
    const expected = (): string[] => [...this.sent].filter((key) => !left.has(key) && !this.ackAsked.has(key));
    for (const endMs = Date.now() + PATIENCE_MS; expected().length > 0 && Date.now() < endMs; )
      for (const topic of TOPICS) for (const key of (await this.receive(topic, false)) ?? []) left.add(key);
    return left;
  }
}

describe.skipIf(!isPostgresHere)('shipped nodes on PostgreSQL (unavailable where it is missing)', () => {
  let folder: PostgresFolder;
  let primary: PostgresServer;
  let standby: PostgresServer;
  const nodes: PostgresNode[] = [];
  beforeAll(async () => {
    folder = new PostgresFolder();
    primary = await folder.primary();
    standby = await folder.standbyOf(primary);
  });
  afterAll(() => {
    for (const node of nodes) node.stop();
    folder?.end();
  });

  it('processes, connections, the standby and the primary fail under load: no accepted message is lost, none comes after its ack was answered (AC1, R3)', async () => {
    const url = `postgres://postgres:swordfish@127.0.0.1:${primary.port},127.0.0.1:${standby.port}/postgres`;
    const options = { url, cluster: 'c', leaseMs: 1_500, answersWithinMs: 1_000, shards: SHARDS };
    await createCluster(options);
    for (let number = 0; number < NODES; number++) {
      const node = new PostgresNode({ ...options, number });
      nodes.push(node);
      await until(() => node.seen.has('opened'));
    }
    const traffic = new Traffic(nodes);
    const clients = Array.from({ length: CLIENTS }, (_, number) => traffic.client(number));
    const backends = `SELECT pid FROM pg_stat_activity WHERE application_name = 'mailbox c appends'`;
    const faults: readonly (() => unknown)[] = [
      // It has all shards: others take them over.
      () => nodes[0]?.stop(),
      () => primary.query(`SELECT pg_terminate_backend(pid) FROM (${backends}) b`),
      async () => {
        standby.pause(true);
        await primary.query(`SELECT pg_cancel_backend(pid) FROM (${backends}) b`);
        standby.pause(false);
      },
      () => {
        for (const node of [nodes[0], nodes[1]]) node?.kill();
      },
      async () => {
        await primary.kill();
        await standby.promote();
      },
      () => nodes[2]?.kill(),
    ];
    for (const fault of faults) {
      await traffic.until(traffic.sent.size + SENDS);
      await fault();
    }
    await traffic.until(traffic.sent.size + SENDS);
    // However fast the machine is: all of it has happened while they were at work.
    const isSeen = (what: string): boolean => nodes.some(({ seen }) => seen.has(what));
    await until(() => ['snapshot', 'revived', 'unsure'].every(isSeen), PATIENCE_MS);
    traffic.isOver = true;
    await Promise.all(clients);
    const left = await traffic.left();
    expect(traffic.wrong).toEqual([]);
    expect([...traffic.sent].filter((key) => !left.has(key) && !traffic.ackAsked.has(key))).toEqual([]);
    const seen = new Map<string, number>();
    for (const node of nodes) for (const [what, count] of node.seen) seen.set(what, (seen.get(what) ?? 0) + count);
    console.log(`${traffic.sent.size} sent, ${traffic.acked.size} acked:`, Object.fromEntries(seen));
    expect(seen.get('gave up: halted')).toBe(undefined);
    expect(traffic.acked.size).toBeGreaterThan(100);
    expect([seen.has('snapshot'), seen.has('revived'), seen.has('unsure')]).toEqual([true, true, true]);
  });
});
