import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { advance } from '../../src/core/advance.ts';
import type { Command } from '../../src/core/commands.ts';
import { decide } from '../../src/core/decide.ts';
import { due, nextDueMs } from '../../src/core/due.ts';
import { Heap } from '../../src/core/heap.ts';
import type { Message } from '../../src/core/message.ts';
import { recover } from '../../src/core/recover.ts';
import { replay } from '../../src/core/replay.ts';
import type { ShardState } from '../../src/core/state.ts';
import { audit } from '../../src/model/audit.ts';
import fc, { Reached } from '../support/properties.ts';
import { fingerprint, limitsOf, Recorder } from '../support/shard.ts';
import { anyStep, LARGE, largeWalks, SMALL, Walk, walks } from '../support/walk.ts';

const messagesOf = (state: ShardState): Message[] => [...state.messages()];

/** Every index of the state says the same as its messages, and every bound holds. */
function checkIndexes(state: ShardState): void {
  expect(audit(state)).toBeNull();
  expect(state.depth).toBeLessThanOrEqual(SMALL.shardCapacity);
  expect(state.windows.size).toBeLessThanOrEqual(SMALL.dedupCapacity);
  expect(state.settled.size).toBeLessThanOrEqual(SMALL.settledCapacity);
  expect(state.dead.size).toBeLessThanOrEqual(SMALL.dlqCapacity);
  expect(state.leases.size).toBeLessThanOrEqual(SMALL.globalInflight);
  for (const topic of state.topics.values()) expect(topic.dead.size).toBeLessThanOrEqual(SMALL.dlqMaxPerTopic);
  for (const m of messagesOf(state)) {
    expect(m.attempt).toBeLessThanOrEqual(SMALL.maxAttempts);
    expect(m.epoch).toBeGreaterThanOrEqual(m.attempt);
    if (m.state === 'queued') expect(m.attempt).toBe(0);
    if (m.state === 'redelivered') expect(m.attempt).toBeGreaterThan(0);
  }
}

/** Each step of a walk leaves every index in its whole order (`audit`), and what would be given next is what the messages say. */
const largeShard = (reached: Reached) =>
  fc.property(largeWalks, (steps) => {
    const walk = new Walk(LARGE);
    const { state } = walk;
    for (const step of steps) {
      walk.step(step);
      expect(audit(state)).toBeNull();
      const returned = [...state.topics.values()].map((topic) => topic.returned.size);
      reached.saw({ messages: state.slotCount - state.freeSlots.length, 'free slots': state.freeSlots.length });
      reached.saw({ leases: state.leases.size, waiting: state.waiting.size, ttls: state.ttls.size });
      reached.saw({ returned: Math.max(0, ...returned), windows: state.windows.size, ready: state.ready.size });
      reached.saw({ dead: state.dead.size, settled: state.settled.size });
    }
  });

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

  it('apply: keeps every index true in a shard of hundreds, where heaps are deep and lines have gaps (CapacityInv)', () => {
    const reached = new Reached('a large shard');
    fc.assert(largeShard(reached), { numRuns: 8 });
    const lines = { windows: 50, ready: 40, dead: 8, settled: 8, 'free slots': 1 };
    reached.atLeast({ messages: 80, leases: 20, waiting: 12, ttls: 8, returned: 4, ...lines });
  });

  it('apply: a heap whose removal only sinks is found there', () => {
    const prototype = Heap.prototype as unknown as Record<string, unknown>;
    const shipped = prototype['moved'];
    prototype['moved'] = prototype['sink'];
    try {
      expect(fc.check(largeShard(new Reached('')), { numRuns: 8, endOnFailure: true }).failed).toBe(true);
    } finally {
      prototype['moved'] = shipped;
    }
  });

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
