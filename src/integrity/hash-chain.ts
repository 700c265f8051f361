import type { Attrs } from '../core/facts.ts';
import type { Chained, Integrity } from '../ports/integrity.ts';
import { blake3Hex } from './blake3.ts';
import { hashesOf, hashShort } from './blake3-lanes.ts';
import { LANE_BYTES } from './blake3-module.ts';
import { timestampOf } from './timestamp.ts';

export const HASH_PREFIX = 'b3:';
const DOMAIN = 'svc-mailbox/envelope/v1';
const HASH_BYTES = 32;
/** More than any envelope in the limits needs: 32 attrs of 64 + 1024 characters, three bytes each at most. */
let scratch = Buffer.allocUnsafeSlow(128 * 1024);

/** `b3:` and 64 lower-case hex digits. */
export const payloadHashOf = (payload: Uint8Array): string => HASH_PREFIX + blake3Hex(payload);

function putU32(out: Buffer, at: number, value: number): void {
  out[at] = value >>> 24;
  out[at + 1] = value >>> 16;
  out[at + 2] = value >>> 8;
  out[at + 3] = value;
}

/** lp(text): its length in bytes as u32 big-endian, then the bytes. Most texts are short, and ASCII. Gives where it ends. */
function put(out: Buffer, at: number, text: string): number {
  const from = at + 4;
  let bytes = 0;
  for (; bytes < text.length; bytes++) {
    const code = text.charCodeAt(bytes);
    if (code > 0x7f) break;
    out[from + bytes] = code;
  }
  if (bytes < text.length) bytes = out.write(text, from);
  putU32(out, at, bytes);
  return from + bytes;
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
  const end = putChain(scratch, 0, topic, ts, idemKey, payloadHash, attrs);
  return HASH_PREFIX + blake3Hex(scratch.subarray(0, end));
}

/** The same of each. */
function hashChainsOf(all: readonly Chained[]): readonly string[] {
  const chains = new Array<string>(all.length);
  const short: number[] = [];
  for (let i = 0; i < all.length; i++) {
    const { topic, sentAtMs, idemKey, payloadHash, attrs } = all[i] as Chained;
    const ts = timestampOf(sentAtMs);
    if (mostBytes(topic, ts, idemKey, attrs) <= LANE_BYTES) short.push(i);
    // Much of it is attributes, whose hashes are no shorter together.
    else chains[i] = hashChainOf(topic, ts, idemKey, payloadHash, attrs);
  }
  hashShort(short, chains, (i, out, at) => {
    const { topic, sentAtMs, idemKey, payloadHash, attrs } = all[i] as Chained;
    return putChain(out, at, topic, timestampOf(sentAtMs), idemKey, payloadHash, attrs) - at;
  });
  return chains;
}

function mostBytes(topic: string, ts: string, idemKey: string, attrs: Attrs): number {
  let most = 256 + 3 * (topic.length + ts.length + idemKey.length);
  for (const key in attrs) most += 8 + 3 * (key.length + (attrs[key] as string).length);
  return most;
}

/** lp(domain), which every chain begins with. */
const BEGIN = Uint8Array.from([0, 0, 0, DOMAIN.length, ...Buffer.from(DOMAIN)]);

/** What the hash is of, at a place where there is room for it; gives where it ends. */
function putChain(
  out: Buffer,
  from: number,
  topic: string,
  ts: string,
  idemKey: string,
  payloadHash: string,
  attrs: Attrs,
): number {
  for (let i = 0; i < BEGIN.length; i++) out[from + i] = BEGIN[i] as number;
  const hashAt = put(out, put(out, put(out, from + BEGIN.length, topic), ts), idemKey);
  putU32(out, hashAt, HASH_BYTES);
  if (out.write(payloadHash.slice(HASH_PREFIX.length), hashAt + 4, HASH_BYTES, 'hex') !== HASH_BYTES) {
    throw new Error('hash chain: payload_hash is not 32 bytes');
  }
  let at = hashAt + 4 + HASH_BYTES;
  const keys = keysOf(attrs);
  putU32(out, at, keys.length);
  at += 4;
  for (const key of keys) at = put(out, put(out, at, key), attrs[key] as string);
  return at;
}

const NO_KEYS: readonly string[] = [];

/** In the order in which they are hashed. */
function keysOf(attrs: Attrs): readonly string[] {
  // Mostly there are none.
  for (const _ in attrs) return Object.keys(attrs).sort(byBytes);
  return NO_KEYS;
}

/** The port as the server runs it. */
export const integrity: Integrity = {
  payloadHashOf,
  payloadHashesOf: hashesOf,
  hashChainsOf,
  hashChainOf: (topic, sentAtMs, idemKey, payloadHash, attrs) =>
    hashChainOf(topic, timestampOf(sentAtMs), idemKey, payloadHash, attrs),
};
