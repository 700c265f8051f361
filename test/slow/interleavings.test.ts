import { expect, it } from 'vitest';
import { Interleavings } from '../support/interleavings.ts';

const ONCE = { ack: 1, nack: 1, extend: 1, release: 1, expire: 1, crash: 1, shutdown: 1 } as const;

it.each([1, 2])(
  'interleavings: %i there, two recvs, everything else once, in every order (V3)',
  (messages) => {
    const { orders, states, steps } = new Interleavings({ recv: 2, ...ONCE }, messages).run();
    console.log(`${orders.toLocaleString('en')} orders, ${states.toLocaleString('en')} states, ${steps} steps`);
    expect(orders).toBeGreaterThan(1_000_000n);
  },
  1_800_000,
);
