import { describe, expect, it } from 'vitest';
import { createActor } from 'xstate';
import { cacheEntryMachine } from '../../spec/cache-entry.machine.ts';
import { type CacheEntry, CapabilityCache, ENTRIES_PER_NONCE } from '../../src/auth/cache.ts';
import { attenuateToken } from '../../src/auth/macaroon.ts';
import { mint } from '../../src/auth/mint.ts';
import { AuthorityBench, FULL } from '../support/authority.ts';
import fc, { Reached } from '../support/properties.ts';

const TTL = 10;
const nonce = (name: string) => ({ nonce: name });

describe('cache', () => {
  it('entry: lives as the machine says, over any sequence of events (S3, K6)', () => {
    const event = fc.constantFrom('verify', 'ask', 'ttl', 'drop', 'clear', 'room');
    const reached = new Reached('cache entry');
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        reached.saw({ events: events.length });
        const cache = new CapabilityCache<{ nonce: string }>(TTL, 2);
        const actor = createActor(cacheEntryMachine).start();
        const put = () => cache.put('token', nonce('n'), now);
        let now = 0;
        let held: CacheEntry<{ nonce: string }> | null = null;
        for (const name of events) {
          const before = actor.getSnapshot().value;
          if (name === 'verify') held = put();
          else if (name === 'ask') expect(cache.get('token', now) !== undefined).toBe(before === 'fresh');
          else if (name === 'ttl') now += TTL;
          else if (name === 'drop') cache.drop('n');
          else if (name === 'clear') cache.clear();
          // Two others need the room of two: whatever was there has gone.
          else for (const other of ['a', 'b']) cache.put(other, nonce(other), now);
          actor.send({ type: ['drop', 'clear', 'room'].includes(name) ? 'end' : name });
          if (name !== 'ask') expect(held !== null && now < held.untilMs).toBe(actor.getSnapshot().value === 'fresh');
        }
      }),
    );
    reached.atLeast({ events: 35 });
  });

  it('capacity: the oldest makes room; one capability has 64 spellings at most, its own oldest making room (AU5)', () => {
    const cache = new CapabilityCache<{ nonce: string }>(TTL, 100);
    for (let i = 0; i < 50; i++) cache.put(`honest-${i}`, nonce(`n${i}`), 0);
    for (let i = 0; i < 10_000; i++) cache.put(`greedy-${i}`, nonce('greedy'), 0);
    expect(cache.size).toBe(100);
    const honest = Array.from({ length: 50 }, (_, i) => cache.get(`honest-${i}`, 0)).filter((entry) => entry);
    expect(honest).toHaveLength(100 - ENTRIES_PER_NONCE);
    for (let i = 0; i < 200; i++) cache.put(`later-${i}`, nonce(`m${i}`), 0);
    expect([cache.size, cache.get('later-99', 0), cache.get('later-100', 0)]).toEqual([
      100,
      undefined,
      expect.anything(),
    ]);
  });

  it('ttl: a verdict may shorten its life and never lengthen it (B8)', () => {
    const cache = new CapabilityCache<{ nonce: string }>(TTL, 10);
    expect(cache.put('a', nonce('a'), 0, 3).untilMs).toBe(3);
    expect(cache.put('b', nonce('b'), 0, 3_600_000).untilMs).toBe(TTL);
  });

  it('session: what a connection presented last ends with its entry, by time and by purge', () => {
    const bench = new AuthorityBench();
    const session = bench.authority.newSession();
    const { token, nonce: of } = mint(bench.keyring, FULL);
    const header = `Bearer ${token}`;
    const first = bench.authority.authenticate(header, session);
    expect(bench.authority.authenticate(header, session)).toBe(first);
    bench.authority.cache.clear();
    const second = bench.authority.authenticate(header, session);
    expect(second).not.toBe(first);
    bench.pass(30_000);
    expect(bench.authority.authenticate(header, session)).not.toBe(second);
    bench.authority.revoke('nonce', of);
    expect(bench.authority.authenticate(header, session)).toBe('revoked');
    expect(bench.ask(attenuateToken(token, ['role = producer']))).toBe('revoked');
  });
});
