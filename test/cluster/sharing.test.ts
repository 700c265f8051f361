import { describe, expect, it } from 'vitest';
import { firstFor } from '../../src/cluster/claiming.ts';
import { Sharing } from '../../src/cluster/sharing.ts';
import type { EngineNode } from '../support/engine-node.ts';
import { NodesWorld } from '../support/nodes-world.ts';

const WORLDS = Number(process.env['WORLDS'] ?? 25);
const NODES = 3;
const SHARDS = 8;
/** That of a server: the times below are those that it promises. */
const LEASE_MS = 15_000;

/** Runs until it is so, and gives how long that took. */
function until(world: NodesWorld, isSo: () => boolean, atMostMs: number): number {
  const { loop } = world;
  const beganMs = loop.nowMs;
  while (!isSo()) {
    if (loop.nowMs - beganMs > atMostMs || !loop.step(beganMs + atMostMs))
      throw new Error(`not so within ${atMostMs} ms: ${world.nodes.map(({ serves }) => `[${serves}]`).join(' ')}`);
  }
  return loop.nowMs - beganMs;
}

/** Each shard is served by the node that is first for it among those that are there, and by no other. */
function isSharedOut(nodes: readonly EngineNode[], shards: number): boolean {
  const there = nodes.filter(({ isAway }) => !isAway);
  const members = there.map((node) => ({ name: node.name, node }));
  return Array.from({ length: shards }, (_, shard) => shard).every((shard) => {
    const { node } = firstFor(shard, members);
    return there.every((one) => one.serves.includes(shard) === (one === node));
  });
}

const isServed = (nodes: readonly EngineNode[], shards: number): boolean =>
  Array.from({ length: shards }, (_, shard) => shard).every((shard) =>
    nodes.some(({ serves }) => serves.includes(shard)),
  );

describe('nodes that share the shards of an engine', () => {
  const settled = (seed: number): NodesWorld => {
    const world = new NodesWorld(seed, { nodes: NODES, shards: SHARDS, leaseMs: LEASE_MS, shares: true });
    until(world, () => isSharedOut(world.nodes, SHARDS), 120_000);
    return world;
  };

  it('a node that ends as it should: others have its shards within a second (R3)', () => {
    for (let seed = 1; seed <= WORLDS; seed++) {
      const world = settled(seed);
      world.nodes[seed % NODES]?.leave();
      expect(
        until(world, () => isSharedOut(world.nodes, SHARDS), LEASE_MS),
        `seed ${seed}`,
      ).toBeLessThan(1_000);
    }
  });

  it('a process that dies: within four (R3)', () => {
    let most = 0;
    for (let seed = 1; seed <= WORLDS; seed++) {
      const world = settled(seed);
      world.nodes[seed % NODES]?.die();
      most = Math.max(
        most,
        until(world, () => isSharedOut(world.nodes, SHARDS), LEASE_MS),
      );
    }
    console.log(`at most ${most} ms`);
    expect(most).toBeLessThan(4_000);
  });

  it('one that is cut off and does not know: within twenty (R3)', () => {
    let most = 0;
    for (let seed = 1; seed <= WORLDS; seed++) {
      const world = settled(seed);
      const node = world.nodes[seed % NODES] as EngineNode;
      const others = world.nodes.filter((one) => one !== node);
      node.client.partition(60_000);
      most = Math.max(
        most,
        until(world, () => isServed(others, SHARDS), 60_000),
      );
    }
    console.log(`at most ${most} ms`);
    expect(most).toBeLessThan(20_000);
  });

  it('a node that comes gets its share, one shard at a time, each unserved for less than a second (R3)', () => {
    for (let seed = 1; seed <= WORLDS; seed++) {
      const world = settled(seed);
      const node = world.nodes[seed % NODES] as EngineNode;
      node.leave();
      until(world, () => isSharedOut(world.nodes, SHARDS), LEASE_MS);
      node.start();
      let unservedMs: number | null = null;
      let longestMs = 0;
      until(
        world,
        () => {
          const unserved = world.topics.filter((_, shard) => !world.nodes.some(({ serves }) => serves.includes(shard)));
          expect(unserved.length).toBeLessThan(2);
          if (unserved.length === 0) unservedMs = null;
          else unservedMs ??= world.loop.nowMs;
          if (unservedMs !== null) longestMs = Math.max(longestMs, world.loop.nowMs - unservedMs);
          return isSharedOut(world.nodes, SHARDS);
        },
        120_000,
      );
      expect(longestMs, `seed ${seed}`).toBeLessThan(1_000);
    }
  });

  it('a node that starts hears of shards that are given back, and neither says that it is there nor claims any before it begins (AU3)', () => {
    const world = new NodesWorld(1, { nodes: 1, shards: 1, shares: true });
    const { loop, engine } = world;
    until(world, () => isServed(world.nodes, 1), 10_000);
    const client = engine.connect();
    const beats: string[] = [];
    const { beat } = client.members;
    client.members.beat = (member, done) => {
      beats.push(member.name);
      beat(member, done);
    };
    client.members.revoke({ kind: 'nonce', value: 'n' }, () => {});
    const seen: string[] = [];
    const joined: Sharing[] = [];
    const options = { engine: client, shards: 1, timers: { setTimeout: () => 0, clearTimeout: () => {} } };
    const member = { name: 'next', owner: 'next.1', url: 'http://next', version: '1' };
    const events = { seen: () => seen.push('seen'), revoked: () => seen.push('revoked') };
    Sharing.join({ ...options, member, monotonicMs: () => loop.nowMs, events }, (sharing) =>
      joined.push(sharing as Sharing),
    );
    until(world, () => joined.length > 0, 1_000);
    const [sharing] = joined as [Sharing];
    world.nodes[0]?.leave();
    until(world, () => world.nodes[0]?.isAway === true, 10_000);
    while (loop.step(loop.nowMs + 1_000));
    expect([beats, seen, sharing.mayClaim(0)]).toEqual([[], [], false]);
    sharing.catchUp(() => sharing.begin());
    until(world, () => sharing.mayClaim(0), 1_000);
    expect([beats, seen]).toEqual([['next'], ['revoked', 'seen']]);
  });

  it('nodes come, go and die, and connections and primaries fail: in the end each shard is where it belongs, nothing is lost (AC1, AC3, R3)', () => {
    const sum = { sent: 0, acked: 0 };
    const seen = new Map<string, number>();
    for (let seed = 1; seed <= WORLDS; seed++) {
      const world = new NodesWorld(seed, { nodes: NODES, shards: 4, shares: true });
      world.run(8_000);
      for (const node of world.nodes) if (node.isAway) node.start();
      expect(world.wrong(), `seed ${seed}`).toBe(null);
      expect(isSharedOut(world.nodes, 4), `seed ${seed}`).toBe(true);
      sum.sent += world.sent.size;
      sum.acked += world.acked.size;
      for (const node of world.nodes)
        for (const [what, count] of node.seen) seen.set(what, (seen.get(what) ?? 0) + count);
    }
    console.log(`${WORLDS} worlds:`, sum, Object.fromEntries(seen));
    expect(sum.sent).toBeGreaterThan(10 * WORLDS);
    expect(sum.acked).toBeGreaterThan(2 * WORLDS);
    expect(seen.get('dismissed')).toBeGreaterThan(0);
    expect(seen.get('gave up: halted')).toBe(undefined);
  }, 240_000);
});
