import { describe, expect, it } from 'vitest';
import type { AuthFailure, Capability } from '../../src/auth/authorize.ts';
import { ASKED_MAX, ASKED_PER_SOURCE, type Verdict } from '../../src/auth/remote.ts';
import { AuthorityBench, FULL } from '../support/authority.ts';

/** An authority whose verifier answers when the test says so. */
class RemoteBench extends AuthorityBench {
  readonly asked: { readonly token: string; readonly answer: (verdict: Verdict) => void }[] = [];
  readonly got: (Capability | AuthFailure)[] = [];

  constructor(ttlMs = 30_000) {
    const asked: RemoteBench['asked'] = [];
    super({ remote: (token, answer) => asked.push({ token, answer }) }, ttlMs);
    this.asked = asked;
  }

  /** Asks as the gateway does. */
  request(token: string, peer = '10.0.0.1'): void {
    const verdict = this.ask(token);
    if (verdict !== 'unverified') this.got.push(verdict);
    else this.authority.ask(`Bearer ${token}`, peer, (answer) => this.got.push(answer));
  }
  answer(verdict: Verdict): void {
    this.asked.shift()?.answer(verdict);
  }
}

describe('remote verifier', () => {
  it('verdict: asked once, however many wait; remembered for the TTL from the question on (B8, S3)', () => {
    const bench = new RemoteBench();
    const token = bench.token(...FULL);
    bench.request(token);
    bench.request(token);
    expect([bench.asked.length, bench.got.length]).toEqual([1, 0]);
    bench.pass(2_000);
    bench.answer({ valid: true });
    expect(bench.got.map((got) => typeof got)).toEqual(['object', 'object']);
    expect(bench.got[0]).toBe(bench.got[1]);
    bench.request(token);
    expect(bench.asked).toHaveLength(0);
    bench.pass(28_000);
    bench.request(token);
    expect(bench.asked).toHaveLength(1);
  });

  it('verdict: its own shorter life counts, and what is under way ends with it (RevokedProp)', () => {
    const bench = new RemoteBench();
    bench.request(bench.token(...FULL));
    bench.answer({ valid: true, ttlMs: 3_000 });
    const held = bench.got[0] as Capability;
    expect(held.isValid()).toBe(true);
    bench.pass(2_999);
    expect(held.isValid()).toBe(true);
    bench.pass(1);
    expect(held.failure()).toBe('unverified');
  });

  it('verdict: whoever joins a question late gets no longer life than the one who asked (RevokedProp, S3)', () => {
    const bench = new RemoteBench();
    const token = bench.token(...FULL);
    bench.request(token);
    bench.pass(900);
    bench.request(token);
    bench.pass(100);
    // Given when the question came, and gone stale on its way.
    bench.answer({ valid: true, ttlMs: 500 });
    expect(bench.got).toEqual(['unverified', 'unverified']);
    bench.request(token);
    expect(bench.asked).toHaveLength(1);
  });

  it('refused: 401, and not asked again at once; malformed or without a mandatory caveat: never asked', () => {
    const bench = new RemoteBench();
    const token = bench.token(...FULL);
    bench.request(token);
    bench.answer({ valid: false });
    bench.request(token);
    expect([bench.got, bench.asked.length]).toEqual([['refused', 'refused'], 0]);
    bench.pass(5_000);
    bench.request(token);
    expect(bench.asked).toHaveLength(1);
    bench.request('junk');
    bench.request(`${token}x`);
    expect([bench.asked.length, bench.got.slice(2)]).toEqual([1, ['malformed', 'malformed']]);
  });

  it('revocation here counts whatever the verifier says; expiry too (S3, AU1)', () => {
    const bench = new RemoteBench();
    const token = bench.token(...FULL);
    bench.request(token);
    bench.answer({ valid: true });
    bench.authority.revoke('nonce', (bench.got[0] as Capability).nonce);
    bench.request(token);
    bench.answer({ valid: true });
    expect(bench.got[1]).toBe('revoked');
    const late = new RemoteBench();
    late.wall += 7_200_000;
    late.request(token);
    late.answer({ valid: true });
    expect(late.got).toEqual(['expired']);
  });

  it('no answer: fails closed; after three it is unhealthy, asked once a second, and healthy with the first answer (BD3)', () => {
    const bench = new RemoteBench();
    const remote = bench.authority.remote!;
    for (let i = 0; i < 3; i++) {
      expect(remote.healthy).toBe(true);
      bench.request(bench.token(...FULL));
      bench.answer(null);
    }
    expect([bench.got, remote.healthy]).toEqual([['unavailable', 'unavailable', 'unavailable'], false]);
    bench.request(bench.token(...FULL));
    bench.request(bench.token(...FULL));
    expect([bench.asked.length, bench.got.slice(3)]).toEqual([1, ['unavailable']]);
    bench.answer(null);
    bench.authority.tick(bench.now);
    expect(bench.asked).toHaveLength(0);
    bench.pass(1_000);
    bench.authority.tick(bench.now);
    bench.authority.tick(bench.now);
    expect(bench.asked).toHaveLength(1);
    bench.answer({ valid: false });
    expect(remote.healthy).toBe(true);
    expect(bench.authority.failed('unavailable', '10.0.0.1')).toBe(0);
  });

  it('line: bounded by sender, so that a flood crowds out itself only; bounded in all (AU5, D4)', () => {
    const bench = new RemoteBench();
    for (let i = 0; i < 20; i++) bench.request(bench.token(...FULL), '10.0.0.1');
    expect([bench.asked.length, bench.got]).toEqual([ASKED_PER_SOURCE, Array(12).fill('crowded')]);
    bench.request(bench.token(...FULL), '10.0.0.2');
    expect(bench.asked).toHaveLength(ASKED_PER_SOURCE + 1);
    for (let i = 0; i < 400; i++) bench.request(bench.token(...FULL), `10.1.${i >> 8}.${i & 255}`);
    expect([bench.asked.length, bench.got.at(-1)]).toEqual([ASKED_MAX, 'unavailable']);
    while (bench.asked.length > 0) bench.answer({ valid: true });
    expect(bench.authority.remote?.openCount).toBe(0);
    bench.request(bench.token(...FULL), '10.0.0.1');
    expect(bench.asked).toHaveLength(1);
  });
});
