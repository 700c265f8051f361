import { createSecretKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Authority } from '../../src/auth/authorize.ts';
import { Keyring } from '../../src/auth/keyring.ts';
import { parseToken } from '../../src/auth/macaroon.ts';
import { START_S } from '../support/authority.ts';
import { corpus } from '../support/corpus.ts';
import { fuzz } from '../support/fuzz.ts';
import { mutants } from '../support/mutate.ts';
import fc from '../support/properties.ts';
import { packet } from '../support/tokens.ts';

const KEPT = corpus('capabilities').map(({ bytes, ...kept }) => ({ ...kept, token: bytes.toString('latin1') }));
const GOOD = new Set(KEPT.filter(({ isGood }) => isGood).map(({ token }) => token));
const SEEDS = KEPT.filter(({ token }) => token.length < 4096).map(({ token }) => Buffer.from(token, 'base64url'));

const keyring = new Keyring([{ id: 'k1', createdMs: START_S * 1000, key: createSecretKey(Buffer.alloc(32, 7)) }]);
const clock = { nowMs: () => 1, wallMs: () => START_S * 1000 };
const authority = new Authority(keyring, clock, 30_000, {});
const verifies = (token: string): boolean => typeof authority.authenticate(`Bearer ${token}`) !== 'string';

/** Verifies exactly when it is one of ours; and whatever can be read can be written in one way only. */
function check(token: string): void {
  expect(verifies(token)).toBe(GOOD.has(token));
  const parsed = parseToken(token);
  if (parsed === null) return;
  const packets = [
    packet('location', 'svc-mailbox'),
    packet('identifier', parsed.identifier),
    ...parsed.caveats.map((caveat) => packet('cid', caveat)),
    packet('signature', parsed.signature),
  ];
  expect(Buffer.concat(packets).toString('base64url')).toBe(token);
}

/** The packets of a token, whatever they say. */
function packetsOf(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at + 4 < bytes.length; ) {
    const length = Math.max(5, Number.parseInt(bytes.toString('latin1', at, at + 4), 16) || 5);
    found.push(bytes.subarray(at, at + length));
    at += length;
  }
  return found;
}

const LINES = [
  'cid topic = other',
  'cid op = admin',
  'cid expires = 99999999999',
  'vid x',
  'cl here',
  'identifier v1:k1:x',
];
/** Good tokens with packets of theirs and of others left out, doubled, moved and put in. */
const rearranged = fc
  .tuple(
    fc.constantFrom(...GOOD),
    fc.array(fc.tuple(fc.constantFrom('drop', 'double', 'move', 'put', 'take'), fc.nat(), fc.nat()), { maxLength: 4 }),
  )
  .map(([token, changes]) => {
    const packets = packetsOf(Buffer.from(token, 'base64url'));
    for (const [kind, at, by] of changes) {
      const place = at % (packets.length + 1);
      const one = packets[by % packets.length] ?? Buffer.alloc(0);
      const [word = '', ...rest] = (LINES[by % LINES.length] as string).split(' ');
      if (kind === 'drop') packets.splice(place, 1);
      if (kind === 'double') packets.splice(place, 0, one);
      if (kind === 'move') packets.splice(place, 0, ...packets.splice(by % (packets.length + 1), 1));
      if (kind === 'put') packets.splice(place, 0, packet(word, rest.join(' ')));
      if (kind === 'take')
        packets.splice(place, 1, ...packetsOf(SEEDS[by % SEEDS.length] as Buffer).slice(place, place + 1));
    }
    return Buffer.concat(packets);
  });
const asToken = (bytes: Buffer): void => check(bytes.toString('base64url'));

describe('fuzz: capabilities', () => {
  it.each(KEPT.map((kept) => [kept.name, kept] as const))('kept: %s (S2, V2)', (_name, { token, isGood }) => {
    expect(verifies(token)).toBe(isGood);
    check(token);
  });

  it('bytes that were changed: none verifies but the ones that were minted (S2, E1)', () => {
    fuzz(mutants(SEEDS), asToken);
  });

  it('characters that were changed: none verifies but the ones that were minted (S2)', () => {
    fuzz(mutants(KEPT.map(({ token }) => Buffer.from(token))), (bytes) => check(bytes.toString('latin1')));
  });

  it('packets that were rearranged: none verifies but the ones that were minted (S2, E1)', () => {
    fuzz(rearranged, asToken);
  });
});
