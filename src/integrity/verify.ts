import type { Attrs } from '../core/facts.ts';
import { hashChainOf, payloadHashOf } from './hash-chain.ts';
import { isSignedBy, type PublicJwk } from './signature.ts';

/** The fields of an envelope that its hashes cover, as they came over the wire. */
export interface HashedEnvelope {
  readonly topic: string;
  readonly ts: string;
  readonly idem_key: string;
  readonly payload_b64: string;
  readonly payload_hash: string;
  readonly attrs: Attrs;
  readonly hash_chain: string;
  readonly sig: string | null;
}

/**
 * What a consumer checks without the server (T2, K3): null when both hashes hold, else the field that does not. With `keys`
 * the envelope must also carry a signature of one of them.
 */
export function verifyEnvelope(
  envelope: HashedEnvelope,
  keys?: readonly PublicJwk[],
): 'payload_hash' | 'hash_chain' | 'sig' | null {
  const { topic, ts, idem_key, payload_b64, payload_hash, attrs, hash_chain } = envelope;
  if (payloadHashOf(Buffer.from(payload_b64, 'base64')) !== payload_hash) return 'payload_hash';
  if (hashChainOf(topic, ts, idem_key, payload_hash, attrs) !== hash_chain) return 'hash_chain';
  return keys === undefined || isSignedBy(keys, hash_chain, envelope.sig) ? null : 'sig';
}
