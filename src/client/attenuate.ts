import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { binaryOf, bytesOfBase64, utf8 } from './bytes.ts';

/** `docs/protocol.md`: Capabilities. */
const CAVEATS_MAX = 32;
const TOKEN_CHARS_MAX = 4096;
const CAVEAT = /^[ -~]{1,256}$/;
const NONE = 'capability: this is none of a mailbox';
const TOKEN = /^[A-Za-z0-9_-]{1,4096}$/;

/** A packet: its own length as four hex digits, a word, a space, a value, a line feed. */
const packet = (body: string): string => `${(body.length + 5).toString(16).padStart(4, '0')}${body}\n`;
const SIGNATURE_BYTES = 32;
const SIGNATURE_HEAD = packet(`signature ${'x'.repeat(SIGNATURE_BYTES)}`).slice(0, -SIGNATURE_BYTES - 1);

/**
 * A narrower capability: what this one allows and every caveat of `lines` too (`op = recv`, `topic = orders.new`, `expires = 1700000000`,
 * as in docs/protocol.md). Needs no key and asks nobody, so anybody can narrow what they hold before they hand it on; the server learns
 * of it when it is used, and whoever revokes the one revokes all that came of it.
 *
 * @param lines 1..256 printable ASCII characters each; with those that are there 32 at most, in 4,096 characters.
 * @throws Error naming what is wrong. Whether a caveat means anything only the server says: it refuses a capability with one that it does not know.
 */
export function attenuate(capability: string, lines: readonly string[]): string {
  // A group of base64 has no single character.
  const isText = TOKEN.test(capability) && capability.length % 4 !== 1;
  const text = isText ? binaryOf(bytesOfBase64(capability)) : '';
  const end = text.length - SIGNATURE_HEAD.length - SIGNATURE_BYTES - 1;
  if (end < 0 || !text.startsWith(SIGNATURE_HEAD, end) || !text.endsWith('\n')) throw new Error(NONE);
  const head = text.slice(0, end);
  let signature = Uint8Array.from(text.slice(-SIGNATURE_BYTES - 1, -1), (byte) => byte.charCodeAt(0));
  for (const line of lines) {
    if (!CAVEAT.test(line)) throw new Error('caveat: must be 1..256 printable ASCII characters');
    signature = hmac(sha256, signature, utf8(line));
  }
  const whole = head + lines.map((line) => packet(`cid ${line}`)).join('');
  const caveats = caveatsIn(whole);
  const token = btoa(`${whole}${SIGNATURE_HEAD}${binaryOf(signature)}\n`)
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
  if (token.length > TOKEN_CHARS_MAX) throw new Error(`capability: at most ${TOKEN_CHARS_MAX} characters`);
  if (caveats > CAVEATS_MAX) throw new Error(`capability: at most ${CAVEATS_MAX} caveats`);
  return token;
}

/** How many there are: packets behind a location and an identifier, by their own lengths. @throws Error where it is anything else */
function caveatsIn(packets: string): number {
  let count = 0;
  for (let at = 0; at < packets.length; count++) {
    const bytes = /^[0-9a-f]{4}/.test(packets.slice(at)) ? Number.parseInt(packets.slice(at, at + 4), 16) : 0;
    if (!packets.startsWith(WORDS[count] ?? 'cid ', at + 4) || packets[at + bytes - 1] !== '\n') throw new Error(NONE);
    at += bytes;
  }
  if (count < WORDS.length) throw new Error(NONE);
  return count - WORDS.length;
}
const WORDS = ['location ', 'identifier '];
