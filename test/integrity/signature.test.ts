import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { isSignedBy, signerOf } from '../../src/integrity/signature.ts';
import fc from '../support/properties.ts';

const pemOf = (type: 'ed25519' | 'x25519' = 'ed25519'): Buffer =>
  Buffer.from(generateKeyPairSync(type as 'ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }));
const CHAIN = `b3:${'0f'.repeat(32)}`;

/** RFC 8032, test 1: the secret key as PKCS #8. */
const RFC_PEM = Buffer.from(
  `-----BEGIN PRIVATE KEY-----\n${Buffer.from(
    '302e020100300506032b6570042204209d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    'hex',
  ).toString('base64')}\n-----END PRIVATE KEY-----\n`,
);

describe('signature', () => {
  it('vector: the key id of RFC 8037, and a signature that stays the same (K3)', () => {
    const signer = signerOf(Buffer.from(RFC_PEM));
    expect(signer.jwk.x).toBe('11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo');
    expect(signer.jwk.kid).toBe('kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k');
    expect(signer.sign(CHAIN)).toBe(signer.sign(CHAIN));
    expect(isSignedBy([signer.jwk], CHAIN, signer.sign(CHAIN))).toBe(true);
  });

  it('check: any other chain, key, id or byte does not hold (K3)', () => {
    const signer = signerOf(pemOf());
    const other = signerOf(pemOf());
    const sig = signer.sign(CHAIN);
    expect(isSignedBy([other.jwk, signer.jwk], CHAIN, sig)).toBe(true);
    expect(isSignedBy([other.jwk], CHAIN, sig)).toBe(false);
    expect(isSignedBy([{ ...other.jwk, kid: signer.jwk.kid }], CHAIN, sig)).toBe(false);
    expect(isSignedBy([signer.jwk], CHAIN, null)).toBe(false);
    expect(isSignedBy([signer.jwk], `b3:${'0e'.repeat(32)}`, sig)).toBe(false);
    expect(isSignedBy([signer.jwk], `${CHAIN}00`, sig)).toBe(false);
    fc.assert(
      fc.property(fc.nat(sig.length - 1), fc.integer({ min: 32, max: 126 }), (at, code) => {
        const changed = sig.slice(0, at) + String.fromCharCode(code) + sig.slice(at + 1);
        return changed === sig || !isSignedBy([signer.jwk], CHAIN, changed);
      }),
    );
  });

  it('key: the file is overwritten in memory; another kind of key and junk are refused without quoting them (K7, I2)', () => {
    const pem = pemOf();
    signerOf(pem);
    expect(pem.every((byte) => byte === 0)).toBe(true);
    expect(() => signerOf(pemOf('x25519'))).toThrow('not an Ed25519 key');
    expect(() => signerOf(Buffer.from('-----BEGIN PRIVATE KEY-----\nsecret'))).toThrow(/^not a PEM private key/);
  });
});
