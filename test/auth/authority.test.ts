import { describe, expect, it } from 'vitest';
import { freshSession } from '../../src/auth/authorize.ts';
import { freshKey, Keyring } from '../../src/auth/keyring.ts';
import { mint } from '../../src/auth/mint.ts';
import { AuthorityBench, FULL, LATER, START_S } from '../support/authority.ts';

const QUOTA = 'quota_ops = 5/10';

describe('authority', () => {
  it('session: a connection is who its last header says, whatever it said before; the same header is not looked up again', () => {
    const bench = new AuthorityBench();
    const [one, other] = [bench.token(...FULL), bench.token('topic = other', 'op = send', LATER, QUOTA)];
    const session = freshSession();
    const as = (token: string) => bench.authority.authenticate(`Bearer ${token}`, session);
    const first = as(one);
    expect(first).not.toBeTypeOf('string');
    expect(as(one)).toBe(first);
    const second = as(other);
    expect([second, typeof second === 'string' || second.allowsTopic('orders')]).toEqual([expect.anything(), false]);
    expect(as(one)).toBe(first);
    expect(as(`${one.slice(0, -4)}AAAA`)).toBeTypeOf('string');
    bench.authority.revoke('nonce', (first as { nonce: string }).nonce);
    expect(as(one)).toBe('revoked');
  });

  it('without a session, and on a fresh one, the same is answered', () => {
    const bench = new AuthorityBench();
    const token = bench.token(...FULL);
    const own = bench.authority.newSession();
    expect(own).toEqual(freshSession());
    expect(bench.authority.authenticate(`Bearer ${token}`, own)).toBe(bench.authority.authenticate(`Bearer ${token}`));
    expect(bench.authority.authenticate(undefined, own)).toBe('missing');
  });

  it('remembered is what was verified, and no longer than its time', () => {
    const bench = new AuthorityBench();
    const token = bench.token(...FULL);
    expect(bench.authority.knows(token)).toBe(false);
    bench.capability(token);
    expect([bench.authority.knows(token), bench.authority.knows(`${token}A`)]).toEqual([true, false]);
    bench.pass(30_000);
    expect(bench.authority.knows(token)).toBe(false);
  });

  it('a scheme of its own, and a token that is too long, are malformed before any work is done on them', () => {
    const bench = new AuthorityBench();
    const token = bench.token(...FULL);
    const { authority } = bench;
    for (const header of [`Basic ${token}`, `Bearers ${token}`, token, `Bearer ${'A'.repeat(100_000)}`, 'Bearer ', ''])
      expect(authority.authenticate(header), header.slice(0, 20)).toBe('malformed');
    expect(authority.authenticate(`bEaReR ${token}`)).not.toBeTypeOf('string');
  });

  it('revocation: of a nonce it lets go of the capability; of a key of all that are signed with it, and of no others', () => {
    const bench = new AuthorityBench();
    const older = mint(new Keyring([bench.keyring.keys[0] as never]), FULL).token;
    const newer = bench.token(...FULL);
    const [old, young] = [bench.capability(older), bench.capability(newer)];
    expect(old.keyId).not.toBe(young.keyId);
    expect(bench.authority.revoke('key_id', old.keyId)).toBe(true);
    expect([old.failure(), young.failure()]).toEqual(['revoked', null]);
    expect(bench.authority.revoke('nonce', young.nonce)).toBe(true);
    expect([young.failure(), bench.authority.knows(newer), bench.ask(newer)]).toEqual(['revoked', false, 'revoked']);
  });

  it('restored revocations hold for what is verified later, and for what was before', () => {
    const bench = new AuthorityBench();
    const [before, later] = [bench.token(...FULL), bench.token(...FULL)];
    const known = bench.capability(before);
    const nonces = [known.nonce, bench.capability(later).nonce];
    bench.authority.cache.clear();
    bench.authority.restore(nonces.map((value) => ({ kind: 'nonce', value, atMs: 1 })));
    expect([known.failure(), bench.ask(later)]).toEqual(['revoked', 'revoked']);
  });

  it('another keyring: what was refused is judged anew, a key that both have goes on, one that is gone ends at once', () => {
    const bench = new AuthorityBench();
    const fresh = freshKey('k3', START_S * 1000);
    const unknown = mint(new Keyring([fresh]), FULL).token;
    expect(bench.ask(unknown)).toBe('unknown_key');
    const [k1, k2] = bench.keyring.keys as [never, never];
    const ofOld = mint(new Keyring([k1]), FULL).token;
    const ofNew = mint(new Keyring([k2]), FULL).token;
    const [old, young] = [bench.capability(ofOld), bench.capability(ofNew)];
    bench.authority.useKeyring(new Keyring([k2, fresh]));
    expect([old.failure(), young.failure()]).toEqual(['unknown_key', null]);
    expect(bench.ask(unknown)).not.toBeTypeOf('string');
    expect(bench.ask(ofOld)).toBe('unknown_key');
  });

  it('what an alien token says is remembered for a while, of a thousand at most', () => {
    const bench = new AuthorityBench();
    const alien = new Keyring([freshKey('k2', START_S * 1000)]);
    const tokens = Array.from({ length: 1_100 }, () => mint(alien, FULL).token);
    for (const token of tokens) expect(bench.ask(token)).toBe('forged');
    const { refused } = bench.authority as unknown as { refused: ReadonlyMap<string, unknown> };
    expect(refused.size).toBe(1_000);
    expect([refused.has(tokens[0] as string), refused.has(tokens[1_099] as string)]).toEqual([false, true]);
  });

  it('label: what it is for, and nothing that anyone could use', () => {
    const bench = new AuthorityBench();
    const token = bench.token('topic prefix a.', 'op = send,recv', LATER, QUOTA);
    const { label, nonce, keyId } = bench.capability(token);
    expect(label).toBe(`send,recv on a.* by ${keyId}:${nonce.slice(0, 8)}`);
    expect(nonce.length).toBeGreaterThan(8);
    const both = bench.capability(bench.token('topic prefix a.', 'topic = a.b', 'op = send', LATER, QUOTA));
    expect(both.label).toContain(' on a.b&a.* by ');
  });

  it('reach: the longest of what each topic must begin with', () => {
    const bench = new AuthorityBench();
    const reach = (...caveats: string[]): string =>
      bench.capability(bench.token(...caveats, 'op = send', LATER, QUOTA)).reach;
    expect(reach('topic = a.b.c')).toBe('a.b.c');
    expect(reach('topic prefix a.', 'topic prefix a.b.')).toBe('a.b.');
    expect(reach('topic prefix a.b.', 'topic prefix a.')).toBe('a.b.');
    expect(reach('topic prefix a.', 'topic = a.b.c')).toBe('a.b.c');
  });
});
