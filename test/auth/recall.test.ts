import { describe, expect, it } from 'vitest';
import { freshKey, Keyring } from '../../src/auth/keyring.ts';
import type { Grant } from '../../src/ports/process-facts.ts';
import { AuthorityBench, START_S } from '../support/authority.ts';

const CAVEATS = ['topic = t.a', 'op = admin', `expires = ${START_S + 600}`, 'quota_ops = 9/1'];

describe('what a process before was granted (DL5)', () => {
  const bench = new AuthorityBench();
  const grant = bench.capability(bench.token(...CAVEATS)).grant as Grant;

  it('holds for its topic, without a word of the token, until it expires (AU3)', () => {
    const later = new AuthorityBench();
    later.authority.useKeyring(bench.keyring);
    const recalled = later.authority.recall(grant, 't.a');
    expect(Object.keys(grant).sort()).toEqual(['expiresS', 'keyCreatedMs', 'keyId', 'nonce', 'notBeforeS']);
    expect([recalled?.isValid(), recalled?.allowsTopic('t.a'), recalled?.allowsTopic('t.b')]).toEqual([
      true,
      true,
      false,
    ]);
    later.pass(1_000_000);
    expect(recalled?.isValid()).toBe(false);
  });

  it('ends when it is revoked, and with its key: gone, or another of the same name (AU3, K7)', () => {
    const recalled = bench.authority.recall(grant, 't.a');
    expect(recalled?.isValid()).toBe(true);
    bench.authority.revoke('nonce', grant.nonce);
    expect(recalled?.isValid()).toBe(false);
    for (const id of ['k1', 'k2', 'k3']) {
      const other = new AuthorityBench();
      other.authority.useKeyring(new Keyring([freshKey(id, START_S * 1000)]));
      expect(other.authority.recall(grant, 't.a'), id).toBeNull();
    }
  });

  it('is none where a remote verifier vouches: its word does not last (B8)', () => {
    const remote = new AuthorityBench({ remote: () => {} });
    expect(remote.authority.recall(grant, 't.a')).toBeNull();
  });
});
