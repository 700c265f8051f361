import { describe, expect, it } from 'vitest';
import type { Reply } from '../../src/service/messages.ts';
import type { EngineNode } from '../support/engine-node.ts';
import { NodesWorld } from '../support/nodes-world.ts';

const WORLDS = 3;
const SHARDS = 4;
const LEASE_MS = 15_000;

describe('an engine whose standby is gone', () => {
  const until = ({ loop }: NodesWorld, isSo: () => boolean): void => {
    const endMs = loop.nowMs + 120_000;
    while (!isSo()) if (!loop.step(endMs)) throw new Error('never so');
  };
  const ownerOf = ({ nodes }: NodesWorld, shard: number): EngineNode | undefined =>
    nodes.find(({ serves }) => serves.includes(shard));
  const isServed = (world: NodesWorld): boolean =>
    world.topics.every((_, shard) => ownerOf(world, shard) !== undefined);
  const replicated = ({ engine }: NodesWorld, isSo: boolean): void => {
    (engine.parts as { isSynchronous: boolean }).isSynchronous = isSo;
  };
  const replyTo = (world: NodesWorld, ask: (done: (reply: Reply) => void) => void): Reply => {
    const replies: Reply[] = [];
    ask((reply) => replies.push(reply));
    until(world, () => replies.length > 0);
    return replies[0] as Reply;
  };
  const send = (world: NodesWorld, shard: number): Reply['outcome'] =>
    replyTo(world, (done) => world.send(world.topics[shard] as string, ownerOf(world, shard), done)).outcome;
  const receive = (world: NodesWorld, shard: number): Reply =>
    replyTo(world, (done) =>
      world.receive(ownerOf(world, shard) as EngineNode, world.topics[shard] as string, true, done),
    );
  const settled = (seed: number): NodesWorld => {
    const options = { nodes: 3, shards: SHARDS, leaseMs: LEASE_MS, shares: true, requiresReplica: true };
    const world = new NodesWorld(seed, options);
    until(world, () => isServed(world) && world.nodes.every(({ seen }) => seen.get('opened') === 1));
    for (let shard = 0; shard < SHARDS; shard++) expect(send(world, shard)).toBe('ok');
    return world;
  };

  it('a failover to one that has none: shards that move are served, what is there is received and acked, sends wait for a standby (AC1, R3)', () => {
    for (let seed = 1; seed <= WORLDS; seed++) {
      const world = settled(seed);
      const { nodes, engine } = world;
      engine.failOver();
      replicated(world, false);
      const gone = nodes[seed % nodes.length] as EngineNode;
      const moved = gone.serves;
      gone.die();
      until(world, () => isServed(world));
      for (const shard of moved) expect(send(world, shard), `seed ${seed}`).toBe('degraded_writes');
      // Those that others had before hear of it with their leases.
      until(world, () => world.topics.every((_, shard) => send(world, shard) === 'degraded_writes'));
      until(world, () => {
        for (let shard = 0; shard < SHARDS; shard++) receive(world, shard);
        return [...world.sent].every((key) => world.acked.has(key));
      });

      replicated(world, true);
      until(world, () => world.topics.every((_, shard) => send(world, shard) === 'ok'));
      expect(world.wrong(), `seed ${seed}`).toBe(null);
    }
  });

  it('a process that begins is refused, and is let in when there is a standby', () => {
    const world = settled(1);
    const [node] = world.nodes as [EngineNode];
    node.die();
    replicated(world, false);
    node.start();
    const untilMs = world.loop.nowMs + 60_000;
    while (world.loop.step(untilMs));
    expect([node.serves, node.seen.get('opened'), isServed(world)]).toEqual([[], 1, true]);
    replicated(world, true);
    until(world, () => node.seen.get('opened') === 2);
  });
});
