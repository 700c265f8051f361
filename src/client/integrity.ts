import { byBytes, bytesOfBase64, bytesOfHex, hexOf, prefixed } from './bytes.ts';
import type { ClientCrypto } from './crypto.ts';
import type { FrameEnvelope, PublicJwk } from './types.ts';

/** `docs/protocol.md`: Hashes. */
const ENVELOPE_DOMAIN = 'svc-mailbox/envelope/v1';
const SIGNATURE_DOMAIN = 'svc-mailbox/signature/v1';
const HASH = /^b3:[0-9a-f]{64}$/;
const SIG = /^ed25519:([A-Za-z0-9_-]{43}):([A-Za-z0-9_-]{86})$/;

/** The field of an envelope that does not hold. */
export type BrokenField = 'payload_hash' | 'hash_chain' | 'sig';
type Hashed = Pick<
  FrameEnvelope,
  'topic' | 'ts' | 'idem_key' | 'payload' | 'payload_hash' | 'attrs' | 'hash_chain' | 'sig'
>;

export const payloadHashOf = ({ blake3 }: ClientCrypto, payload: Uint8Array): string => `b3:${hexOf(blake3(payload))}`;

function hashChainOf({ blake3 }: ClientCrypto, { topic, ts, idem_key, payload_hash, attrs }: Hashed): string {
  const keys = Object.keys(attrs).sort(byBytes);
  const pairs = keys.flatMap((key) => [key, attrs[key] as string]);
  const hash = bytesOfHex(payload_hash.slice(3));
  return `b3:${hexOf(blake3(prefixed([ENVELOPE_DOMAIN, topic, ts, idem_key, hash, keys.length, ...pairs])))}`;
}

async function isSigned(crypto: ClientCrypto, { hash_chain, sig }: Hashed, keys: readonly PublicJwk[]) {
  const [, kid, signature] = SIG.exec(sig ?? '') ?? [];
  const key = keys.find((one) => one.kid === kid);
  if (key === undefined || signature === undefined) return false;
  const bytes = prefixed([SIGNATURE_DOMAIN, bytesOfHex(hash_chain.slice(3))]);
  return crypto.isSigned(key, bytes, bytesOfBase64(signature));
}

/**
 * What a consumer checks without the server (T2, K3): null when both hashes hold, else the field that does not. With `keys` one of
 * them must have signed, too; a promise only then.
 */
export function brokenFieldOf(
  crypto: ClientCrypto,
  envelope: Hashed,
  keys?: readonly PublicJwk[],
): BrokenField | null | Promise<BrokenField | null> {
  if (!HASH.test(envelope.payload_hash) || payloadHashOf(crypto, envelope.payload) !== envelope.payload_hash)
    return 'payload_hash';
  if (hashChainOf(crypto, envelope) !== envelope.hash_chain) return 'hash_chain';
  return keys === undefined ? null : isSigned(crypto, envelope, keys).then((holds) => (holds ? null : 'sig'));
}
