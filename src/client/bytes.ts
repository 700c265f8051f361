/** Bytes and texts, with nothing but what every JavaScript has: neither `Buffer` nor a module of Node. */
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

export const utf8 = (text: string): Uint8Array => encoder.encode(text);
export const textOf = (bytes: Uint8Array): string => decoder.decode(bytes);

export function hexOf(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += HEX[byte];
  return text;
}

/** The bytes of an even number of hex digits. */
export const bytesOfHex = (hex: string): Uint8Array =>
  Uint8Array.from({ length: hex.length / 2 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));

/** The bytes of base64 or base64url, padded or not. @throws Error when it is neither */
export function bytesOfBase64(text: string): Uint8Array {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** A text with one character for each byte, 0..255. */
export const binaryOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');

/** Orders texts by their bytes of UTF-8, which is the order of code points. */
export function byBytes(one: string, other: string): number {
  const a = utf8(one);
  const b = utf8(other);
  for (let i = 0; i < a.length && i < b.length; i++) {
    if (a[i] !== b[i]) return (a[i] as number) - (b[i] as number);
  }
  return a.length - b.length;
}

/** Texts and bytes one after the other, each behind its length as u32 big-endian; a bare number is a u32 by itself. */
export function prefixed(parts: readonly (string | Uint8Array | number)[]): Uint8Array {
  const pieces = parts.map((part) => (typeof part === 'string' ? utf8(part) : part));
  const length = pieces.reduce<number>((sum, piece) => sum + 4 + (typeof piece === 'number' ? 0 : piece.length), 0);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const piece of pieces) {
    view.setUint32(at, typeof piece === 'number' ? piece : piece.length);
    at += 4;
    if (typeof piece === 'number') continue;
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** As much of a text as a `reason` may be: well-formed, without control characters, at most so many bytes of UTF-8. */
export function plainText(text: string, bytesMax: number): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what may not be in it
  const clean = text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').toWellFormed();
  const { read } = encoder.encodeInto(clean, new Uint8Array(bytesMax));
  return clean.slice(0, read);
}
