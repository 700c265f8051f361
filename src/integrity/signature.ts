import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';

/**
 * Envelope signatures (K3): Ed25519 over lp("svc-mailbox/signature/v1") lp(hash_chain, 32 raw bytes), written
 * `ed25519:<key id>:<base64url>`. The key id is the RFC 7638 thumbprint of the public key, which is published as a JWK.
 */
const DOMAIN = 'svc-mailbox/signature/v1';
const HASH_BYTES = 32;
const SIG = /^ed25519:([A-Za-z0-9_-]{43}):([A-Za-z0-9_-]{86})$/;
const HASH_CHAIN = /^b3:[0-9a-f]{64}$/;

/** RFC 8037: an Ed25519 public key. */
export interface PublicJwk {
  readonly kty: 'OKP';
  readonly crv: 'Ed25519';
  readonly kid: string;
  readonly x: string;
  readonly use: 'sig';
}

export interface Signer {
  readonly jwk: PublicJwk;
  /** The `sig` of an envelope with this hash chain. */
  sign(hashChain: string): string;
}

function signedBytes(hashChain: string): Buffer {
  const bytes = Buffer.alloc(4 + DOMAIN.length + 4 + HASH_BYTES);
  bytes.writeUInt32BE(DOMAIN.length, 0);
  bytes.write(DOMAIN, 4, 'latin1');
  bytes.writeUInt32BE(HASH_BYTES, 4 + DOMAIN.length);
  bytes.write(hashChain.slice(3), 8 + DOMAIN.length, 'hex');
  return bytes;
}

function jwkOf(key: KeyObject): PublicJwk {
  const { x } = key.export({ format: 'jwk' }) as { x: string };
  const kid = createHash('sha256').update(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`).digest('base64url');
  return { kty: 'OKP', crv: 'Ed25519', kid, x, use: 'sig' };
}

/** A signer of a PEM private key (PKCS #8), whose bytes are overwritten. @throws Error when it is no Ed25519 key. */
export function signerOf(pem: Buffer): Signer {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    throw new Error('not a PEM private key without a passphrase');
  } finally {
    pem.fill(0);
  }
  if (key.asymmetricKeyType !== 'ed25519') throw new Error('not an Ed25519 key');
  const jwk = jwkOf(createPublicKey(key));
  return {
    jwk,
    sign: (hashChain) => `ed25519:${jwk.kid}:${sign(null, signedBytes(hashChain), key).toString('base64url')}`,
  };
}

/**
 * Whether one of these keys signed `sig` over this hash chain. An unsigned envelope (null), an unknown key and a malformed signature
 * are all false: whoever asks wants a signature.
 */
export function isSignedBy(keys: readonly PublicJwk[], hashChain: string, sig: string | null): boolean {
  const match = sig === null ? null : SIG.exec(sig);
  if (match === null || !HASH_CHAIN.test(hashChain)) return false;
  const jwk = keys.find(({ kid }) => kid === match[1]);
  if (jwk === undefined) return false;
  const key = createPublicKey({ key: { kty: jwk.kty, crv: jwk.crv, x: jwk.x }, format: 'jwk' });
  const signature = Buffer.from(match[2] as string, 'base64url');
  return signature.toString('base64url') === match[2] && verify(null, signedBytes(hashChain), key, signature);
}
