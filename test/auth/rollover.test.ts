import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { Capability } from '../../src/auth/authorize.ts';
import { freshKey, KEY_AGE_MAX_MS, Keyring } from '../../src/auth/keyring.ts';
import { attenuateToken, mintToken, parseToken } from '../../src/auth/macaroon.ts';
import { mint } from '../../src/auth/mint.ts';
import { KeyWatch } from '../../src/observe/key-watch.ts';
import { createLog } from '../../src/observe/log.ts';
import { AuthorityBench, FULL, LATER, START_S } from '../support/authority.ts';

const DAY_MS = 86_400_000;
const LONG = [...FULL.filter((line) => line !== LATER), `expires = ${START_S + 90 * 86_400}`];

describe('rollover', () => {
  it('overlap: old and new keys side by side, the old until it is 30 days old, the newest for longer (K5, P3)', () => {
    const bench = new AuthorityBench();
    const first = new Keyring([freshKey('k1', bench.wall)]);
    bench.authority.useKeyring(first);
    const old = mint(first, LONG).token;
    bench.pass(25 * DAY_MS);
    const second = first.rotated(bench.wall, KEY_AGE_MAX_MS);
    bench.authority.useKeyring(second);
    const young = mint(second, LONG).token;
    expect(parseToken(young)?.keyId).toBe('k2');
    for (const token of [old, young]) expect(bench.ask(token)).not.toBeTypeOf('string');
    const held = bench.capability(old);
    bench.pass(5 * DAY_MS + 121_000);
    expect([bench.ask(old), held.failure()]).toEqual(['key_expired', 'key_expired']);
    expect(bench.ask(young)).not.toBeTypeOf('string');
    bench.pass(40 * DAY_MS);
    expect(bench.ask(young)).not.toBeTypeOf('string');
  });

  it('reload: what both rings hold goes on, what is gone or exchanged ends at once, cached or not (P3, AU3)', () => {
    const bench = new AuthorityBench();
    const [k1, k2] = bench.keyring.keys as [(typeof bench.keyring.keys)[0], (typeof bench.keyring.keys)[0]];
    const mine = bench.capability(bench.token(...FULL));
    const old = bench.capability(mint(new Keyring([k1]), FULL).token);
    const again = { ...k2, key: k2.key };
    bench.authority.useKeyring(new Keyring([k1, again]));
    expect([mine.isValid(), old.isValid()]).toEqual([true, true]);
    bench.authority.useKeyring(new Keyring([{ ...freshKey('k1', k1.createdMs) }, again]));
    expect([mine.isValid(), old.isValid(), old.failure()]).toEqual([true, false, 'unknown_key']);
    bench.authority.useKeyring(new Keyring([freshKey('k3', bench.wall)]));
    expect([mine.isValid(), bench.ask(bench.token(...FULL))]).toEqual([false, 'unknown_key']);
  });

  it('a key that is gone is released: capabilities that were used under it keep nothing of it in memory (K7, I1)', async () => {
    const bench = new AuthorityBench();
    const session = bench.authority.newSession();
    const [held, key] = (() => {
      const ring = new Keyring([freshKey('k5', bench.wall)]);
      bench.authority.useKeyring(ring);
      const header = `Bearer ${mint(ring, FULL).token}`;
      const capability = bench.authority.authenticate(header, session) as Capability;
      return [capability, new WeakRef(ring.newest.key)] as const;
    })();
    expect([held.isValid(), bench.authority.cache.size, key.deref() === undefined]).toEqual([true, 1, false]);
    bench.authority.useKeyring(new Keyring([freshKey('k6', bench.wall)]));
    // What a WeakRef gave stays until the end of the turn.
    await new Promise((resolve) => setImmediate(resolve));
    setFlagsFromString('--expose-gc');
    runInNewContext('gc')();
    expect([key.deref(), held.failure()]).toEqual([undefined, 'unknown_key']);
  });

  it('reload: a token refused before is looked at again with the new keys', () => {
    const bench = new AuthorityBench();
    const ring = new Keyring([freshKey('k9', bench.wall)]);
    const { token } = mint(ring, FULL);
    expect(bench.ask(token)).toBe('unknown_key');
    bench.authority.useKeyring(ring);
    expect(bench.ask(token)).not.toBeTypeOf('string');
  });

  it('age: fresh, aging from 25 days, overdue from 30; a line a day says so (K5)', () => {
    const ring = new Keyring([freshKey('k1', 0)]);
    const lines: Record<string, unknown>[] = [];
    const watch = new KeyWatch(createLog('info', 'json', (line) => lines.push(JSON.parse(line))));
    const at = (days: number) => watch.look(ring, days * DAY_MS);
    expect([0, 24.99, 25, 25.5, 26, 29.99, 30, 31].map(at)).toEqual([
      ...['fresh', 'fresh', 'aging', 'aging', 'aging', 'aging', 'overdue', 'overdue'],
    ]);
    expect(lines.map(({ event, age_days, level }) => [event, age_days, level])).toEqual([
      ['keyring.aging', 25, 'warn'],
      ['keyring.aging', 26, 'warn'],
      ['keyring.aging', 29, 'warn'],
      ['keyring.overdue', 30, 'error'],
      ['keyring.overdue', 31, 'error'],
    ]);
  });

  it.each([
    ['at the wall clock', 0],
    ['behind it, where the first boot was in 1970', -START_S * 1000],
    ['ahead of it', 40 * DAY_MS],
  ])(
    'revocations: outlive a rotation, the service clock %s; forgotten when no key can have signed what they name (TM1, S3)',
    (_, aheadMs) => {
      const bench = new AuthorityBench();
      bench.now = bench.wall + aheadMs;
      const { token, nonce } = mint(bench.keyring, LONG);
      bench.authority.revoke('nonce', nonce);
      bench.authority.useKeyring(bench.keyring.rotated(bench.wall, KEY_AGE_MAX_MS));
      expect(bench.ask(token)).toBe('revoked');
      bench.pass(20 * DAY_MS);
      bench.authority.useKeyring(new Keyring([freshKey('k8', bench.wall)]));
      expect(bench.authority.revocations.size).toBe(1);
      bench.pass(12 * DAY_MS);
      bench.authority.useKeyring(new Keyring([freshKey('k9', bench.wall)]));
      expect(bench.authority.revocations.size).toBe(0);
    },
  );
});

describe('formats', () => {
  it('dual accept: v1 and v2 side by side, attenuated too; each key signs its own format only (P2)', () => {
    const bench = new AuthorityBench();
    const { id, key } = bench.keyring.newest;
    for (const format of ['v1', 'v2'] as const) {
      const { token } = mint(bench.keyring, FULL, format);
      expect(parseToken(token)?.format).toBe(format);
      expect(bench.ask(token)).not.toBeTypeOf('string');
      expect(bench.ask(attenuateToken(token, ['op = recv']))).not.toBeTypeOf('string');
    }
    const nonce = '0'.repeat(26);
    const relabelled = (token: string, to: string) => {
      const bytes = Buffer.from(token, 'base64url');
      bytes[bytes.indexOf('v1:') + 1] = to.charCodeAt(1);
      return bytes.toString('base64url');
    };
    expect(bench.ask(relabelled(mintToken(key, id, nonce, FULL), 'v2'))).toBe('forged');
  });

  it('rollback: forwards and back, no step refuses what the step before accepted (P2)', () => {
    const v1 = (b: AuthorityBench) => mint(b.keyring, FULL, 'v1').token;
    const v2 = (b: AuthorityBench) => mint(b.keyring, FULL, 'v2').token;
    const accepts = (formats: readonly ('v1' | 'v2')[]) => {
      const bench = new AuthorityBench({ formats });
      return [v1(bench), v2(bench)].map((token) => typeof bench.ask(token) !== 'string');
    };
    // before, dual accept (mint v1, then v2), after; the way back goes through dual accept again.
    expect(accepts(['v1'])).toEqual([true, false]);
    expect(accepts(['v1', 'v2'])).toEqual([true, true]);
    expect(accepts(['v2'])).toEqual([false, true]);
  });

  it('unknown version: refused (P2, AU1)', () => {
    const bench = new AuthorityBench();
    const bytes = Buffer.from(bench.token(...FULL), 'base64url');
    bytes[bytes.indexOf('v1:') + 1] = '3'.charCodeAt(0);
    expect(bench.ask(bytes.toString('base64url'))).toBe('malformed');
  });

  it('reader: takes what the library writes and nothing else: every packet moved, doubled or dropped (S2)', () => {
    const bench = new AuthorityBench();
    const text = Buffer.from(bench.token(...FULL, 'role = producer'), 'base64url').toString('latin1');
    const packets: string[] = [];
    for (let at = 0; at < text.length; ) {
      const length = Number.parseInt(text.slice(at, at + 4), 16);
      packets.push(text.slice(at, at + length));
      at += length;
    }
    const parsed = (all: readonly string[]) => parseToken(Buffer.from(all.join(''), 'latin1').toString('base64url'));
    expect(parsed(packets)?.caveats).toEqual([...FULL, 'role = producer']);
    const tail = packets.length - 1;
    for (let i = 0; i < packets.length; i++) {
      const isCaveat = i > 1 && i < tail;
      const without = packets.filter((_, at) => at !== i);
      // Caveats may be any; the signature then says otherwise.
      expect(parsed(without) === null, `without ${i}`).toBe(!isCaveat);
      expect(parsed([...without, packets[i] as string]) === null, `last ${i}`).toBe(i !== tail);
      const doubled = [...packets.slice(0, i), packets[i] as string, ...packets.slice(i)];
      expect(parsed(doubled) === null, `doubled ${i}`).toBe(!isCaveat);
    }
    const capitals = [packets[0]?.toUpperCase() ?? '', ...packets.slice(1)];
    expect(parsed(capitals)).toBeNull();
    const vid = packets.with(2, '0013vid some other\n');
    expect(parsed(vid)).toBeNull();
  });
});
