import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Claiming, firstFor } from '../../src/cluster/claiming.ts';
import type { Holder, SeenMember } from '../../src/ports/engine.ts';

const LEASE_MS = 15_000;
const SHARDS = 16;
const member = (name: string, more: Partial<SeenMember> = {}): SeenMember => ({
  ...{ name, owner: `${name}.1`, url: `http://${name}`, version: '1', quietMs: 0, isConnected: true },
  ...more,
});
const held = (owner: string, shards: readonly number[]): Holder[] =>
  shards.map((shard) => ({ shard, owner: `${owner}.1`, leftMs: LEASE_MS }));
const ALL = Array.from({ length: SHARDS }, (_, shard) => shard);
const firstOf = (names: readonly string[], shard: number): string =>
  firstFor(
    shard,
    names.map((name) => ({ name })),
  ).name;

describe('whose a shard is to be', () => {
  const names = fc.uniqueArray(fc.stringMatching(/^[a-z][a-z0-9-]{0,15}$/), { minLength: 2, maxLength: 9 });

  it('the same for all, in whatever order they know each other; who comes or goes moves its own shards alone (R3)', () => {
    fc.assert(
      fc.property(names, fc.nat(1_023), (some, shard) => {
        const first = firstOf(some, shard);
        expect(firstOf([...some].reverse(), shard)).toBe(first);
        for (const gone of some) {
          const left = some.filter((name) => name !== gone);
          if (gone !== first) expect(firstOf(left, shard)).toBe(first);
        }
      }),
    );
  });

  it('nodes have about as many each: of 1024 none less than half, none more than twice its share', () => {
    fc.assert(
      fc.property(names, (some) => {
        const counts = new Map(some.map((name) => [name, 0]));
        for (let shard = 0; shard < 1_024; shard++) {
          const first = firstOf(some, shard);
          counts.set(first, (counts.get(first) as number) + 1);
        }
        const share = 1_024 / some.length;
        for (const count of counts.values()) expect(count > share / 2 && count < 2 * share).toBe(true);
      }),
    );
  });
});

describe('what a node claims and hands over', () => {
  const claiming = (): Claiming => new Claiming(member('a'), SHARDS, LEASE_MS);
  const ofA = ALL.filter((shard) => firstOf(['a', 'b'], shard) === 'a');
  const ofB = ALL.filter((shard) => !ofA.includes(shard));

  it('what is free and its own at once; what is free and nobody wants after 5 s; what is held not at all', () => {
    const one = claiming();
    const members = [member('a'), member('b')];
    expect(one.seen({ members, holders: [] }, 0).wanted).toEqual(ofA);
    expect(ALL.filter((shard) => one.mayClaim(shard))).toEqual(ofA);
    const holders = held('a', ofA);
    expect(one.seen({ members, holders }, 4_999).wanted).toEqual([]);
    expect(one.seen({ members, holders }, 5_000).wanted).toEqual(ofB);
    expect(one.seen({ members, holders: held('b', ALL) }, 60_000).wanted).toEqual([]);
    // Free for 5 s from then on.
    expect(one.seen({ members, holders }, 60_001).wanted).toEqual([]);
  });

  it('without a connection for 2 s a node is dead: its leases are to end, its shards are ours; not heard for 12 s: it counts no more', () => {
    const one = claiming();
    const company = (b: Partial<SeenMember>) => ({
      members: [member('a'), member('b', b)],
      holders: [...held('a', ofA), ...held('b', ofB.slice(1))],
    });
    expect(one.seen(company({ isConnected: false }), 0)).toEqual({ wanted: [], unwanted: null, dead: [] });
    expect(one.seen(company({ isConnected: false }), 1_999).dead).toEqual([]);
    expect(one.seen(company({ isConnected: false }), 2_000)).toMatchObject({ wanted: [ofB[0]], dead: ['b.1'] });
    expect(one.seen(company({ isConnected: true }), 2_100)).toMatchObject({ wanted: [], dead: [] });
    expect(one.seen(company({ quietMs: 11_999 }), 2_200).wanted).toEqual([]);
    expect(one.seen(company({ quietMs: 12_000 }), 2_300)).toMatchObject({ wanted: [ofB[0]], dead: [] });
  });

  it('a node that is there for two looks gets its shards: one at a time, the next when somebody has it, none twice in a minute', () => {
    const one = claiming();
    const members = [member('a'), member('b')];
    const all = held('a', ALL);
    expect(one.seen({ members: [member('a')], holders: all }, 0).unwanted).toBe(null);
    expect(one.seen({ members, holders: all }, 500).unwanted).toBe(null);
    const [first, second] = ofB as [number, number];
    expect(one.seen({ members, holders: all }, 1_000).unwanted).toBe(first);
    const without = all.filter(({ shard }) => shard !== first);
    expect(one.seen({ members, holders: without }, 4_000).unwanted).toBe(null);
    expect(one.seen({ members, holders: [...without, ...held('b', [first])] }, 4_500).unwanted).toBe(second);
    // Nobody took it: it was claimed again, and is not handed over at once.
    const third = one.seen({ members, holders: all }, 20_000).unwanted;
    expect([first, second]).not.toContain(third);
    expect(one.seen({ members, holders: all }, 61_000).unwanted).toBe(first);
  });

  it('its next process is given at once what the one before could not take', () => {
    const one = claiming();
    const [first, second] = ofB as [number, number];
    const all = held('a', ALL);
    const seen = (process: string, atMs: number) =>
      one.seen({ members: [member('a'), member('b', { owner: process })], holders: all }, atMs).unwanted;
    expect([seen('b.1', 0), seen('b.1', 500)]).toEqual([null, first]);
    expect([seen('b.1', 10_000), seen('b.1', 16_000)]).toEqual([null, second]);
    expect([seen('b.2', 32_000), seen('b.2', 32_500)]).toEqual([null, first]);
  });

  it('what cannot be read is tried again later and later, at most after half a lease', () => {
    const one = claiming();
    const company = { members: [member('a')], holders: held('b', ALL.slice(1)) };
    let nowMs = 0;
    const waits: number[] = [];
    for (let i = 0; i < 6; i++) {
      one.claimed(0, false, nowMs);
      const fromMs = nowMs;
      while (one.seen(company, nowMs).wanted.length === 0) nowMs += 100;
      waits.push(nowMs - fromMs);
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 7_500, 7_500, 7_500]);
    one.claimed(0, true, nowMs);
    expect(one.seen(company, nowMs).wanted).toEqual([0]);
  });
});
