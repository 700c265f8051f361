import { describe, expect, it } from 'vitest';
import { type AuthFailure, type Capability, freshSession, type Session } from '../../src/auth/authorize.ts';
import { FairLine } from '../../src/auth/fair-line.ts';
import { parseToken } from '../../src/auth/macaroon.ts';
import {
  ASKED_MAX,
  type Verdict,
  WAIT_MS_MAX,
  WAITING_MAX,
  WAITING_PER_CONNECTION,
  WAITING_PER_SOURCE,
} from '../../src/auth/remote.ts';
import { AuthorityBench, FULL, START_S } from '../support/authority.ts';
import fc from '../support/properties.ts';

/** An authority whose verifier answers when the test says so. */
class RemoteBench extends AuthorityBench {
  readonly asked: { readonly token: string; readonly answer: (verdict: Verdict, isReached?: boolean) => void }[] = [];
  readonly got: (Capability | AuthFailure)[] = [];
  private readonly sessions = new Map<string, Session>();

  constructor(ttlMs = 30_000) {
    const asked: RemoteBench['asked'] = [];
    super({ remote: (token, answer) => asked.push({ token, answer }) }, ttlMs);
    this.asked = asked;
  }

  /** Asks as a node does, on one of the sender's connections. */
  request(token: string, peer = '10.0.0.1', connection = 0): void {
    const name = `${peer} ${connection}`;
    const session = this.sessions.get(name) ?? freshSession();
    this.sessions.set(name, session);
    const verdict = this.authority.authenticate(`Bearer ${token}`, session);
    if (verdict !== 'unverified') this.got.push(verdict);
    else this.authority.ask(`Bearer ${token}`, peer, session, (answer) => this.got.push(answer));
  }
  answer(verdict: Verdict, isReached?: boolean): void {
    this.asked.shift()?.answer(verdict, isReached);
  }
  /** Whoever sends from there leaves. */
  close(peer: string): void {
    for (const [name, session] of this.sessions) if (name.startsWith(`${peer} `)) session.gone = true;
  }
  /** Nothing that it vouched for is answered any more. */
  silence(): void {
    this.request(this.token(...FULL), 'somebody');
    this.answer(null);
    for (let i = 0; i < 3; i++) {
      this.authority.tick(this.now);
      this.answer(null);
    }
    expect(this.authority.remote?.healthy).toBe(false);
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

  it('no answer: fails closed; three to questions of our own make it unhealthy, one answer healthy again (BD3)', () => {
    const bench = new RemoteBench();
    const remote = bench.authority.remote!;
    const good = bench.token(...FULL);
    bench.request(good);
    bench.answer({ valid: true });
    bench.request(bench.token(...FULL));
    bench.answer(null);
    expect([bench.got.at(-1), remote.healthy]).toEqual(['unavailable', true]);
    for (let i = 0; i < 3; i++) {
      expect(remote.healthy).toBe(true);
      bench.authority.tick(bench.now);
      bench.authority.tick(bench.now);
      expect(bench.asked.map(({ token }) => token)).toEqual([good]);
      bench.answer(null);
    }
    expect(remote.healthy).toBe(false);
    bench.authority.tick(bench.now);
    bench.request(bench.token(...FULL), 'elsewhere');
    expect([bench.asked.length, bench.got.at(-1)]).toEqual([0, 'unavailable']);
    bench.pass(1_000);
    bench.authority.tick(bench.now);
    bench.answer({ valid: true });
    expect(remote.healthy).toBe(true);
    bench.authority.tick(bench.now);
    expect(bench.asked).toHaveLength(0);
    expect(bench.authority.failed('unavailable', '10.0.0.1')).toBe(0);
  });

  it('what was vouched for is asked about once a second while the verifier is silent, and what is remembered goes on (AU5)', () => {
    const bench = new RemoteBench();
    const [held, stale] = [bench.token(...FULL), bench.token(...FULL)];
    bench.request(stale);
    bench.answer({ valid: true, ttlMs: 1 });
    bench.request(held);
    bench.answer({ valid: true });
    bench.pass(1);
    bench.silence();
    for (let i = 0; i < 3; i++) bench.request(stale);
    expect(bench.asked.map(({ token }) => token)).toEqual([stale]);
    bench.answer(null);
    bench.request(stale);
    expect([bench.asked.length, bench.got.slice(-3)]).toEqual([0, Array(3).fill('unavailable')]);
    // A spike of failures empties no cache that could not be filled again (K6).
    for (let i = 0; i < 300; i++) bench.authority.failed('malformed', '10.9.9.9');
    expect(bench.ask(held)).not.toBeTypeOf('string');
    bench.pass(1_000);
    bench.request(stale);
    bench.answer({ valid: true });
    expect([bench.authority.remote?.healthy, bench.ask(stale)]).toEqual([true, bench.got.at(-1)]);
  });

  it('forged tokens that are answered with errors, or never, say nothing of its health: good ones are asked about (AU5)', () => {
    const bench = new RemoteBench();
    const good = bench.token(...FULL);
    bench.request(good);
    bench.answer({ valid: true });
    for (let i = 0; i < 50; i++) {
      bench.request(bench.token(...FULL), '10.6.6.6', i % 4);
      bench.answer(null);
      bench.authority.tick(bench.now);
      expect(bench.asked.map(({ token }) => token)).toEqual([good]);
      bench.answer({ valid: true });
      expect(bench.authority.remote?.healthy).toBe(true);
      bench.pass(20);
    }
    expect(bench.ask(good)).not.toBeTypeOf('string');
  });

  it('asked about are capabilities of several holders in turn, and none that is revoked or has expired by now', () => {
    const bench = new RemoteBench();
    const [one, other] = [bench.token(...FULL), bench.token(...FULL)];
    const soon = bench.token(...FULL, `expires = ${START_S + 10}`);
    for (const token of [one, other, soon]) {
      bench.request(token);
      bench.answer({ valid: true });
    }
    const probed = (times: number): string[] =>
      Array.from({ length: times }, () => {
        bench.request(bench.token(...FULL));
        bench.answer(null);
        bench.authority.tick(bench.now);
        const [probe] = bench.asked;
        bench.answer({ valid: false });
        return probe?.token ?? 'none';
      });
    expect(new Set(probed(3))).toEqual(new Set([one, other, soon]));
    bench.authority.revoke('nonce', parseToken(other)?.nonce ?? '');
    bench.pass(131_000);
    expect(new Set(probed(3))).toEqual(new Set([one]));
  });

  it('before anything was vouched for: an answer of any kind will do, none makes it unhealthy, and all are asked about still', () => {
    const bench = new RemoteBench();
    const remote = bench.authority.remote!;
    bench.request(bench.token(...FULL));
    bench.answer(null, true);
    for (let i = 0; i < 5; i++) {
      bench.authority.tick(bench.now);
      bench.answer(null, true);
      bench.pass(1_000);
    }
    expect(remote.healthy).toBe(true);
    bench.request(bench.token(...FULL));
    bench.answer(null, false);
    for (let i = 0; i < 3; i++) {
      bench.authority.tick(bench.now);
      bench.answer(null, false);
    }
    expect(remote.healthy).toBe(false);
    const good = bench.token(...FULL);
    bench.request(good);
    expect(bench.asked.map(({ token }) => token)).toEqual([good]);
    bench.answer({ valid: true });
    expect([typeof bench.got.at(-1), remote.healthy]).toEqual(['object', true]);
  });

  it('connections that have failed wait behind those that have not, and what was vouched for goes before all (AU5)', () => {
    const bench = new RemoteBench();
    const peer = '10.0.0.1';
    const known = bench.token(...FULL);
    bench.request(known, peer, 0);
    bench.answer({ valid: true, ttlMs: 1 });
    bench.pass(1);
    // Each of these connections has had one refused.
    for (let i = 1; i <= 40; i++) {
      bench.request(bench.token(...FULL), peer, i);
      bench.answer({ valid: false });
    }
    for (let i = 1; i <= 40; i++) bench.request(bench.token(...FULL), peer, i);
    expect(bench.asked).toHaveLength(12);
    const fresh = Array.from({ length: 12 }, () => bench.token(...FULL));
    for (const [i, token] of fresh.entries()) bench.request(token, peer, 100 + i);
    expect(bench.asked.slice(12).map(({ token }) => token)).toEqual(fresh);
    for (let i = 0; i < 40; i++) bench.request(bench.token(...FULL), peer, 200 + i);
    expect(bench.asked).toHaveLength(24);
    bench.request(known, peer, 300);
    expect(bench.asked.at(-1)?.token).toBe(known);
    expect(bench.got.filter((got) => got === 'crowded')).toEqual([]);
  });

  it('a sender’s connections take turns, and senders: a flood on a few of them is not what the next one waits for (AU5)', () => {
    const bench = new RemoteBench();
    const flood = Array.from({ length: 200 }, () => bench.token(...FULL));
    for (const [i, token] of flood.entries()) bench.request(token, '10.6.6.6', i % 2);
    const honest = [bench.token(...FULL), bench.token(...FULL)] as const;
    bench.request(honest[0], '10.6.6.6', 9);
    bench.request(honest[1], '10.0.0.1', 10);
    for (let i = 0; i < 4; i++) bench.answer({ valid: true });
    const asked = new Set(bench.asked.map(({ token }) => token));
    expect(honest.map((token) => asked.has(token))).toEqual([true, true]);
  });

  it('line: a question for which somebody still waits is asked, though another who waited for it is gone (B8)', () => {
    const bench = new RemoteBench();
    for (let i = 0; i < ASKED_MAX; i++) bench.request(bench.token(...FULL), `10.0.1.${i}`);
    const token = bench.token(...FULL);
    bench.request(token, '10.0.0.1');
    bench.request(token, '10.0.0.2');
    bench.close('10.0.0.1');
    const isAsked = (): boolean => bench.asked.some((one) => one.token === token);
    expect(isAsked()).toBe(false);
    while (!isAsked() && bench.asked.length > 0) bench.answer({ valid: true });
    expect(isAsked()).toBe(true);
    expect(bench.got.filter((got) => typeof got === 'string')).toEqual([]);
  });

  it('line: a token that was vouched for and then refused waits with the new ones, not before them (AU5)', () => {
    const bench = new RemoteBench();
    const [kept, lost] = [bench.token(...FULL), bench.token(...FULL)];
    for (const valid of [true, false]) {
      for (const token of [kept, lost]) {
        bench.request(token);
        bench.answer({ valid: token === kept || valid });
        expect(bench.asked).toHaveLength(0);
      }
      bench.pass(31_000);
    }
    for (let i = 0; i < ASKED_MAX; i++) bench.request(bench.token(...FULL), `10.0.1.${i}`);
    for (const token of [lost, kept]) bench.request(token, '10.0.0.2');
    const asked = bench.asked.map(({ token }) => token);
    expect([asked.includes(lost), asked.includes(kept)]).toEqual([false, true]);
  });

  it('line: bounded in all, by sender and in time; connections that are gone are not asked for (D4)', () => {
    const bench = new RemoteBench();
    for (let i = 0; i < 1_200; i++) bench.request(bench.token(...FULL), '10.0.0.1', i);
    expect([bench.asked.length, bench.got.length, new Set(bench.got)]).toEqual([
      24,
      1_200 - 24 - WAITING_PER_SOURCE,
      new Set(['unavailable']),
    ]);
    bench.close('10.0.0.1');
    bench.answer({ valid: true });
    expect(bench.asked).toHaveLength(23);
    expect(bench.got.filter((got) => got === 'unavailable')).toHaveLength(1_176);
    for (let i = 0; i < 3_000; i++) bench.request(bench.token(...FULL), `10.1.${i >> 8}.${i & 255}`);
    const before = bench.got.length;
    expect([bench.asked.length, before]).toEqual([24, 1_177 + 3_000 - WAITING_MAX - 1]);
    bench.pass(WAIT_MS_MAX);
    bench.authority.tick(bench.now);
    expect(bench.got.length - before).toBe(WAITING_MAX);
    while (bench.asked.length > 0) bench.answer({ valid: true });
    expect(bench.authority.remote?.openCount).toBe(0);
    bench.request(bench.token(...FULL), '10.0.0.1', 5_000);
    expect(bench.asked).toHaveLength(1);
  });

  it('a connection that failed may fill its own part of the line, and is told so (AU5)', () => {
    const bench = new RemoteBench();
    bench.request(bench.token(...FULL), '10.6.6.6', 0);
    bench.answer({ valid: false });
    for (let i = 0; i < 300; i++) bench.request(bench.token(...FULL), '10.6.6.6', 0);
    expect(bench.got.filter((got) => got === 'crowded')).toHaveLength(300 - 12 - WAITING_PER_CONNECTION);
    const good = bench.token(...FULL);
    bench.request(good, '10.6.6.6', 1);
    expect(bench.asked.at(-1)?.token).toBe(good);
  });
});

describe('fair line', () => {
  it('connections keep their order, take turns within their sender, and senders take turns', () => {
    const item = fc.record({ source: fc.nat(3), connection: fc.nat(3) });
    const step = fc.oneof({ weight: 3, arbitrary: item }, { weight: 2, arbitrary: fc.constant('take' as const) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
        const line = new FairLine<{ source: number; connection: number; n: number }>();
        const connections = Array.from({ length: 16 }, () => ({}));
        const waiting: { source: number; connection: number; n: number }[] = [];
        /** When each sender, and each connection, had its last turn, or began to wait. */
        const turns = new Map<string, number>();
        const nameOf = ({ source, connection }: { source: number; connection: number }) => `${source}.${connection}`;
        for (const [n, what] of steps.entries()) {
          if (what !== 'take') {
            const one = { ...what, n };
            if (waiting.every(({ source }) => source !== one.source)) turns.set(`${one.source}`, n);
            if (waiting.every((other) => nameOf(other) !== nameOf(one))) turns.set(nameOf(one), n);
            line.add(`${one.source}`, connections[4 * one.source + one.connection] as object, one);
            waiting.push(one);
          } else {
            const taken = line.take();
            if (taken === undefined) expect(waiting).toEqual([]);
            else {
              const others = waiting.filter(({ source }) => source !== taken.source);
              const own = waiting.filter(
                ({ source, connection }) => source === taken.source && connection !== taken.connection,
              );
              const turnOf = (name: string): number => turns.get(name) ?? -1;
              for (const { source } of others) expect(turnOf(`${source}`)).toBeGreaterThan(turnOf(`${taken.source}`));
              for (const one of own) expect(turnOf(nameOf(one))).toBeGreaterThan(turnOf(nameOf(taken)));
              expect(waiting.find((one) => nameOf(one) === nameOf(taken))).toBe(taken);
              waiting.splice(waiting.indexOf(taken), 1);
              turns.set(`${taken.source}`, n);
              turns.set(nameOf(taken), n);
            }
          }
          expect(line.size).toBe(waiting.length);
          for (let source = 0; source < 4; source++) {
            expect(line.sizeOf(`${source}`)).toBe(waiting.filter((one) => one.source === source).length);
          }
        }
      }),
      { numRuns: 100 },
    );
  });

  it('keeps nothing of senders who do not wait any more (D4)', () => {
    const line = new FairLine<number>();
    for (let i = 0; i < 1000; i++) {
      line.add(`${i}`, {}, i);
      expect(line.take()).toBe(i);
    }
    const kept = Object.values(line).filter((held): held is Map<unknown, unknown> => held instanceof Map);
    expect(kept.length).toBeGreaterThan(0);
    expect(kept.map(({ size }) => size)).toEqual(kept.map(() => 0));
  });
});
