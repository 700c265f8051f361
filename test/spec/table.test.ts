import { describe, expect, it } from 'vitest';
import { getNextSnapshot, initialTransition, transition } from 'xstate';
import { type GuardName, guards, type Lifecycle, type LifecycleEvent, unsent, updates } from '../../spec/lifecycle.ts';
import { messageMachine } from '../../spec/message.machine.ts';
import { rowsOf, rowTo, step, TABLE } from '../../spec/table.ts';
import { EVENTS, type EventName, STATES, type State } from '../../spec/vocabulary.ts';
import fc from '../support/properties.ts';

const LIMITS = { maxAttempts: 3, maxRedrives: 2, inflightFactor: 3, releasesMax: 3, readyRetentionMs: 50 };

/** The state that XState reaches from `state` by `event` when each guard answers as `valuation` says. */
function xstateTarget(state: State, event: EventName, valuation: Partial<Record<GuardName, boolean>>): State {
  const machine = messageMachine.provide({
    guards: Object.fromEntries(
      Object.keys(guards).map((name) => [name, () => valuation[name as GuardName] ?? false]),
    ) as Record<GuardName, () => boolean>,
  });
  const at = machine.resolveState({ value: state, context: { message: unsent(), limits: LIMITS } });
  return getNextSnapshot(machine, at, { type: event, atMs: 0 }).value as State;
}

describe('table', () => {
  it('table: agrees with transition() for every state, event and guard valuation', () => {
    let checked = 0;
    for (const state of STATES) {
      for (const event of EVENTS) {
        const cell = TABLE[state][event];
        for (let valuation = 0; valuation < cell.rows.length; valuation++) {
          const named = Object.fromEntries(cell.guards.map((name, bit) => [name, (valuation & (1 << bit)) !== 0]));
          const target = cell.rows[valuation]?.target ?? state;
          expect(target, `${state} ${event} ${JSON.stringify(named)}`).toBe(xstateTarget(state, event, named));
          checked++;
        }
      }
    }
    expect(checked).toBeGreaterThan(100);
  });

  it('table: holds every transition of the machine and no other', () => {
    const inMachine = STATES.flatMap((state) =>
      [...(messageMachine.root.states[state]?.transitions.values() ?? [])].flat(),
    );
    expect(rowsOf()).toHaveLength(inMachine.length);
    for (const row of rowsOf()) {
      expect(
        TABLE[row.from][row.event].rows.some((r) => r !== null && r.target === row.target && r.update === row.update),
      ).toBe(true);
    }
  });

  it('table: walks like transition() does, updates included, on 10,000 random walks', () => {
    const anyEvent = fc.record({
      name: fc.constantFrom(...EVENTS.filter((name) => name !== 'send')),
      pass: fc.integer({ min: 0, max: 12 }),
      current: fc.boolean(),
      visibilityMs: fc.integer({ min: 1, max: 8 }),
      delay: fc.integer({ min: 0, max: 3 }),
      deadLetter: fc.boolean(),
    });
    const start = initialTransition(messageMachine, LIMITS)[0];
    fc.assert(
      fc.property(fc.array(anyEvent, { minLength: 1, maxLength: 12 }), (events) => {
        let atMs = 0;
        let snapshot = transition(messageMachine, start, { type: 'send', atMs, notBeforeMs: 0, ttlAtMs: 90 })[0];
        let state: State = 'queued';
        const message: Lifecycle = unsent();
        updates.begin(message, { atMs, notBeforeMs: 0, ttlAtMs: 90 });
        for (const event of events) {
          atMs += event.pass;
          const data: LifecycleEvent = {
            atMs,
            receipt: event.name === 'recv' ? `r${message.epoch + 1}` : event.current ? `r${message.epoch}` : 'r-stale',
            epoch: event.current ? message.epoch : -1,
            visibilityMs: event.visibilityMs,
            notBeforeMs: atMs + event.delay,
            deadLetter: event.deadLetter,
          };
          const row = step(state, event.name, message, data, LIMITS);
          if (row !== null) {
            row.run(message, data, LIMITS);
            state = row.target;
          }
          snapshot = transition(messageMachine, snapshot, { type: event.name, ...data })[0];
          expect(snapshot.value).toBe(state);
          expect(snapshot.context.message).toEqual(message);
        }
      }),
      { numRuns: 10_000 },
    );
  }, 60_000);

  it('table: refuses a fact the machine has no transition for', () => {
    expect(() => rowTo('acked', 'recv', 'leased')).toThrow(/no recv from acked to leased/);
    expect(rowTo('leased', 'release', 'redelivered', true).update).toBe('giveBack');
    expect(rowTo('leased', 'release', 'redelivered', false).update).toBe('takeBack');
  });

  it('table: nothing leaves acked or purged (AckFinalProp)', () => {
    for (const state of ['acked', 'purged'] as const) {
      for (const event of EVENTS) expect(TABLE[state][event].rows.every((row) => row === null)).toBe(true);
    }
  });
});
