import { describe, expect, it } from 'vitest';
import { mint } from '../../src/auth/mint.ts';
import { FailureThrottle, SPIKE_FAILURES, SPIKE_MS, SpikeDetector, sourceOf } from '../../src/auth/throttle.ts';
import { AuthorityBench, FULL } from '../support/authority.ts';
import fc, { Reached } from '../support/properties.ts';

describe('flood of failed authentications', () => {
  it('throttle: a burst is free, then the sender waits, longer the longer it goes on, a minute at most (AU5)', () => {
    const throttle = new FailureThrottle(100);
    const waits = Array.from({ length: 2000 }, () => throttle.failed('a', 0));
    expect(waits.slice(0, 100).every((ms) => ms === 0)).toBe(true);
    expect([waits[100], waits[101], waits[1999]]).toEqual([100, 200, 60_000]);
    expect(throttle.failed('b', 0)).toBe(0);
    // A tenth of the burst a second is forgiven.
    expect(throttle.failed('a', 60_000)).toBe(100);
    expect(throttle.failed('a', 71_000)).toBe(0);
  });

  it('throttle: bounded in senders, the longest quiet makes room', () => {
    const throttle = new FailureThrottle(1);
    for (let i = 0; i < 50_000; i++) throttle.failed(`s${i}`, i);
    expect(throttle.size).toBe(10_000);
  });

  it('throttle: whatever one sender does, another is not held back', () => {
    const reached = new Reached('throttle');
    const gapMs = fc.oneof({ arbitrary: fc.nat(4), weight: 9 }, { arbitrary: fc.nat(20_000), weight: 1 });
    const failures = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), gapMs), { maxLength: 300 });
    fc.assert(
      fc.property(failures, (all) => {
        const throttle = new FailureThrottle(8);
        const alone = new FailureThrottle(8);
        let nowMs = 0;
        let free = 0;
        for (const [source, gapMs] of all) {
          nowMs += gapMs;
          const waited = throttle.failed(source, nowMs);
          if (source === 'b') expect(waited).toBe(alone.failed('b', nowMs));
          free += Number(waited === 0);
          reached.saw({ 'seconds held back': waited / 1000, free });
        }
        reached.saw({ failures: all.length });
      }),
    );
    reached.atLeast({ failures: 250, 'seconds held back': 10, free: 20 });
  });

  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['::ffff:10.1.2.3', '10.1.2.3'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::6', '2001:db8:1:2::/64'],
    ['2001:db8::6', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1:2:3:4%eth0', 'fe80:0:0:0::/64'],
    ['uid:1000', 'uid:1000'],
  ])('source: %s is %s: an IPv6 sender has a whole network to itself', (address, source) => {
    expect(sourceOf(address)).toBe(source);
  });

  it('spike: noticed once, again only after it was over (K6)', () => {
    const spikes = new SpikeDetector();
    const fail = (times: number, atMs: number) =>
      Array.from({ length: times }, () => spikes.failed(atMs)).filter(Boolean).length;
    expect(fail(SPIKE_FAILURES - 1, 0)).toBe(0);
    expect(fail(SPIKE_FAILURES - 1, SPIKE_MS)).toBe(0);
    expect(fail(1, SPIKE_MS)).toBe(1);
    expect(fail(5_000, SPIKE_MS + 1)).toBe(0);
    expect(fail(5_000, 2 * SPIKE_MS)).toBe(0);
    expect(fail(5_000, 3 * SPIKE_MS)).toBe(0);
    expect(fail(5_000, 10 * SPIKE_MS)).toBe(1);
  });

  it('purge: a spike empties the cache, valid capabilities are verified again and go on (K6, AU5)', () => {
    const purged: number[] = [];
    const bench = new AuthorityBench({ failureBurst: 10, onPurge: (entries) => purged.push(entries) });
    const token = bench.token(...FULL);
    const first = bench.capability(token);
    for (let i = 0; i < SPIKE_FAILURES; i++) bench.authority.failed('missing', '10.0.0.1');
    expect([bench.authority.purges, bench.ask(token) === first]).toEqual([0, true]);
    for (let i = 0; i < 3 * SPIKE_FAILURES; i++) bench.authority.failed('forged', '10.0.0.1');
    expect([bench.authority.purges, purged]).toEqual([1, [1]]);
    const second = bench.capability(token);
    expect(second).not.toBe(first);
    expect(bench.authority.failed('forged', '10.0.0.1')).toBeGreaterThan(0);
    expect(bench.authority.failed('forged', '10.0.0.2')).toBe(0);
  });

  it('refused tokens: remembered for a moment, bounded, and never in the way of valid ones (AU5)', () => {
    const bench = new AuthorityBench();
    const honest = Array.from({ length: 200 }, () => bench.token(...FULL));
    for (const token of honest) bench.ask(token);
    const { token } = mint(bench.keyring, FULL);
    const other = Buffer.from(token, 'base64url');
    for (let i = 0; i < 5_000; i++) {
      other.writeUInt32BE(i, other.length - 10);
      expect(bench.ask(other.toString('base64url'))).toBe('forged');
    }
    expect([bench.authority.cache.size, bench.authority.cache.evictions]).toEqual([200, 0]);
  });
});

describe('what is persisted', () => {
  it('revocations: listed and taken back, effective at once', () => {
    const before = new AuthorityBench();
    const { token, nonce } = mint(before.keyring, FULL);
    before.authority.revoke('nonce', nonce);
    before.authority.revoke('key_id', 'k7');
    const kept = [...before.authority.revocations.list()];
    expect(kept).toEqual([
      { kind: 'nonce', value: nonce, atMs: 5_000 },
      { kind: 'key_id', value: 'k7', atMs: 5_000 },
    ]);
    const after = new AuthorityBench();
    after.authority.useKeyring(before.keyring);
    const held = after.capability(token);
    after.authority.restore(kept);
    expect([held.isValid(), after.ask(token)]).toEqual([false, 'revoked']);
  });

  it('quotas: windows go on after a restart, and a clock that stepped back lengthens none (AU2, TM1)', () => {
    const before = new AuthorityBench();
    const { token } = mint(before.keyring, FULL);
    for (let i = 0; i < 4; i++) before.capability(token).charge(0, before.now);
    const kept = [...before.authority.quotas.list(before.now)];
    expect(kept).toMatchObject([{ line: 'quota_ops = 5/10', used: 4, endMs: 15_000, windowMs: 10_000 }]);
    for (const nowMs of [9_000, -1_000_000]) {
      const after = new AuthorityBench();
      after.authority.useKeyring(before.keyring);
      after.authority.quotas.restore(kept, nowMs);
      const charge = (atMs: number) => after.capability(token).charge(0, atMs);
      expect([charge(nowMs), charge(nowMs)]).toEqual([0, Math.min(15_000 - nowMs, 10_000)]);
    }
    const late = new AuthorityBench();
    late.authority.quotas.restore(kept, 15_000);
    expect(late.authority.quotas.size).toBe(0);
  });
});
