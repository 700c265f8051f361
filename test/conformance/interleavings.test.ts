import { describe, expect, it } from 'vitest';
import { Service } from '../../src/service/service.ts';
import { Interleavings, Wrong } from '../support/interleavings.ts';

type Budget = ConstructorParameters<typeof Interleavings>[0];

/** Everything that may happen, in every order; how many orders that were is printed. */
function explore(messages: number, budget: Budget) {
  const startedMs = performance.now();
  const counts = new Interleavings(budget, messages).run();
  const { orders, states, steps, longest } = counts;
  const what = Object.entries(budget).map(([kind, times]) => `${times} ${kind}`);
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  console.log(
    `${messages} there, ${what.join(', ')}: ${orders.toLocaleString('en')} orders of up to ${longest} steps ` +
      `(${states.toLocaleString('en')} states, ${steps.toLocaleString('en')} steps, ${seconds} s)`,
  );
  return counts;
}

const ONCE = { ack: 1, nack: 1, extend: 1, release: 1, expire: 1, crash: 1, shutdown: 1 } as const;

describe('interleavings (V3)', () => {
  it('one message: recv, ack, nack, extend, release, expire, crash, shutdown, in every order', () => {
    const { orders, by } = explore(1, { recv: 1, ...ONCE });
    expect(orders).toBe(242_490n);
    for (const kind of ['recv', ...Object.keys(ONCE), 'sync', 'recover']) expect(by[kind], kind).toBeGreaterThan(0);
  }, 120_000);

  it('one message, had twice: two leases, two acks, a return between them, a crash', () => {
    expect(explore(1, { recv: 2, ack: 2, nack: 1, expire: 1, crash: 1 }).orders).toBe(24_876n);
  }, 120_000);

  it('a message that is sent meanwhile, recvs that wait for it, a journal that fails', () => {
    expect(explore(0, { send: 1, recv: 2, ack: 1, fail: 1, crash: 1, shutdown: 1 }).orders).toBe(4_294n);
  }, 120_000);

  it('two messages: recvs, acks, a nack or an expiry, a crash or a shutdown', () => {
    expect(explore(2, { recv: 2, ack: 2, nack: 1, expire: 1, crash: 1 }).orders).toBe(55_987n);
    expect(explore(2, { recv: 2, ack: 1, nack: 1, crash: 1, shutdown: 1 }).orders).toBe(9_048n);
  }, 120_000);

  it.each<[string, string, (shipped: (...args: never[]) => unknown) => (this: Service, ...args: never[]) => unknown]>([
    [
      'a reply before it is durable',
      'answer',
      () =>
        function answer(this: Service, reply: (said: unknown) => void, said: unknown) {
          reply(said);
        } as never,
    ],
    ['recvs that a shutdown forgets', 'endWaiting', () => () => {}],
    ['recvs that a message does not wake', 'servePolls', () => () => {}],
    ['leases that never end', 'advanceShard', () => () => {}],
  ])('finds %s', (_what, method, other) => {
    const { prototype } = Service as unknown as { prototype: Record<string, never> };
    const shipped = prototype[method] as never;
    prototype[method] = other(shipped) as never;
    try {
      expect(() => new Interleavings({ send: 1, recv: 2, ack: 1, expire: 1, shutdown: 1 }, 1).run()).toThrow(Wrong);
    } finally {
      prototype[method] = shipped;
    }
  });
});
