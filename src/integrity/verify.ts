import type { Attrs } from '../core/facts.ts';
import { hashChainOf, payloadHashOf } from './hash-chain.ts';

/** The fields of an envelope that its hashes cover, as they came over the wire. */
export interface HashedEnvelope {
  readonly topic: string;
  readonly ts: string;
  readonly idem_key: string;
  readonly payload_b64: string;
  readonly payload_hash: string;
  readonly attrs: Attrs;
  readonly hash_chain: string;
}

/** What a consumer checks without the server (T2): null when both hashes hold, else the field that does not. */
export function verifyEnvelope(envelope: HashedEnvelope): 'payload_hash' | 'hash_chain' | null {
  const { topic, ts, idem_key, payload_b64, payload_hash, attrs, hash_chain } = envelope;
  if (payloadHashOf(Buffer.from(payload_b64, 'base64')) !== payload_hash) return 'payload_hash';
  return hashChainOf(topic, ts, idem_key, payload_hash, attrs) === hash_chain ? null : 'hash_chain';
}
