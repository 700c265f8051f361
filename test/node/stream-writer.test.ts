import { describe, expect, it } from 'vitest';
import type { Capability } from '../../src/auth/authorize.ts';
import type { Exchange } from '../../src/node/exchange.ts';
import { type StreamReader, StreamWriter } from '../../src/node/stream-writer.ts';
import type { Delivery, Reply } from '../../src/service/messages.ts';
import type { Service } from '../../src/service/service.ts';
import type { Stream } from '../../src/service/stream.ts';

const STREAM = { holds: () => true } as unknown as Stream;

/** A stream that was asked for, and what its reader is told. `takesAtOpening`: acks rode along, and what became of them is written first. */
function asked(takesAtOpening = false) {
  const seen: string[] = [];
  const written: (() => void)[] = [];
  const back: string[] = [];
  const reader: StreamReader = {
    refused: ({ outcome }) => seen.push(`refused ${outcome}`),
    opened: (_reply: Reply, done) => {
      seen.push('opened');
      if (takesAtOpening) written.push(done);
      return takesAtOpening;
    },
    write: (deliveries, _nowMs, done) => {
      seen.push(`wrote ${deliveries.length}`);
      written.push(done);
      return deliveries.length;
    },
    beat: () => {},
    end: (outcome) => seen.push(`end ${outcome}`),
    over: (outcome) => seen.push(`over ${outcome}`),
  };
  const service = {
    streamReady: () => {},
    closeStream: (_stream: Stream, unwritten: readonly Delivery[]) => back.push(...unwritten.map(({ msgId }) => msgId)),
  } as unknown as Service;
  const client = { gone: () => false, onGone: () => {}, cut: () => seen.push('cut') };
  const writer = new StreamWriter({
    ...{ service, reader, heartbeatMs: 2 ** 31 - 1, timers: { setTimeout: () => 0, clearTimeout: () => {} } },
    exchange: { client, denied: (_op: string, reason: string) => seen.push(`denied ${reason}`) } as unknown as Exchange,
    capability: { isValid: () => true, failure: () => 'revoked' } as unknown as Capability,
    clock: { nowMs: () => 0, wallMs: () => 0 },
    after: () => {},
  });
  return { writer, seen, written, back };
}

describe('a stream that ends while what its opening rests on is not durable yet', () => {
  it('a drain: nothing is written before it is open, then its end, once (AC1, BD3)', () => {
    const { writer, seen } = asked();
    writer.ended('draining');
    expect(seen).toEqual([]);
    writer.opened({ outcome: 'ok' }, STREAM);
    expect(seen).toEqual(['opened', 'end draining', 'over draining']);
  });

  it('acks rode along: what became of them is written first (LE8)', () => {
    const { writer, seen, written } = asked(true);
    writer.ended('draining');
    writer.opened({ outcome: 'ok' }, STREAM);
    expect(seen).toEqual(['opened']);
    written.shift()?.();
    expect(seen).toEqual(['opened', 'end draining', 'over draining']);
  });

  it('its capability is revoked: it is told so, and nothing else (AU3)', () => {
    const { writer, seen } = asked();
    writer.ended('cap_auth');
    writer.opened({ outcome: 'ok' }, STREAM);
    expect(seen).toEqual(['denied ended', 'opened', 'end cap_auth', 'over cap_auth']);
  });

  it('the journal fails: it is refused, and nothing was opened (journal rule 4)', () => {
    const { writer, seen } = asked();
    writer.opened({ outcome: 'journal' }, STREAM);
    expect(seen).toEqual(['refused journal']);
    writer.ended('journal');
    expect(seen).toEqual(['refused journal']);
  });
});

describe('what a stream was given', () => {
  it('is given back where it was never handed to the reader (LE7)', () => {
    const { writer, seen, written, back } = asked();
    writer.opened({ outcome: 'ok' }, STREAM);
    writer.deliver([{ msgId: 'a' } as Delivery]);
    writer.deliver([{ msgId: 'b' } as Delivery]);
    writer.ended('draining');
    expect(seen).toEqual(['opened', 'wrote 1']);
    written.shift()?.();
    expect(seen).toEqual(['opened', 'wrote 1', 'end draining', 'over draining']);
    expect(back).toEqual(['b']);
  });
});
