import { describe, expect, it } from 'vitest';
import { decide } from '../../src/core/decide.ts';
import { execute } from '../../src/core/execute.ts';
import { imagesOf, Restoration } from '../../src/core/image.ts';
import type { Limits } from '../../src/core/limits.ts';
import type { Message } from '../../src/core/message.ts';
import { replay } from '../../src/core/replay.ts';
import { mayTake } from '../../src/core/share.ts';
import type { ShardState } from '../../src/core/state.ts';
import { tenantOf } from '../../src/core/tenant.ts';
import { audit } from '../../src/model/audit.ts';
import fc, { Reached } from '../support/properties.ts';
import { limitsOf, sendOf, shardOf } from '../support/shard.ts';
import { LARGE, SMALL, Walk, walks } from '../support/walk.ts';

const TENANTS = { tenantShare: 25, tenantReserve: 20, topicShare: 0 };
const ROOM = { ...TENANTS, shardCapacity: 20, dedupCapacity: 1000, globalInflight: 20, dlqCapacity: 10 };

let keys = 0;
const send = (state: ShardState, topic: string): string => execute(state, sendOf(1000, topic, `key-${keys++}`)).outcome;
const sendMany = (state: ShardState, topic: string, count: number): string[] =>
  Array.from({ length: count }, () => send(state, topic));
const taken = (outcomes: readonly string[]): number => outcomes.filter((outcome) => outcome === 'ok').length;

function lease(state: ShardState, topic: string, elsewhere = 0, ofTenant = 0) {
  return execute(state, {
    ...{ name: 'recv', atMs: 1000, topic, receipt: `receipt-${keys++}`, visibilityMs: 60_000 },
    ...{ bytesMax: 9e9, inflightElsewhere: elsewhere, tenantInflightElsewhere: ofTenant },
  });
}
function die(state: ShardState, topic: string): void {
  expect(send(state, topic)).toBe('ok');
  const { message } = lease(state, topic);
  const { msgId, receipt } = message as Message;
  const nack = { name: 'nack', atMs: 1000, msgId, receipt: receipt as string, jitter: 0, reason: null } as const;
  expect(execute(state, { ...nack, retryAfterMs: null, deadLetter: true, damaged: false }).outcome).toBe('ok');
}
const deadOf = (state: ShardState, tenant: string): number => state.tenants.get(tenant)?.dead.size ?? 0;

describe('tenants (BD5)', () => {
  it('a tenant is the first labels of a topic', () => {
    expect(['a', 'a.b', 'a.b.c', 'a.b.c.d.e', 'a..b'].map((topic) => tenantOf(topic, 1))).toEqual(Array(5).fill('a'));
    expect(['a', 'a.b', 'a.b.c', 'a..b'].map((topic) => tenantOf(topic, 2))).toEqual(['a', 'a.b', 'a.b', 'a.']);
    expect(tenantOf('a.b.c.d.e', 4)).toBe('a.b.c.d');
  });

  it('depth: one tenant alone has four fifths, whoever comes later gets in by its share', () => {
    const state = shardOf(ROOM);
    expect(taken(sendMany(state, 'hog.x', 30))).toBe(16);
    expect(send(state, 'hog.y')).toBe('saturated_tenant');
    expect(taken(sendMany(state, 'late.x', 10))).toBe(4);
    // Full: the bound's own refusal, whoever asks.
    expect([send(state, 'hog.x'), send(state, 'third.x')]).toEqual(['saturated_shard', 'saturated_shard']);
  });

  it('depth: what tenants within their share leave of the reserve is for tenants within their share', () => {
    const state = shardOf(ROOM);
    sendMany(state, 'hog.x', 16);
    expect([...sendMany(state, 'one.x', 2), ...sendMany(state, 'two.x', 2)]).toEqual(Array(4).fill('ok'));
    expect(send(state, 'one.x')).toBe('saturated_shard');
  });

  it('window: held for t_replay after the message is gone, so it has a share too', () => {
    const state = shardOf({ ...ROOM, shardCapacity: 1000, dedupCapacity: 20 });
    for (let i = 0; i < 16; i++) {
      expect(send(state, 'hog.x')).toBe('ok');
      const { message } = lease(state, 'hog.x');
      const { msgId, receipt } = message as Message;
      expect(execute(state, { name: 'ack', atMs: 1000, msgId, receipt: receipt as string }).outcome).toBe('ok');
    }
    expect([state.depth, send(state, 'hog.x'), send(state, 'late.x')]).toEqual([0, 'saturated_tenant', 'ok']);
  });

  it('leases: over all shards, those that the tenant holds elsewhere too', () => {
    const state = shardOf({ ...ROOM, shardCapacity: 1000 });
    sendMany(state, 'hog.x', 20);
    sendMany(state, 'late.x', 5);
    expect(lease(state, 'hog.x', 15, 15).outcome).toBe('ok');
    expect(lease(state, 'hog.x', 15, 15).outcome).toBe('saturated_tenant');
    expect(lease(state, 'hog.x', 15, 4).outcome).toBe('saturated_tenant');
    expect(lease(state, 'hog.x', 15, 3).outcome).toBe('ok');
    expect(lease(state, 'late.x', 15, 0).outcome).toBe('ok');
    expect(lease(state, 'late.x', 17, 0).outcome).toBe('saturated_inflight');
  });

  it('reprocess: is held to the share as a send is', () => {
    const state = shardOf(ROOM);
    die(state, 'hog.x');
    const { msgId } = state.dead.first() as Message;
    sendMany(state, 'hog.x', 16);
    const reprocess = { name: 'reprocess', atMs: 1000, msgId } as const;
    expect(decide(state, reprocess).outcome).toBe('saturated_tenant');
    expect(execute(shardOf({ ...ROOM, tenantShare: 0 }), reprocess).outcome).toBe('not_found');
  });

  it('0 turns it off: all of it for whoever comes first; a reserve of 0 too', () => {
    for (const limits of [
      { ...ROOM, tenantShare: 0 },
      { ...ROOM, tenantReserve: 0 },
    ])
      expect(taken(sendMany(shardOf(limits), 'hog.x', 30))).toBe(20);
  });

  it('topics: one has four fifths of the share of its tenant, the others of that tenant the rest', () => {
    const state = shardOf({ ...ROOM, shardCapacity: 40, topicShare: 25 });
    expect([taken(sendMany(state, 'a.hog', 20)), send(state, 'a.late')]).toEqual([8, 'ok']);
    expect(taken(sendMany(state, 'a.late', 20))).toBe(2);
    expect([send(state, 'a.third'), send(state, 'a.hog')]).toEqual(['ok', 'saturated_tenant']);
  });

  it('dead letters: at the bound the oldest of the tenant with the most goes, none of one within its share (DL3)', () => {
    const state = shardOf({ ...ROOM, shardCapacity: 1000, dlqMaxPerTopic: 1000 });
    for (let i = 0; i < 2; i++) die(state, 'victim.x');
    for (let i = 0; i < 30; i++) die(state, `hog.${i}`);
    expect([deadOf(state, 'victim'), deadOf(state, 'hog')]).toEqual([2, 8]);
    die(state, 'late.x');
    expect([deadOf(state, 'victim'), deadOf(state, 'hog'), deadOf(state, 'late')]).toEqual([2, 7, 1]);
  });

  it('dead letters: of tenants that hold as much the newcomer pays, else the one whose oldest is the oldest (DL3)', () => {
    const state = shardOf({ ...ROOM, shardCapacity: 1000, dlqCapacity: 4 });
    for (const topic of ['b.x', 'a.x', 'a.x', 'b.x']) die(state, topic);
    die(state, 'a.x');
    expect([deadOf(state, 'a'), deadOf(state, 'b')]).toEqual([2, 2]);
    die(state, 'c.x');
    expect([deadOf(state, 'a'), deadOf(state, 'b'), deadOf(state, 'c')]).toEqual([2, 1, 1]);
  });

  it('other labels: the tenants are counted anew, and the rule goes by them', () => {
    const state = shardOf(ROOM);
    for (const topic of ['a.x.1', 'a.x.2', 'a.y.1', 'b.x']) die(state, topic);
    sendMany(state, 'a.x.1', 3);
    state.limits = { ...state.limits, tenantLabels: 2 };
    expect(audit(state)).toBeNull();
    expect([...state.tenants.keys()].sort()).toEqual(['a.x', 'a.y', 'b.x']);
    expect([deadOf(state, 'a.x'), state.tenants.get('a.x')?.depth]).toEqual([2, 3]);
  });
});

/** The rule by the messages alone, with fractions. */
function allowed(limits: Limits, bound: number, used: number, ofTenant: number): boolean {
  if (used >= bound) return false;
  const { tenantShare: share, tenantReserve: reserve } = limits;
  return share === 0 || ofTenant < (share / 100) * bound || bound - used > (reserve / 100) * bound;
}
const percent = fc.constantFrom(0, 1, 10, 25, 33, 50, 75, 100);

describe('tenants, in general (IsolationProp)', () => {
  it('mayTake: a tenant alone is never refused below (100 - reserve) percent, one within its share never while there is room', () => {
    fc.assert(
      fc.property(
        percent,
        percent,
        fc.integer({ min: 1, max: 5000 }),
        fc.nat(5000),
        fc.nat(5000),
        (s, r, bound, a, b) => {
          const used = a % bound;
          const own = b % (used + 1);
          const limits = limitsOf({ tenantShare: s, tenantReserve: r, topicShare: 0 });
          const may = mayTake(limits, bound, used, own, own);
          if (s === 0 || r === 0) expect(may).toBe(true);
          if (own * 100 < s * bound) expect(may).toBe(true);
          if ((bound - used) * 100 <= r * bound && own * 100 >= s * bound && s > 0) expect(may).toBe(false);
        },
      ),
    );
  });

  const TOPICS = ['a.x', 'b.x', 'a.y', 'c.x', 'c.y', 'd'];
  it('every step of a shard keeps to it, the counts are those of the messages, and replay and image make the same', () => {
    const seen = new Reached('tenants');
    const large = {
      ...LARGE,
      shardCapacity: 12,
      dedupCapacity: 30,
      globalInflight: 8,
      dlqCapacity: 6,
      dlqMaxPerTopic: 4,
    };
    const run = fc.property(walks, percent, percent, fc.boolean(), (steps, tenantShare, tenantReserve, small) => {
      const walk = new Walk({ ...(small ? SMALL : large), tenantShare, tenantReserve }, TOPICS);
      for (const step of steps) {
        walk.pass(step.pass);
        const command = walk.command(step);
        const { state } = walk;
        if (command?.name === 'send') {
          const { outcome } = decide(state, command);
          const tenant = tenantOf(command.topic, 1);
          const own = [...state.messages()].filter((m) => tenantOf(m.topic.name, 1) === tenant);
          const depth = own.filter(({ state: s }) => s === 'queued' || s === 'leased' || s === 'redelivered').length;
          const windows = own.filter(({ idemUntilMs }) => idemUntilMs > 0).length;
          const { limits } = state;
          const may =
            allowed(limits, limits.shardCapacity, state.depth, depth) &&
            allowed(limits, limits.dedupCapacity, state.windows.size, windows);
          if (outcome === 'ok' || outcome.startsWith('saturated')) expect(outcome === 'ok').toBe(may);
          seen.saw({ [outcome]: 1 });
        }
        const before = new Map([...state.tenants.values()].map((t) => [t.name, t.dead.size]));
        const total = state.dead.size;
        walk.step({ ...step, pass: 0 });
        expect(audit(state)).toBeNull();
        const most = Math.max(0, ...before.values());
        for (const [name, size] of before)
          if (
            total >= state.limits.dlqCapacity &&
            state.dead.size === total &&
            tenantShare > 0 &&
            deadOf(state, name) < size
          )
            seen.saw({ [size === most ? 'of the most' : 'of another']: 1 });
      }
      const { state, recorder } = walk;
      const again = replay(0, state.limits, recorder.facts);
      expect(audit(again)).toBeNull();
      const restoration = new Restoration(0, state.limits);
      for (const image of imagesOf(state)) restoration.take(image);
      const restored = restoration.done();
      expect(audit(restored)).toBeNull();
      expect(restored.holders.first()?.name).toBe(state.holders.first()?.name);
    });
    fc.assert(run, { numRuns: 400 });
    seen.atLeast({ ok: 1, saturated_tenant: 1, saturated_shard: 1, 'of the most': 1 });
  }, 60_000);
});
