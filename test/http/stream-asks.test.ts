import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Capability } from '../../src/auth/authorize.ts';
import type { HttpExchange } from '../../src/http/exchange.ts';
import { NdjsonReader } from '../../src/http/formats/stream.ts';
import { StreamWriter } from '../../src/node/stream-writer.ts';
import type { Delivery, StreamRequest } from '../../src/service/messages.ts';
import type { Service } from '../../src/service/service.ts';
import type { Stream } from '../../src/service/stream.ts';

const delivery = (i: number): Delivery =>
  ({
    ...{
      msgId: `m${i}`,
      topic: 't',
      ts: '',
      idemKey: `k${i}`,
      payload: new Uint8Array(0),
      payloadHash: '',
      attrsJson: '{}',
    },
    ...{ corrId: 'c', shard: 0, attempt: 1, hashChain: '', sig: null, receipt: 'r', deadlineMs: 1, epoch: 1 },
  }) satisfies Delivery;

/** A stream that is open, of a service that hears so that it wants more, to a socket that takes its time. */
function opened(streamReady: () => void, heartbeatMs: number) {
  const written: string[] = [];
  const taken: (() => void)[] = [];
  const service = { streamReady, closeStream: () => {} } as unknown as Service;
  const out = {
    write: (text: string, done: () => void) => {
      written.push(text);
      taken.push(done);
    },
    end: () => {},
  };
  const exchange = {
    corrId: 'c',
    client: { stream: () => out, onGone: () => {}, gone: () => false },
  } as unknown as HttpExchange;
  const stream = new StreamWriter({
    ...{ service, exchange, heartbeatMs, timers: globalThis, after: () => {} },
    capability: { isValid: () => true } as unknown as Capability,
    clock: { nowMs: () => 0, wallMs: () => 0 },
    reader: new NdjsonReader(exchange, { acks: [] } as unknown as StreamRequest, () => {}),
  });
  stream.opened({ outcome: 'ok' }, { holds: () => true } as unknown as Stream);
  /** The socket takes all it is given. */
  const take = (): void => {
    for (let done = taken.shift(); done !== undefined; done = taken.shift()) done();
  };
  return { stream, written, take };
}

/** What a stream writes whose service has this many messages, and gives the next the moment it is asked. */
function served(count: number): { readonly lines: string[]; readonly asked: number } {
  let asked = 0;
  const more = (): void => {
    if (++asked < count) stream.deliver([delivery(asked)]);
  };
  const { stream, written, take } = opened(more, 2 ** 31 - 1);
  stream.deliver([delivery(0)]);
  take();
  stream.ended('ok');
  return { lines: written.flatMap((text) => text.trim().split('\n')), asked };
}

describe('stream and its service', () => {
  it('asked for more, and given it at once: asks again when that is written, to the last (B3)', () => {
    const { lines, asked } = served(50);
    expect(lines.map((line) => JSON.parse(line).msg_id)).toEqual(Array.from({ length: 50 }, (_, i) => `m${i}`));
    expect(asked).toBe(50);
  });
});

describe('heartbeat of a stream', () => {
  afterEach(() => vi.useRealTimers());

  it('a blank line now and then for as long as it is open, and none when it is over', () => {
    vi.useFakeTimers();
    const { stream, written, take } = opened(() => {}, 10);
    for (let i = 1; i <= 3; i++) {
      vi.advanceTimersByTime(10);
      expect(written).toEqual(Array.from({ length: i }, () => '\n'));
      take();
    }
    stream.ended('ok');
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(100);
    expect(written).toHaveLength(3);
  });
});
