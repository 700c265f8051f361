import { describe, expect, it } from 'vitest';
import type { Message } from '../../src/core/message.ts';
import type { ShardState } from '../../src/core/state.ts';
import { LookedAhead } from '../../src/service/looked-ahead.ts';
import fc from '../support/properties.ts';

const hashOf = (payload: Uint8Array): string => `b3:${payload.join('.')}`;

describe('payloads that are hashed ahead', () => {
  const asked = fc.record({
    isReturned: fc.boolean(),
    isDamaged: fc.boolean(),
    bytes: fc.constantFrom(1, 9, 1024, 1025),
  });
  it('whatever is leased in whatever order is judged by its own bytes, and no more than three are hashed in vain (IN1)', () => {
    fc.assert(
      fc.property(fc.array(asked, { minLength: 1, maxLength: 24 }), fc.nat(30), (all, most) => {
        const messages = all.map(({ bytes, isDamaged }, i) => {
          const payload = new Uint8Array(bytes).fill(i);
          return { payload, payloadHash: isDamaged ? 'b3:other' : hashOf(payload) } as Message;
        });
        // Those that were never given out leave their line as they are leased; the others stand in another.
        const fresh = messages.filter((_, i) => all[i]?.isReturned === false);
        const topics = new Map([['t', { fresh: { after: () => fresh.values() } }]]);
        let hashed = 0;
        const payloadHashesOf = (payloads: readonly Uint8Array[]): string[] => {
          hashed += payloads.length;
          return payloads.map(hashOf);
        };
        const integrity = {
          payloadHashOf: (payload: Uint8Array) => payloadHashesOf([payload])[0] as string,
          payloadHashesOf,
          hashChainOf: () => '',
        };
        const ahead = new LookedAhead(integrity, { topics } as unknown as ShardState, 't');
        for (const [i, message] of messages.entries()) {
          if (fresh[0] === message) fresh.shift();
          const before = hashed;
          expect(ahead.isIntact(message, Math.max(0, most - i))).toBe(all[i]?.isDamaged === false);
          expect(hashed - before).toBeLessThanOrEqual(Math.min(4, 1 + Math.max(0, most - i)));
        }
        const inOrder = all.every(({ isReturned, bytes }) => !isReturned && bytes <= 1024);
        if (inOrder && most >= all.length) expect(hashed).toBe(all.length);
      }),
      { numRuns: 500 },
    );
  });
});
