import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { advance } from '../../src/core/advance.ts';
import type { Command } from '../../src/core/commands.ts';
import { decide } from '../../src/core/decide.ts';
import { due, nextDueMs } from '../../src/core/due.ts';
import type { Limits } from '../../src/core/limits.ts';
import { recover } from '../../src/core/recover.ts';
import { replay } from '../../src/core/replay.ts';
import type { Message, ShardState } from '../../src/core/state.ts';
import { fingerprint, limitsOf, Recorder, sendOf, shardOf } from '../support/shard.ts';

/** Small bounds, so that every refusal is met often. */
const SMALL = {
  shardCapacity: 3,
  globalInflight: 2,
  dedupCapacity: 4,
  settledCapacity: 3,
  dlqMaxPerTopic: 2,
  dlqCapacity: 3,
  maxAttempts: 2,
  maxRedrives: 1,
  inflightFactor: 2,
  backoffBaseMs: 2,
  backoffMaxMs: 5,
  tReplayMs: 40,
  readyRetentionMs: 60,
  dlqRetentionMs: 80,
  defaultVisibilityMs: 10,
};

interface Step {
  readonly what: Command['name'] | 'due';
  readonly pass: number;
  readonly a: number;
  readonly b: number;
  readonly jitter: number;
  readonly flag: boolean;
}
const anyStep: fc.Arbitrary<Step> = fc.record({
  what: fc.constantFrom(
    'send',
    'send',
    'recv',
    'recv',
    'ack',
    'nack',
    'extend',
    'release',
    'expire',
    'reprocess',
    'purge',
    'due',
    'due',
  ),
  pass: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 15 })),
  a: fc.nat(9),
  b: fc.nat(9),
  jitter: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  flag: fc.boolean(),
});
const walks = fc.array(anyStep, { minLength: 5, maxLength: 60, size: 'max' });

class Walk {
  readonly recorder: Recorder;
  atMs = 1000;
  readonly msgIds: string[] = ['01ARZ3NDEKTSV4RRFFQ69G5FAV'];
  readonly receipts: string[] = ['never-issued'];

  constructor(limits: Partial<Limits> = SMALL) {
    this.recorder = new Recorder(shardOf(limits));
  }

  get state(): ShardState {
    return this.recorder.state;
  }

  pass(ms: number): void {
    this.atMs += ms;
    advance(this.state, this.atMs);
  }

  command({ what, a, b, jitter, flag }: Step): Command | null {
    const { atMs } = this;
    const msgId = this.msgIds.at(-1 - (a % this.msgIds.length)) as string;
    const receipt = flag
      ? (this.state.find(msgId)?.receipt ?? 'none')
      : (this.receipts.at(-1 - (b % this.receipts.length)) as string);
    switch (what) {
      case 'send': {
        const ttlMs = b < 3 ? 10 + b : Number.POSITIVE_INFINITY;
        return sendOf(atMs, `t${a % 2}`, `k${b}`, {
          payloadHash: flag ? 'b3:a' : 'b3:b',
          delayMs: a > 6 ? a : 0,
          ttlMs,
        });
      }
      case 'recv':
        return {
          name: 'recv',
          atMs,
          topic: `t${a % 3}`,
          receipt: `r${this.receipts.length}`,
          visibilityMs: 5 + b,
          bytesMax: b === 0 ? 1 : Number.POSITIVE_INFINITY,
          inflightElsewhere: flag ? 0 : b % 2,
        };
      case 'ack':
        return { name: 'ack', atMs, msgId, receipt };
      case 'nack':
        return {
          name: 'nack',
          atMs,
          msgId,
          receipt,
          jitter,
          reason: flag ? 'why' : null,
          retryAfterMs: b < 5 ? b * 3 : null,
          deadLetter: b === 9,
          damaged: a === 9 && b === 9,
        };
      case 'extend':
        return { name: 'extend', atMs, msgId, receipt, visibilityMs: b < 5 ? b + 1 : null };
      case 'release':
        return { name: 'release', atMs, msgId, receipt, jitter };
      case 'expire':
        return { name: 'expire', atMs, msgId, epoch: flag ? (this.state.find(msgId)?.epoch ?? 0) : b, jitter };
      case 'reprocess':
        return { name: 'reprocess', atMs, msgId };
      case 'purge':
        return { name: 'purge', atMs, msgId, reason: 'admin' };
      case 'due':
        return due(this.state, jitter);
    }
  }

  step(step: Step): void {
    this.pass(step.pass);
    const command = this.command(step);
    if (command === null) return;
    const { facts } = this.recorder.run(command);
    for (const fact of facts) {
      if (fact.name === 'sent') this.msgIds.push(fact.msgId);
      if (fact.name === 'received') this.receipts.push(fact.receipt);
    }
  }
}

const messagesOf = (state: ShardState): Message[] => state.slots.filter((m) => m !== undefined);

/** Every index of the state says the same as its messages. */
function checkIndexes(state: ShardState): void {
  const messages = messagesOf(state);
  const count = (name: string) => messages.filter((m) => m.state === name).length;
  expect(state.queued).toBe(count('queued'));
  expect(state.redelivered).toBe(count('redelivered'));
  expect(state.leases.size).toBe(count('leased'));
  expect(state.dead.size).toBe(count('dead_lettered'));
  expect(state.ready.size).toBe(count('queued') + count('redelivered'));
  expect(state.idemLine.size).toBe(messages.filter((m) => m.idemUntilMs > 0).length);
  expect(state.depth).toBeLessThanOrEqual(SMALL.shardCapacity);
  expect(state.idemLine.size).toBeLessThanOrEqual(SMALL.dedupCapacity);
  expect(state.settled.size).toBeLessThanOrEqual(SMALL.settledCapacity);
  expect(state.dead.size).toBeLessThanOrEqual(SMALL.dlqCapacity);
  expect(state.leases.size).toBeLessThanOrEqual(SMALL.globalInflight);
  expect(state.slots.filter((m) => m === undefined)).toHaveLength(state.freeSlots.length);
  for (const topic of state.topics.values()) {
    const own = messages.filter((m) => m.topic === topic);
    const ready = own.filter((m) => m.state === 'queued' || m.state === 'redelivered');
    expect(topic.remembered).toBe(own.length);
    expect(own.length).toBeGreaterThan(0);
    expect(topic.dead.size).toBeLessThanOrEqual(SMALL.dlqMaxPerTopic);
    expect([topic.queued, topic.leased, topic.redelivered]).toEqual(
      ['queued', 'leased', 'redelivered'].map((name) => own.filter((m) => m.state === name).length),
    );
    const available = ready.filter((m) => m.timerAtMs <= state.nowMs);
    expect(topic.fresh.size + topic.returned.size).toBe(available.length);
  }
  for (const m of messages) {
    expect(m.receipt !== null).toBe(m.state === 'leased');
    expect(m.attempt).toBeLessThanOrEqual(SMALL.maxAttempts);
    expect(m.epoch).toBeGreaterThanOrEqual(m.attempt);
    expect(m.payload === null).toBe(m.state === 'acked' || m.state === 'purged');
    expect(m.deadReason !== null).toBe(m.state === 'dead_lettered' || m.state === 'purged');
    if (m.state === 'queued') expect(m.attempt).toBe(0);
    if (m.state === 'redelivered') expect(m.attempt).toBeGreaterThan(0);
  }
}

describe('core properties', () => {
  it('decide: writes nothing, whatever the command and the state; a refusal has no facts (BD2)', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(walks, fc.array(anyStep, { minLength: 9, maxLength: 9 }), fc.boolean(), (steps, probes, fewKeys) => {
        const walk = new Walk(fewKeys ? { ...SMALL, dedupCapacity: 2 } : SMALL);
        for (const step of steps) walk.step(step);
        for (const probe of probes) {
          const command = walk.command(probe);
          if (command === null) continue;
          const before = fingerprint(walk.state);
          const { outcome, facts } = decide(walk.state, command);
          expect(fingerprint(walk.state)).toBe(before);
          if (outcome !== 'ok') expect(facts).toEqual([]);
          seen.add(`${command.name} ${outcome}`);
        }
      }),
      { numRuns: 400 },
    );
    for (const outcome of [
      'send ok',
      'send duplicate',
      'send idem_mismatch',
      'send saturated_dedup',
      'send saturated_shard',
      'recv ok',
      'recv empty',
      'recv saturated_inflight',
      'ack ok',
      'ack lease_lost',
      'ack not_found',
      'nack ok',
      'nack lease_lost',
      'extend ok',
      'extend lease_lost',
      'release ok',
      'release lease_lost',
      'expire lease_lost',
      'reprocess ok',
      'reprocess skipped',
      'purge ok',
      'purge skipped',
    ])
      expect(seen, `never met: ${outcome}`).toContain(outcome);
  }, 60_000);

  it('apply: keeps every index true and every bound (CapacityInv)', () => {
    fc.assert(
      fc.property(walks, (steps) => {
        const walk = new Walk();
        for (const step of steps) {
          walk.step(step);
          checkIndexes(walk.state);
        }
      }),
      { numRuns: 400 },
    );
  }, 60_000);

  it('recv: gives the available message with the lowest sequence number (LE1)', () => {
    fc.assert(
      fc.property(walks, (steps) => {
        const walk = new Walk();
        for (const step of steps) {
          walk.pass(step.pass);
          if (step.what === 'recv') {
            const expected = messagesOf(walk.state)
              .filter(
                (m) =>
                  m.topic.name === `t${step.a % 3}` &&
                  ['queued', 'redelivered'].includes(m.state) &&
                  m.timerAtMs <= walk.atMs,
              )
              .sort((x, y) => x.seq - y.seq)[0];
            const decision = decide(walk.state, walk.command({ ...step, b: 5, flag: true }) as Command);
            if (decision.outcome === 'ok') expect(decision.message).toBe(expected);
            else expect(expected === undefined || walk.state.leases.size === SMALL.globalInflight).toBe(true);
          }
          walk.step({ ...step, pass: 0 });
        }
      }),
      { numRuns: 400 },
    );
  }, 60_000);

  it('replay: the facts alone give the same state (PrefixProp)', () => {
    fc.assert(
      fc.property(walks, (steps) => {
        const walk = new Walk();
        for (const step of steps) walk.step(step);
        const again = replay(0, limitsOf(SMALL), walk.recorder.facts);
        advance(again, walk.atMs);
        expect(isDeepStrictEqual(again, walk.state)).toBe(true);
      }),
      { numRuns: 300 },
    );
  }, 60_000);

  it('recover: keeps attempts and epochs, and no time ahead is longer than its duration (RT4, TM1)', () => {
    fc.assert(
      fc.property(walks, fc.integer({ min: -500, max: 500 }), (steps, skew) => {
        const walk = new Walk();
        for (const step of steps) walk.step(step);
        const state = replay(0, limitsOf(SMALL), walk.recorder.facts);
        const numbers = (s: ShardState) => messagesOf(s).map((m) => [m.msgId, m.state, m.attempt, m.epoch, m.redrives]);
        const before = numbers(state).filter(([, name]) => name !== 'acked' && name !== 'purged');
        const nowMs = Math.max(walk.atMs + skew, 0);
        const left = new Map(messagesOf(state).map((m) => [m.msgId, m.timerAtMs - state.nowMs]));
        recover(state, nowMs);
        expect(numbers(state).filter(([, name]) => name !== 'acked' && name !== 'purged')).toEqual(before);
        for (const m of messagesOf(state)) {
          if (m.state === 'leased') expect(m.timerAtMs - nowMs).toBeLessThanOrEqual(left.get(m.msgId) as number);
          expect(m.idemUntilMs).toBeLessThanOrEqual(nowMs + SMALL.tReplayMs);
        }
        checkIndexes(state);
        const later = new Walk();
        Object.assign(later, { recorder: new Recorder(state), atMs: nowMs });
        later.msgIds.push(...walk.msgIds);
        for (const step of steps) {
          later.step(step);
          checkIndexes(later.state);
        }
      }),
      { numRuns: 200 },
    );
  }, 60_000);

  it('recover: facts of several restarts, the clock set either way, replay to the live state (PrefixProp, TM1)', () => {
    const restart = fc.record({ after: fc.nat(60), skew: fc.integer({ min: -300, max: 300 }) });
    fc.assert(
      fc.property(walks, fc.array(restart, { minLength: 1, maxLength: 4 }), (steps, restarts) => {
        const walk = new Walk();
        for (const [i, step] of steps.entries()) {
          for (const { skew } of restarts.filter(({ after }) => after === i)) {
            const { facts } = walk.recorder;
            const recorder = new Recorder(replay(0, limitsOf(SMALL), facts));
            recorder.facts.push(...facts);
            recorder.fact({ name: 'recovered', atMs: walk.atMs + skew });
            Object.assign(walk, { recorder, atMs: walk.atMs + skew });
          }
          walk.step(step);
        }
        const again = replay(0, limitsOf(SMALL), walk.recorder.facts);
        advance(again, walk.atMs);
        expect(isDeepStrictEqual(again, walk.state)).toBe(true);
      }),
      { numRuns: 300 },
    );
  }, 60_000);

  it('due: leaves nothing overdue behind and never asks in vain (RT3)', () => {
    fc.assert(
      fc.property(walks, (steps) => {
        const walk = new Walk();
        for (const step of steps) {
          walk.step(step);
          for (let command = due(walk.state, 0.5); command !== null; command = due(walk.state, 0.5)) {
            expect(walk.recorder.run(command).outcome).toBe('ok');
          }
          expect(nextDueMs(walk.state)).toBeGreaterThan(walk.atMs);
        }
      }),
      { numRuns: 300 },
    );
  }, 60_000);
});
