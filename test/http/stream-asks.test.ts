import { describe, expect, it } from 'vitest';
import type { Way } from '../../src/http/gateway.ts';
import type { Ledger } from '../../src/http/ledger.ts';
import { NdjsonStream } from '../../src/http/stream.ts';
import type { Delivery, StreamRequest } from '../../src/service/messages.ts';
import type { Service } from '../../src/service/service.ts';
import type { Stream } from '../../src/service/streams.ts';

const delivery = (i: number): Delivery =>
  ({
    ...{ msgId: `m${i}`, topic: 't', ts: '', idemKey: `k${i}`, payload: new Uint8Array(0), payloadHash: '', attrs: {} },
    ...{ corrId: 'c', shard: 0, attempt: 1, hashChain: '', sig: null, receipt: 'r', deadlineMs: 1, epoch: 1 },
  }) satisfies Delivery;

/** A stream whose service has this many messages and gives the next the moment it is asked, to a socket that takes its time. */
function served(count: number): { readonly lines: string[]; readonly asked: number } {
  const lines: string[] = [];
  const taken: (() => void)[] = [];
  let asked = 0;
  const service = {
    streamReady: () => {
      if (++asked < count) stream.deliver([delivery(asked)]);
    },
    closeStream: () => {},
  } as unknown as Service;
  const out = {
    write: (text: string, done: () => void) => {
      lines.push(...text.trim().split('\n'));
      taken.push(done);
    },
    end: () => {},
  };
  const way = {
    corrId: 'c',
    capability: { isValid: () => true },
    sink: { stream: () => out, onGone: () => {}, gone: () => false },
  } as unknown as Way;
  const stream = new NdjsonStream({
    ...{ service, way, ledger: {} as Ledger, request: { acks: [] } as unknown as StreamRequest },
    clock: { nowMs: () => 0, wallMs: () => 0 },
    rules: { heartbeatMs: 2 ** 31 - 1 },
    finish: () => {},
  });
  stream.opened({ outcome: 'ok' }, { holds: () => true } as unknown as Stream);
  stream.deliver([delivery(0)]);
  for (let done = taken.shift(); done !== undefined; done = taken.shift()) done();
  stream.ended('ok');
  return { lines, asked };
}

describe('stream and its service', () => {
  it('asked for more, and given it at once: asks again when that is written, to the last (B3)', () => {
    const { lines, asked } = served(50);
    expect(lines.map((line) => JSON.parse(line).msg_id)).toEqual(Array.from({ length: 50 }, (_, i) => `m${i}`));
    expect(asked).toBe(50);
  });
});
