import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { OPS, type Op } from '../../spec/vocabulary.ts';
import { OPS_BESIDE, parseCaveat, scopeOf } from '../../src/auth/caveats.ts';
import { hmacSha256 } from '../../src/auth/hmac.ts';
import { Keyring } from '../../src/auth/keyring.ts';
import { attenuateToken, CAVEATS_MAX, mintToken, parseToken } from '../../src/auth/macaroon.ts';
import { attenuate, mint } from '../../src/auth/mint.ts';
import { AuthorityBench, FULL, LATER, START_S } from '../support/authority.ts';
import fc, { Reached } from '../support/properties.ts';

describe('capability', () => {
  it('mint: gives what was asked for and no more', () => {
    const bench = new AuthorityBench();
    const capability = bench.capability(bench.token(...FULL));
    expect(OPS.filter((op) => capability.allowsOp(op))).toEqual(['send', 'recv', 'ack']);
    expect(['orders', 'order', 'orders.eu', ''].map((topic) => capability.allowsTopic(topic))).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });

  it('mint and use: refused without topic, op, quota or expiry (E1)', () => {
    const bench = new AuthorityBench();
    for (const left of FULL) {
      const rest = FULL.filter((caveat) => caveat !== left);
      expect(() => bench.token(...rest)).toThrow(/capability: no /);
      expect(scopeOf(rest)).toMatch(/^no /);
    }
  });

  it('admin: neither with another op, nor with a prefix (K8, E5)', () => {
    expect(parseCaveat('op = admin,send')).toBeNull();
    const bench = new AuthorityBench();
    const lines = [LATER, 'quota_ops = 1/1'];
    const wrong = [
      ['topic prefix a.', 'op = admin'],
      ['topic = a.b', 'topic prefix a.', 'op = admin'],
      ['topic prefix a.', 'topic = a.b', 'op = admin', 'role = admin'],
      ['topic = a', 'op = admin', 'op = send'],
      ['topic = a', 'op = send', 'op = admin'],
    ];
    for (const caveats of wrong) {
      expect(() => bench.token(...caveats, ...lines), caveats.join()).toThrow(/op = admin/);
      const [first = '', ...others] = [...lines, ...caveats];
      const { key, id } = bench.keyring.newest;
      const signed = mintToken(key, id, '0'.repeat(26), [first, ...others]);
      expect(bench.ask(signed), caveats.join()).toBe('caveats');
    }
    const admin = bench.token('topic = a.b', 'op = admin', ...lines);
    expect(bench.capability(admin).allowsOp('admin')).toBe(true);
    expect(() => attenuate(admin, ['topic prefix a.'])).toThrow(/op = admin/);
    expect(bench.ask(attenuateToken(admin, ['topic prefix a.']))).toBe('caveats');
    expect(bench.ask(attenuate(admin, ['op = admin', 'role = admin']))).not.toBeTypeOf('string');
  });

  it('caveats: at most eight of a kind, at mint, attenuate and use (AU6)', () => {
    const bench = new AuthorityBench();
    const kinds: readonly ((i: number) => string)[] = [
      (i) => `quota_ops = ${i + 1}/10`,
      (i) => `quota_bytes = ${i + 1}/10`,
      (i) => `expires = ${START_S + 60 + i}`,
      (i) => `not_before = ${START_S - i}`,
      () => 'topic = orders',
      () => 'topic prefix ord',
      () => 'op = send',
      () => 'role = producer',
    ];
    for (const line of kinds) {
      const kind = line(0).replace(/ (=.*|ord)$/, '');
      const own = FULL.filter((caveat) => caveat.startsWith(`${kind} = `)).length;
      const most = Array.from({ length: 8 - own }, (_, i) => line(i));
      const eight = bench.token(...FULL, ...most);
      expect(bench.ask(eight), kind).not.toBeTypeOf('string');
      expect(() => bench.token(...FULL, ...most, line(9)), kind).toThrow(`more than 8 ${kind} caveats`);
      expect(() => attenuate(eight, [line(9)]), kind).toThrow(`more than 8 ${kind} caveats`);
      expect(bench.ask(attenuateToken(eight, [line(9)])), kind).toBe('caveats');
    }
  });

  it('mint and attenuate: what would be good for nothing is refused, and says why', () => {
    const bench = new AuthorityBench();
    const futile = [
      [['op = send', 'role = consumer'], /op and role/],
      [['op = send', 'op = recv'], /op and role/],
      [['topic = other'], /topic caveats/],
      [['topic prefix x'], /topic caveats/],
      [[`not_before = ${START_S + 9999}`], /expires before/],
    ] as const;
    for (const [more, why] of futile) {
      expect(() => bench.token(...FULL, ...more)).toThrow(why);
      expect(() => attenuate(bench.token(...FULL), more)).toThrow(why);
    }
    const prefixes = ['topic prefix a.', 'topic prefix a.b.', 'op = send', LATER, 'quota_ops = 1/1'];
    expect(bench.capability(bench.token(...prefixes)).allowsTopic('a.b.c')).toBe(true);
    expect(() => bench.token('topic prefix b.', ...prefixes)).toThrow(/topic caveats/);
  });

  it.each([
    'topic=a',
    'topic =  a',
    'Topic = a',
    'topic = A',
    'topic = a ',
    'topic prefix ',
    'topic prefix = a',
    'op = ',
    'op = send, recv',
    'op = send,send',
    'op = everything',
    'expires = 0',
    'expires = 1e9',
    'expires = -1',
    'expires = 01',
    'quota_ops = 1',
    'quota_ops = 0/1',
    'quota_ops = 1/0',
    'quota_bytes = 1/1/1',
    'role = root',
    'time < 2030',
    '',
  ])('caveat: "%s" is unknown and denies (AU1)', (line) => {
    expect(parseCaveat(line)).toBeNull();
    const bench = new AuthorityBench();
    if (line === '') return;
    expect(bench.ask(attenuateToken(bench.token(...FULL), [line]))).toBe('caveats');
  });

  it('expiry and not-before: judged with 120 s of tolerance, after a cache hit too (TM2, R5)', () => {
    const bench = new AuthorityBench();
    const token = bench.token('topic = a', 'op = send', 'quota_ops = 1/1', LATER, `not_before = ${START_S}`);
    const at = (seconds: number) => {
      bench.wall = (START_S + seconds) * 1000;
      return bench.ask(token);
    };
    expect(at(-121)).toBe('not_yet_valid');
    expect(at(-120)).not.toBeTypeOf('string');
    expect(at(3600 + 120)).not.toBeTypeOf('string');
    expect(at(3600 + 121)).toBe('expired');
    expect(at(-121)).toBe('not_yet_valid');
  });

  it('role: narrows the ops to its own', () => {
    const bench = new AuthorityBench();
    const token = bench.token(
      'topic = a',
      `op = ${OPS.filter((op) => OPS_BESIDE[op] === undefined).join(',')}`,
      LATER,
      'quota_ops = 1/1',
    );
    const opsWith = (role: string) => {
      const capability = bench.capability(attenuateToken(token, [`role = ${role}`]));
      return OPS.filter((op) => capability.allowsOp(op));
    };
    expect(opsWith('producer')).toEqual(['send', 'stats']);
    expect(opsWith('consumer')).toEqual(['recv', 'ack', 'nack', 'extend', 'stats']);
    expect(opsWith('viewer')).toEqual(['stats']);
    expect(opsWith('admin')).toEqual([]);
  });

  it('view: reads only; alone or with stats, on a prefix too, and its role is viewer (AU7, E7)', () => {
    const bench = new AuthorityBench();
    const rest = [LATER, 'quota_ops = 1/1'];
    for (const caveats of [['op = view'], ['op = view,stats'], ['op = stats,view', 'role = viewer']]) {
      const capability = bench.capability(bench.token('topic prefix a.', ...caveats, ...rest));
      const allowed = OPS.filter((op) => capability.allowsOp(op));
      expect(allowed, caveats.join()).toEqual(caveats[0] === 'op = view' ? ['view'] : ['stats', 'view']);
      expect([capability.allowsTopic('a.b'), capability.allowsTopic('a')]).toEqual([true, false]);
    }
    for (const op of OPS) {
      if (op === 'view' || op === 'stats') continue;
      expect(parseCaveat(`op = view,${op}`), op).toBeNull();
      expect(parseCaveat(`op = ${op},stats,view`), op).toBeNull();
      // Narrowed to nothing, whichever came first.
      for (const [one, other] of [
        [op, 'view'],
        ['view', op],
      ]) {
        const narrowed = attenuateToken(bench.token('topic = a', `op = ${one}`, ...rest), [`op = ${other}`]);
        const found = bench.ask(narrowed);
        const ops = typeof found === 'string' ? [] : OPS.filter((each) => found.allowsOp(each));
        expect(ops, `${one} and ${other}`).toEqual([]);
      }
    }
    for (const role of ['producer', 'consumer', 'admin'])
      expect(() => mint(bench.keyring, ['topic = a', 'op = view', `role = ${role}`, ...rest])).toThrow('in common');
  });

  it('attenuation: whatever is added, nothing more is allowed', () => {
    const bench = new AuthorityBench();
    const parent = bench.token('topic prefix a', 'op = send,recv,stats', LATER, 'quota_ops = 5/10');
    const caveat = fc.oneof(
      fc.constantFrom(
        'topic = a.b',
        'topic = b',
        'topic prefix a.b',
        'topic prefix b',
        'role = producer',
        'role = admin',
      ),
      fc.subarray([...OPS], { minLength: 1 }).map((ops) => `op = ${ops.join(',')}`),
      fc.integer({ min: START_S - 9999, max: START_S + 9999 }).map((s) => `expires = ${s}`),
      fc.integer({ min: 1, max: 99 }).map((n) => `quota_ops = ${n}/1`),
    );
    const before = bench.capability(parent);
    fc.assert(
      fc.property(fc.array(caveat, { maxLength: 6 }), (added) => {
        const after = bench.ask(attenuateToken(parent, added));
        if (typeof after === 'string') return true;
        const ops = (OPS as readonly Op[]).every((op) => !after.allowsOp(op) || before.allowsOp(op));
        const topics = ['a', 'a.b', 'a.b.c', 'b', 'c'].every((t) => !after.allowsTopic(t) || before.allowsTopic(t));
        return ops && topics;
      }),
    );
  });

  it('quota: attenuating a capability cannot reset it, denied operations take nothing (AU2)', () => {
    const bench = new AuthorityBench();
    const parent = bench.token(...FULL);
    const child = attenuateToken(parent, ['quota_ops = 2/10']);
    const charge = (token: string) => bench.capability(token).charge(10, bench.now);
    expect([charge(child), charge(child), charge(child)]).toEqual([0, 0, 10_000]);
    expect([charge(parent), charge(parent), charge(parent)]).toEqual([0, 0, 0]);
    expect(charge(parent)).toBe(10_000);
    expect(charge(attenuateToken(parent, ['role = producer']))).toBe(10_000);
    bench.now += 9_999;
    expect(charge(parent)).toBe(1);
    bench.now += 1;
    expect(charge(child)).toBe(0);
  });

  it('quota: bytes count apart', () => {
    const bench = new AuthorityBench();
    const bytes = bench.token(...FULL, 'quota_bytes = 100/10');
    expect(bench.capability(bytes).charge(101, bench.now)).toBeGreaterThan(0);
    expect(bench.capability(bytes).charge(100, bench.now)).toBe(0);
    expect(bench.capability(bytes).charge(1, bench.now)).toBe(10_000);
  });

  it('revocation: by nonce and by key id, at once, whatever is cached and however attenuated (S3)', () => {
    const bench = new AuthorityBench();
    const { token, nonce } = mint(bench.keyring, FULL);
    const held = bench.capability(token);
    bench.authority.revoke('nonce', nonce);
    expect(held.isValid()).toBe(false);
    expect(bench.ask(token)).toBe('revoked');
    expect(bench.ask(attenuateToken(token, ['role = producer']))).toBe('revoked');
    const other = bench.token(...FULL);
    expect(bench.ask(other)).not.toBeTypeOf('string');
    bench.authority.revoke('key_id', 'k2');
    expect(bench.ask(other)).toBe('revoked');
  });

  it('rollover: capabilities of an older key go on until the key is dropped', () => {
    const bench = new AuthorityBench();
    const old = mint(new Keyring([bench.keyring.keys[0]!]), FULL).token;
    expect(bench.ask(old)).not.toBeTypeOf('string');
    bench.authority.useKeyring(new Keyring([bench.keyring.keys[1]!]));
    expect(bench.ask(old)).toBe('unknown_key');
    expect(bench.ask(bench.token(...FULL))).not.toBeTypeOf('string');
  });
});

describe('token', () => {
  it('hmac: equals node:crypto for any key and text', () => {
    const text = fc.string({ unit: 'grapheme-ascii', maxLength: 256 });
    const reached = new Reached('hmac');
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), text, (key, line) => {
        reached.saw({ characters: line.length });
        expect(Buffer.from(hmacSha256(key, line))).toEqual(createHmac('sha256', key).update(line).digest());
      }),
    );
    // More than a block and what the padding takes.
    reached.atLeast({ characters: 200 });
    expect(() => hmacSha256(new Uint8Array(31), '')).toThrow(/32 bytes/);
  });

  const bench = new AuthorityBench();
  const open = (token: string) => bench.ask(token);

  it('header: Bearer in any case, one space, nothing else', () => {
    const token = bench.token(...FULL);
    for (const good of ['Bearer', 'bearer', 'BEARER']) {
      expect(bench.authority.authenticate(`${good} ${token}`)).not.toBeTypeOf('string');
    }
    for (const bad of [
      token,
      `Basic ${token}`,
      `Bearer  ${token}`,
      `Bearer ${token} `,
      `Bearer ${token}=`,
      'Bearer ',
      '',
    ]) {
      expect(bench.authority.authenticate(bad)).toBe('malformed');
    }
    expect(bench.authority.authenticate(undefined)).toBe('missing');
  });

  it('mutants: 20,000 changed tokens, none verifies', () => {
    const original = bench.token(...FULL, 'quota_bytes = 1000/1');
    const bytes = Buffer.from(original, 'base64url');
    const mutation = fc.oneof(
      fc.tuple(fc.constant('flip'), fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 })),
      fc.tuple(fc.constant('insert'), fc.nat(bytes.length), fc.nat(255)),
      fc.tuple(fc.constant('drop'), fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 40 })),
      fc.tuple(fc.constant('double'), fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 60 })),
      fc.tuple(fc.constant('char'), fc.nat(original.length - 1), fc.integer({ min: 33, max: 126 })),
    );
    fc.assert(
      fc.property(mutation, ([kind, at, by]) => {
        let mutant = Buffer.from(bytes);
        if (kind === 'flip') mutant[at] = (mutant[at] as number) ^ by;
        if (kind === 'insert') mutant = Buffer.concat([bytes.subarray(0, at), Buffer.from([by]), bytes.subarray(at)]);
        if (kind === 'drop') mutant = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + by)]);
        if (kind === 'double') mutant = Buffer.concat([bytes.subarray(0, at + by), bytes.subarray(at)]);
        let token = mutant.toString('base64url');
        if (kind === 'char') token = original.slice(0, at) + String.fromCharCode(by) + original.slice(at + 1);
        return token === original || typeof open(token) === 'string';
      }),
      { numRuns: 20_000 },
    );
  });

  it('appended caveat: one that the signature does not cover is refused', () => {
    const bytes = Buffer.from(bench.token(...FULL), 'base64url');
    const signature = bytes.subarray(bytes.length - (4 + 'signature '.length + 32 + 1));
    const line = 'cid topic = other\n';
    const packet = Buffer.from((line.length + 4).toString(16).padStart(4, '0') + line);
    const before = bytes.subarray(0, bytes.length - signature.length);
    expect(open(Buffer.concat([before, packet, signature]).toString('base64url'))).toBe('forged');
    expect(open(Buffer.concat([bytes, packet]).toString('base64url'))).toBe('malformed');
    expect(open(Buffer.concat([bytes, bytes]).toString('base64url'))).toBe('malformed');
  });

  it('size: tokens and caveats are bounded before any work is done', () => {
    expect(open('A'.repeat(1_000_000))).toBe('malformed');
    let token = bench.token(...FULL);
    for (let i = FULL.length; i < CAVEATS_MAX; i++) token = attenuateToken(token, ['quota_ops = 9/1']);
    expect(parseToken(token)?.caveats).toHaveLength(CAVEATS_MAX);
    expect(() => attenuateToken(token, ['quota_ops = 9/1'])).toThrow(/at most 32 caveats/);
    expect(() => attenuateToken(token.slice(1), ['quota_ops = 9/1'])).toThrow(/not a capability/);
    expect(() => attenuateToken(bench.token(...FULL), ['a\nb'])).toThrow(/printable ASCII/);
  });

  it('junk: any text at all is answered, never thrown at', () => {
    const reached = new Reached('junk');
    const any = fc.property(fc.string({ maxLength: 400, unit: fc.constantFrom(...'AZaz09-_=\n\0é') }), (text) => {
      reached.saw({ characters: text.length });
      return typeof open(text) === 'string';
    });
    fc.assert(any);
    reached.atLeast({ characters: 350 });
  });
});
