import { createHmac, createSecretKey, hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto';
import { createRequire } from 'node:module';
import type macaroonsJs from 'macaroons.js';
import { CAP_FORMATS, type CapFormat } from '../../spec/vocabulary.ts';
import { hmacSha256 } from './hmac.ts';

/** Loaded by whoever makes tokens: who only verifies them does without. */
const macaroons = (): typeof macaroonsJs => require('macaroons.js');
const require = createRequire(import.meta.url);

/** `wire`: Capabilities. Bounds that keep the work on an unverified token small. */
export const TOKEN_CHARS_MAX = 4096;
export const CAVEATS_MAX = 32;
const LOCATION = 'svc-mailbox';
const TOKEN = /^[A-Za-z0-9_-]+$/;
const IDENTIFIER = new RegExp(`^(${CAP_FORMATS.join('|')}):([A-Za-z0-9_-]{1,32}):([0-9A-HJKMNP-TV-Z]{26})$`);
const CAVEAT = /^[ -~]{1,256}$/;

const derived = new WeakMap<KeyObject, KeyObject>();

/**
 * The key that signs capabilities of this format under a root key (P2). `v1` signs with the root key itself. `v2` signs with a
 * key derived from it, so that a root key that also signs something else can never have signed a capability unawares.
 */
function signingKey(root: KeyObject, format: CapFormat): KeyObject {
  if (format === 'v1') return root;
  let key = derived.get(root);
  if (key === undefined) {
    const bytes = new Uint8Array(hkdfSync('sha256', root, '', `${LOCATION}/capability/v2`, 32));
    key = createSecretKey(bytes);
    bytes.fill(0);
    derived.set(root, key);
  }
  return key;
}

/** A macaroon v1 packet with these caveats, as unpadded base64url. `root` is 32 bytes. */
export function mintToken(
  root: KeyObject,
  keyId: string,
  nonce: string,
  caveats: readonly string[],
  format: CapFormat = 'v1',
): string {
  const bytes = signingKey(root, format).export();
  try {
    return addCaveats(macaroons().MacaroonsBuilder.create(LOCATION, bytes, `${format}:${keyId}:${nonce}`), caveats);
  } finally {
    bytes.fill(0);
  }
}

/** Adds caveats: needs no key, can only narrow. @throws Error when the token cannot be read or grows too large. */
export function attenuateToken(token: string, caveats: readonly string[]): string {
  const read = parseToken(token);
  if (read === null) throw new Error('token: not a capability of this service');
  return addCaveats(macaroons().MacaroonsBuilder.deserialize(token), caveats);
}

function addCaveats(macaroon: ReturnType<typeof macaroonsJs.MacaroonsBuilder.create>, caveats: readonly string[]) {
  const builder = macaroons().MacaroonsBuilder.modify(macaroon);
  for (const caveat of caveats) {
    if (!CAVEAT.test(caveat)) throw new Error('caveat: 1..256 printable ASCII characters');
    builder.add_first_party_caveat(caveat);
  }
  const token = builder.getMacaroon().serialize();
  if (token.length > TOKEN_CHARS_MAX || builder.getMacaroon().caveatPackets.length > CAVEATS_MAX) {
    throw new Error(`token: at most ${CAVEATS_MAX} caveats and ${TOKEN_CHARS_MAX} characters`);
  }
  return token;
}

/** What a token says. */
export interface Parsed {
  readonly format: CapFormat;
  readonly keyId: string;
  readonly nonce: string;
  readonly caveats: readonly string[];
  readonly identifier: string;
  readonly signature: Buffer;
}

/** A packet: its own length as four hex digits, a word, a space, a value, a line feed. */
const packet = (body: string): string => `${(body.length + 5).toString(16).padStart(4, '0')}${body}\n`;
const HEAD = packet(`location ${LOCATION}`);
const SIGNATURE_BYTES = 32;
const SIGNATURE_PACKET = packet(`signature ${'x'.repeat(SIGNATURE_BYTES)}`);
const SIGNATURE = SIGNATURE_PACKET.slice(0, SIGNATURE_PACKET.indexOf('x'));

/** The value of the packet `key` that begins at `at` and ends before `end`, or null. */
function valueAt(text: string, at: number, end: number, key: string): string | null {
  const digits = text.slice(at, at + 4);
  const stop = at + Number.parseInt(digits, 16);
  if (!/^[0-9a-f]{4}$/.test(digits) || stop > end || !text.startsWith(key, at + 4)) return null;
  const value = text.slice(at + 4 + key.length, stop - 1);
  return text.charCodeAt(stop - 1) === 0x0a ? value : null;
}

/**
 * Reads a token without believing it: one location, one identifier, first-party caveats, one signature, in this order and
 * with nothing around them. The library reads far more than that (trailing bytes, reordered and repeated packets,
 * prefixes), so it is not asked; what it writes is what this reads, byte for byte.
 */
export function parseToken(token: string): Parsed | null {
  if (token.length > TOKEN_CHARS_MAX || !TOKEN.test(token)) return null;
  const bytes = Buffer.from(token, 'base64url');
  // Unused bits of the last character would give one capability several spellings.
  if (bytes.toString('base64url') !== token) return null;
  const text = bytes.toString('latin1');
  const end = text.length - SIGNATURE_PACKET.length;
  if (!text.startsWith(HEAD) || end < HEAD.length || !text.startsWith(SIGNATURE, end) || !text.endsWith('\n'))
    return null;
  const identifier = valueAt(text, HEAD.length, end, 'identifier ');
  const identity = identifier === null ? null : IDENTIFIER.exec(identifier);
  if (identifier === null || identity === null) return null;
  const caveats: string[] = [];
  for (let at = HEAD.length + packet(`identifier ${identifier}`).length; at < end; ) {
    const caveat = valueAt(text, at, end, 'cid ');
    if (caveat === null || !CAVEAT.test(caveat) || caveats.length === CAVEATS_MAX) return null;
    caveats.push(caveat);
    at += caveat.length + 9;
  }
  const [, format, keyId, nonce] = identity as unknown as [string, CapFormat, string, string];
  const signatureAt = end + SIGNATURE.length;
  const signature = bytes.subarray(signatureAt, signatureAt + SIGNATURE_BYTES);
  return { format, keyId, nonce, caveats, identifier, signature };
}

/** Verifies what was read: our own HMAC chain over every caveat, compared in constant time. */
export function isSigned(parsed: Parsed, root: KeyObject): boolean {
  // The root key stays in its key object; what follows is known to whoever holds the token without its last caveats.
  const key = signingKey(root, parsed.format);
  let signature: Uint8Array = createHmac('sha256', key).update(parsed.identifier).digest();
  for (const caveat of parsed.caveats) signature = hmacSha256(signature, caveat);
  return timingSafeEqual(signature, parsed.signature);
}
