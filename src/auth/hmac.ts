import { createSHA256 } from 'hash-wasm';

/**
 * HMAC-SHA-256 (RFC 2104) of short ASCII texts under 32-byte keys: the links of a macaroon's chain. An object of node:crypto
 * costs four times the work it is made for, and a token has a link for every caveat. A property test holds this to node:crypto.
 */
const sha256 = await createSHA256();
const KEY_BYTES = 32;
const BLOCK_BYTES = 64;
const TEXT_CHARS_MAX = 256;
const INNER = 0x36;
const OUTER = 0x5c;
const inner = Buffer.alloc(BLOCK_BYTES + TEXT_CHARS_MAX, INNER);
const outer = Buffer.alloc(BLOCK_BYTES + KEY_BYTES, OUTER);

/** `key` is 32 bytes, `text` at most 256 characters of ASCII. */
export function hmacSha256(key: Uint8Array, text: string): Uint8Array {
  if (key.length !== KEY_BYTES || text.length > TEXT_CHARS_MAX)
    throw new Error('hmac: 32 bytes of key, 256 characters');
  for (let i = 0; i < KEY_BYTES; i++) {
    inner[i] = key[i]! ^ INNER;
    outer[i] = key[i]! ^ OUTER;
  }
  inner.write(text, BLOCK_BYTES, 'latin1');
  outer.set(
    sha256
      .init()
      .update(inner.subarray(0, BLOCK_BYTES + text.length))
      .digest('binary'),
    BLOCK_BYTES,
  );
  const mac = sha256.init().update(outer).digest('binary');
  inner.fill(INNER, 0, KEY_BYTES);
  outer.fill(OUTER, 0, KEY_BYTES);
  return mac;
}
