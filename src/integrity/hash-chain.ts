import type { Attrs } from '../core/facts.ts';
import type { Integrity } from '../ports/integrity.ts';
import { blake3Hex } from './blake3.ts';
import { hashesOf } from './blake3-lanes.ts';
import { timestampOf } from './timestamp.ts';

export const HASH_PREFIX = 'b3:';
const DOMAIN = 'svc-mailbox/envelope/v1';
const HASH_BYTES = 32;
/** More than any envelope in the limits needs: 32 attrs of 64 + 1024 characters, three bytes each at most. */
let scratch = Buffer.allocUnsafeSlow(128 * 1024);
let length = 0;

/** `b3:` and 64 lower-case hex digits. */
export const payloadHashOf = (payload: Uint8Array): string => HASH_PREFIX + blake3Hex(payload);

/** lp(text): its length in bytes as u32 big-endian, then the bytes. */
function put(text: string): void {
  const bytes = scratch.write(text, length + 4);
  scratch.writeUInt32BE(bytes, length);
  length += 4 + bytes;
}

/** Compares by bytes of UTF-8, which is the order of code points. */
const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/**
 * `hash_chain` of an envelope (T2, `wire`: Hashes): binds topic, ts, idem_key, payload_hash and attrs, so that a consumer
 * can verify an envelope without the server. `ts` is the envelope's string, `payloadHash` is `b3:` and 64 hex digits.
 */
export function hashChainOf(topic: string, ts: string, idemKey: string, payloadHash: string, attrs: Attrs): string {
  const keys = Object.keys(attrs);
  let most = 256 + 3 * (topic.length + ts.length + idemKey.length);
  for (const key of keys) most += 8 + 3 * (key.length + (attrs[key] as string).length);
  if (most > scratch.length) scratch = Buffer.allocUnsafeSlow(most);
  length = 0;
  put(DOMAIN);
  put(topic);
  put(ts);
  put(idemKey);
  scratch.writeUInt32BE(HASH_BYTES, length);
  if (scratch.write(payloadHash.slice(HASH_PREFIX.length), length + 4, 'hex') !== HASH_BYTES) {
    throw new Error('hash chain: payload_hash is not 32 bytes');
  }
  length += 4 + HASH_BYTES;
  scratch.writeUInt32BE(keys.length, length);
  length += 4;
  if (keys.length > 1) keys.sort(byBytes);
  for (const key of keys) {
    put(key);
    put(attrs[key] as string);
  }
  return HASH_PREFIX + blake3Hex(scratch.subarray(0, length));
}

/** The port as the server runs it. */
export const integrity: Integrity = {
  payloadHashOf,
  payloadHashesOf: hashesOf,
  hashChainOf: (topic, sentAtMs, idemKey, payloadHash, attrs) =>
    hashChainOf(topic, timestampOf(sentAtMs), idemKey, payloadHash, attrs),
};
