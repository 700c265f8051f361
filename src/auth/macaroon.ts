import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto';
import macaroons from 'macaroons.js';

/** `wire`: Capabilities. Bounds that keep the work on an unverified token small. */
export const TOKEN_CHARS_MAX = 4096;
export const CAVEATS_MAX = 32;
const LOCATION = 'svc-mailbox';
const TOKEN = /^[A-Za-z0-9_-]+$/;
const IDENTIFIER = /^v1:([A-Za-z0-9_-]{1,32}):([0-9A-HJKMNP-TV-Z]{26})$/;
const CAVEAT = /^[ -~]{1,256}$/;
/** The library's packet kind of a first-party caveat. */
const CID = 3;

/** An authentic capability: every caveat is covered by the signature. */
export interface Opened {
  readonly keyId: string;
  readonly nonce: string;
  readonly caveats: readonly string[];
}
export type OpenFailure = 'malformed' | 'unknown_key' | 'forged';

/** A macaroon v1 packet with these caveats, as unpadded base64url. `key` is 32 bytes. */
export function mintToken(key: KeyObject, keyId: string, nonce: string, caveats: readonly string[]): string {
  const bytes = key.export();
  try {
    return addCaveats(macaroons.MacaroonsBuilder.create(LOCATION, bytes, `v1:${keyId}:${nonce}`), caveats);
  } finally {
    bytes.fill(0);
  }
}

/** Adds caveats: needs no key, can only narrow. @throws Error when the token cannot be read or grows too large. */
export function attenuateToken(token: string, caveats: readonly string[]): string {
  const read = parseToken(token);
  if (read === null) throw new Error('token: not a capability of this service');
  return addCaveats(macaroons.MacaroonsBuilder.deserialize(token), caveats);
}

function addCaveats(macaroon: ReturnType<typeof macaroons.MacaroonsBuilder.create>, caveats: readonly string[]) {
  const builder = macaroons.MacaroonsBuilder.modify(macaroon);
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

interface Parsed extends Opened {
  readonly identifier: string;
  readonly signature: Buffer;
}

/**
 * Reads a token without believing it. The library accepts trailing bytes, reordered and duplicate packets and prefixes;
 * only a token that it would write back byte for byte is taken.
 */
export function parseToken(token: string): Parsed | null {
  if (token.length > TOKEN_CHARS_MAX || !TOKEN.test(token)) return null;
  try {
    const macaroon = macaroons.MacaroonsBuilder.deserialize(token);
    if (macaroon.serialize() !== token || macaroon.location !== LOCATION) return null;
    const identity = IDENTIFIER.exec(macaroon.identifier);
    const packets = macaroon.caveatPackets;
    const signature = macaroon.signatureBuffer;
    if (identity === null || packets.length > CAVEATS_MAX || signature.length !== 32) return null;
    const caveats: string[] = [];
    for (const packet of packets) {
      const text = packet.getValueAsText();
      if (packet.type !== CID || !CAVEAT.test(text)) return null;
      caveats.push(text);
    }
    const [, keyId, nonce] = identity as unknown as [string, string, string];
    return { keyId, nonce, caveats, identifier: macaroon.identifier, signature };
  } catch {
    return null;
  }
}

const hmac = (key: KeyObject | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** Verifies a token: our own HMAC chain over every caveat, compared in constant time. */
export function openToken(token: string, keyOf: (keyId: string) => KeyObject | undefined): Opened | OpenFailure {
  const parsed = parseToken(token);
  if (parsed === null) return 'malformed';
  const key = keyOf(parsed.keyId);
  if (key === undefined) return 'unknown_key';
  let signature = hmac(key, parsed.identifier);
  for (const caveat of parsed.caveats) signature = hmac(signature, caveat);
  return timingSafeEqual(signature, parsed.signature) ? parsed : 'forged';
}
