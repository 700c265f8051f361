import type { Attrs } from '../core/facts.ts';
import type { Chained, Integrity } from '../ports/integrity.ts';
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

/** lp(text): its length in bytes as u32 big-endian, then the bytes. Most texts are short, and ASCII. */
function put(text: string): void {
  const at = length + 4;
  let bytes = 0;
  for (; bytes < text.length; bytes++) {
    const code = text.charCodeAt(bytes);
    if (code > 0x7f) break;
    scratch[at + bytes] = code;
  }
  if (bytes < text.length) bytes = scratch.write(text, at);
  scratch.writeUInt32BE(bytes, length);
  length = at + bytes;
}

/** Compares by bytes of UTF-8, which is the order of code points. */
const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/**
 * `hash_chain` of an envelope (T2, `wire`: Hashes): binds topic, ts, idem_key, payload_hash and attrs, so that a consumer
 * can verify an envelope without the server. `ts` is the envelope's string, `payloadHash` is `b3:` and 64 hex digits.
 */
export function hashChainOf(topic: string, ts: string, idemKey: string, payloadHash: string, attrs: Attrs): string {
  const most = mostBytes(topic, ts, idemKey, attrs);
  if (most > scratch.length) scratch = Buffer.allocUnsafeSlow(most);
  length = 0;
  return HASH_PREFIX + blake3Hex(putChain(topic, ts, idemKey, payloadHash, attrs));
}

/** The same of each. */
function hashChainsOf(all: readonly Chained[]): readonly string[] {
  length = 0;
  const ts = all.map(({ sentAtMs }) => timestampOf(sentAtMs));
  let most = 0;
  for (const [i, { topic, idemKey, attrs }] of all.entries()) most += mostBytes(topic, ts[i] as string, idemKey, attrs);
  // Much of it is attributes, whose hashes are no shorter together; and what all of a body may bring is not kept room for.
  if (most > scratch.length)
    return all.map((one, i) => hashChainOf(one.topic, ts[i] as string, one.idemKey, one.payloadHash, one.attrs));
  return hashesOf(
    all.map(({ topic, idemKey, payloadHash, attrs }, i) =>
      putChain(topic, ts[i] as string, idemKey, payloadHash, attrs),
    ),
  );
}

function mostBytes(topic: string, ts: string, idemKey: string, attrs: Attrs): number {
  let most = 256 + 3 * (topic.length + ts.length + idemKey.length);
  for (const key in attrs) most += 8 + 3 * (key.length + (attrs[key] as string).length);
  return most;
}

/** What the hash is of, behind what was put before; there is room for it. */
function putChain(topic: string, ts: string, idemKey: string, payloadHash: string, attrs: Attrs): Buffer {
  const start = length;
  put(DOMAIN);
  put(topic);
  put(ts);
  put(idemKey);
  scratch.writeUInt32BE(HASH_BYTES, length);
  if (scratch.write(payloadHash.slice(HASH_PREFIX.length), length + 4, 'hex') !== HASH_BYTES) {
    throw new Error('hash chain: payload_hash is not 32 bytes');
  }
  length += 4 + HASH_BYTES;
  const keys = Object.keys(attrs);
  scratch.writeUInt32BE(keys.length, length);
  length += 4;
  if (keys.length > 1) keys.sort(byBytes);
  for (const key of keys) {
    put(key);
    put(attrs[key] as string);
  }
  return scratch.subarray(start, length);
}

/** The port as the server runs it. */
export const integrity: Integrity = {
  payloadHashOf,
  payloadHashesOf: hashesOf,
  hashChainsOf,
  hashChainOf: (topic, sentAtMs, idemKey, payloadHash, attrs) =>
    hashChainOf(topic, timestampOf(sentAtMs), idemKey, payloadHash, attrs),
};
