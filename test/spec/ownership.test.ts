import { describe, expect, it } from 'vitest';
import { getNextSnapshot } from 'xstate';
import { ownershipMachine } from '../../spec/ownership.machine.ts';
import { OWNERSHIP_EVENTS, OWNERSHIP_STATES } from '../../spec/ownership.ts';
import { nextOwnership, OWNERSHIP } from '../../spec/ownership-table.ts';

describe('ownership', () => {
  it('table: agrees with the machine for every state and event, and throws where that has no step', () => {
    for (const state of OWNERSHIP_STATES) {
      for (const event of OWNERSHIP_EVENTS) {
        const at = ownershipMachine.resolveState({ value: state });
        const target = getNextSnapshot(ownershipMachine, at, { type: event }).value;
        const said = OWNERSHIP[state][event];
        expect(said ?? state, `${state} ${event}`).toBe(target);
        if (said === undefined) expect(() => nextOwnership(state, event)).toThrow(`ownership: ${event} while ${state}`);
        else expect(nextOwnership(state, event)).toBe(said);
      }
    }
    expect(Object.keys(ownershipMachine.root.states)).toEqual([...OWNERSHIP_STATES]);
  });

  it('every state but the first is reached, each event is of use, and a shard that is halted stays so', () => {
    const rows = OWNERSHIP_STATES.flatMap((state) => Object.entries(OWNERSHIP[state]));
    expect(new Set(rows.map(([event]) => event))).toEqual(new Set(OWNERSHIP_EVENTS));
    expect(new Set(rows.map(([, target]) => target))).toEqual(new Set(OWNERSHIP_STATES));
    expect(OWNERSHIP.halted).toEqual({});
  });

  it('served only after an answered announcement: nothing else leads there but what is settled', () => {
    const ways = OWNERSHIP_STATES.flatMap((state) =>
      Object.entries(OWNERSHIP[state]).flatMap(([event, target]) =>
        target === 'serving' ? [`${state} ${event}`] : [],
      ),
    );
    expect(ways).toEqual(['announcing answered', 'unsure settled']);
  });
});
