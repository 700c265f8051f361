import { describe, expect, it } from 'vitest';
import type { Capability } from '../../src/auth/authorize.ts';
import type { Exchange } from '../../src/node/exchange.ts';
import { type FeedReader, FeedWriter } from '../../src/node/feed-writer.ts';
import type { Feed } from '../../src/service/feeds.ts';
import type { FactView } from '../../src/service/messages.ts';
import type { Service } from '../../src/service/service.ts';

const FEED = { closed: false } as Feed;
const facts = (count: number): FactView[] => Array.from({ length: count }, () => ({}) as FactView);

/** A feed, and what its reader is told. `each`: the facts that make a piece. */
function asked(each = 10, gatherMs = 0) {
  const seen: string[] = [];
  const written: (() => void)[] = [];
  let isValid = true;
  let beat = (): void => {};
  let gathered = (): void => {};
  const holds =
    (said: string) =>
    (_cursor: string, done: () => void): void => {
      seen.push(said);
      written.push(done);
    };
  const reader: FeedReader = {
    refused: ({ outcome }) => seen.push(`refused ${outcome}`),
    opened: holds('opened'),
    write: (some, done) => {
      seen.push(`wrote ${Math.min(each, some.length)}`);
      written.push(done);
      return Math.min(each, some.length);
    },
    beat: holds('beat'),
    end: (outcome) => seen.push(`end ${outcome}`),
    over: (outcome) => seen.push(`over ${outcome}`),
  };
  const service = {
    feedCursor: () => 'c-1',
    feedReady: () => seen.push('asks'),
    closeFeed: () => seen.push('closed'),
  } as unknown as Service;
  const client = { gone: () => false, onGone: () => {}, cut: () => seen.push('cut') };
  const timers = {
    setTimeout: (then: () => void, ms: number) => {
      if (ms === gatherMs) seen.push('gathers');
      if (ms === gatherMs) gathered = then;
      else beat = then;
      return 1;
    },
    clearTimeout: () => {},
  };
  const writer = new FeedWriter({
    ...{ service, reader, heartbeatMs: 1, gatherMs, timers },
    exchange: {
      client,
      denied: (op: string, reason: string) => seen.push(`denied ${op} ${reason}`),
    } as unknown as Exchange,
    capability: { isValid: () => isValid, failure: () => 'revoked' } as unknown as Capability,
    clock: { nowMs: () => 0, wallMs: () => 0 },
    after: () => {},
  });
  const revoke = (): void => {
    isValid = false;
  };
  return { writer, seen, written, revoke, beat: () => beat(), gathered: () => gathered() };
}

describe('a feed on its way to its reader (B10, AU3)', () => {
  it('asks for more when all that it had is taken, a piece at a time', () => {
    const { writer, seen, written } = asked(2);
    writer.opened({ outcome: 'ok' }, FEED);
    writer.tell(facts(3));
    for (let i = 0; i < 3; i++) written.shift()?.();
    expect(seen).toEqual(['opened', 'wrote 2', 'wrote 1', 'asks']);
  });

  it('gathers what comes for a while once it has all, and not while there is more', () => {
    const { writer, seen, written, gathered } = asked(300, 25);
    writer.opened({ outcome: 'ok' }, FEED);
    for (const count of [256, 3]) {
      writer.tell(facts(count));
      while (written.length > 0) written.shift()?.();
    }
    expect(seen).toEqual(['opened', 'wrote 256', 'asks', 'wrote 3', 'gathers']);
    gathered();
    expect(seen.at(-1)).toBe('asks');
  });

  it('a drain: what it was given is written first, then its end', () => {
    const { writer, seen, written } = asked();
    writer.opened({ outcome: 'ok' }, FEED);
    writer.tell(facts(3));
    writer.ended('draining');
    for (let i = 0; i < 2; i++) written.shift()?.();
    expect(seen).toEqual(['opened', 'wrote 3', 'end draining', 'closed', 'over draining']);
  });

  it('its capability is revoked: nothing more is written, and what the reader holds is cut', () => {
    const waiting = asked();
    waiting.writer.opened({ outcome: 'ok' }, FEED);
    waiting.writer.tell(facts(3));
    waiting.revoke();
    waiting.written.shift()?.();
    expect(waiting.seen).toEqual(['opened', 'denied view ended', 'end cap_auth', 'closed', 'over cap_auth']);
    const holding = asked();
    holding.writer.opened({ outcome: 'ok' }, FEED);
    holding.writer.ended('cap_auth');
    expect(holding.seen).toEqual(['opened', 'denied view ended', 'cut']);
  });

  it('a heartbeat that finds it revoked ends it', () => {
    const { writer, seen, written, revoke, beat } = asked();
    writer.opened({ outcome: 'ok' }, FEED);
    written.shift()?.();
    beat();
    written.shift()?.();
    revoke();
    beat();
    expect(seen).toEqual(['opened', 'beat', 'denied view ended', 'end cap_auth', 'closed', 'over cap_auth']);
  });

  it('ended before it is open: it is told so once it is', () => {
    const { writer, seen, written } = asked();
    writer.ended('journal');
    writer.opened({ outcome: 'ok' }, FEED);
    written.shift()?.();
    expect(seen).toEqual(['opened', 'end journal', 'closed', 'over journal']);
  });
});
