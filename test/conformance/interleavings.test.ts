import { describe, expect, it, vi } from 'vitest';
import { Receiving } from '../../src/service/receiving.ts';
import { Service } from '../../src/service/service.ts';
import { Spine } from '../../src/service/spine.ts';
import { Viewing } from '../../src/service/viewing.ts';
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
    expect(orders).toBeGreaterThan(50_000n);
    for (const kind of ['recv', ...Object.keys(ONCE), 'sync', 'recover']) expect(by[kind], kind).toBeGreaterThan(0);
  }, 120_000);

  it('one message, had twice: two leases, two acks, a return between them, a crash', () => {
    expect(explore(1, { recv: 2, ack: 2, nack: 1, expire: 1, crash: 1 }).orders).toBeGreaterThan(10_000n);
  }, 120_000);

  it('a message that is sent meanwhile, recvs that wait for it, a journal that fails', () => {
    expect(explore(0, { send: 1, recv: 2, ack: 1, fail: 1, crash: 1, shutdown: 1 }).orders).toBeGreaterThan(1_000n);
  }, 120_000);

  it('two messages: recvs, acks, a nack or an expiry, a crash or a shutdown', () => {
    expect(explore(2, { recv: 2, ack: 2, nack: 1, expire: 1, crash: 1 }).orders).toBeGreaterThan(10_000n);
    expect(explore(2, { recv: 2, ack: 1, nack: 1, crash: 1, shutdown: 1 }).orders).toBeGreaterThan(1_000n);
  }, 120_000);

  it('looks: in every reachable state they leave no trace, and show what is durable by then (AU7, DL4)', () => {
    const some = { recv: 1, ack: 1, nack: 1, expire: 1, crash: 1 } as const;
    const { looks, states } = new Interleavings({ send: 1, ...some }, 1, true).run();
    console.log(`looked at ${looks} of ${states} states`);
    expect(looks).toBeGreaterThan(500);
    // One that sees to what is due changes what it looks at.
    const { peek } = Viewing.prototype;
    vi.spyOn(Viewing.prototype, 'peek').mockImplementation(function (this: Viewing, request, caller, nowMs) {
      const { spine } = this as unknown as { spine: Spine };
      spine.make(spine.shardFor(request.topic), [{ name: 'recovered', atMs: nowMs + 1 }]);
      return peek.call(this, request, caller, nowMs);
    });
    expect(() => new Interleavings(some, 1, true).run()).toThrow('a look left a trace');
    vi.restoreAllMocks();
  }, 120_000);

  /** Each with a method of the service or of a piece of it as it must not be. */
  const NEGATIVES: readonly [what: string, found: RegExp, of: object, method: string, instead: unknown][] = [
    [
      'a reply before it is durable',
      /is answered too early/,
      Spine.prototype,
      'answer',
      (reply: (answer: unknown) => void, answer: unknown) => reply(answer),
    ],
    [
      'recvs that a shutdown forgets',
      /a recv waits in a process that drains/,
      Service.prototype,
      'endWaiting',
      () => {},
    ],
    ['recvs that a message does not wake', /a recv waits beside a message/, Receiving.prototype, 'serve', () => {}],
    [
      'leases that do not end when they are over',
      /something is due, and is not done/,
      Spine.prototype,
      'takeDue',
      () => {},
    ],
  ];
  it.each(NEGATIVES)('finds %s', (_what, found, of, method, instead) => {
    const prototype = of as Record<string, unknown>;
    const shipped = prototype[method];
    expect(shipped).toBeTypeOf('function');
    prototype[method] = instead;
    try {
      const broken = () => new Interleavings({ send: 1, recv: 2, ack: 1, expire: 1, shutdown: 1 }, 0).run();
      expect(broken).toThrow(found);
      expect(broken).toThrow(Wrong);
    } finally {
      prototype[method] = shipped;
    }
  });
});
