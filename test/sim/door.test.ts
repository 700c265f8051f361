import { describe, expect, it } from 'vitest';
import type { Exchange } from '../../sim/call.ts';
import { Door, type Host } from '../../sim/door.ts';

/** A door with room for so many connections, before a process that would serve; only what a refused connection meets is there. */
function doorFor(connectionsMax: number) {
  const parts = { connectionsMax, loop: { mark: () => {} } } as unknown as ConstructorParameters<typeof Door>[0];
  const host = { listening: {}, isPaused: false, live: (run: () => void) => run() } as unknown as Host;
  const door = new Door(parts, host);
  const isRefused = (): boolean => {
    const replies: unknown[] = [];
    door.arrive({ call: { id: 1 }, copy: 0, reply: (reply: unknown) => replies.push(reply) } as unknown as Exchange);
    return replies.length === 1 && replies[0] === null;
  };
  return { door, isRefused };
}

describe('door', () => {
  it('idle connections take the room of others (BD1)', () => {
    const { door, isRefused } = doorFor(3);
    door.flood(1);
    door.flood(2);
    expect(isRefused()).toBe(true);
  });

  it('floods that were ended early make no room that there is not, when their time is over', () => {
    const { door, isRefused } = doorFor(0);
    const end = door.flood(5);
    door.endFloods();
    end();
    expect(isRefused()).toBe(true);
  });
});
