/**
 * Texts as bytes, losslessly. What the service makes is mostly hex in one form: `uuid` (36 characters in 16 bytes), `hash` (67 in 32)
 * or `token` (32 in 16). Any other text is a byte a character after its length, or two where a character needs them.
 */
export type Form = 'uuid' | 'hash' | 'token';
/** How a text was packed: two bits. */
export const [SHORT, FORMED, WIDE] = [0, 1, 2] as const;

interface Shape {
  readonly chars: number;
  readonly bytes: number;
  readonly prefix: string;
  /** Characters before which a dash stands, of the digits alone. */
  readonly dashes: readonly number[];
}
const SHAPES: Readonly<Record<Form, Shape>> = {
  uuid: { chars: 36, bytes: 16, prefix: '', dashes: [8, 12, 16, 20] },
  hash: { chars: 67, bytes: 32, prefix: 'b3:', dashes: [] },
  token: { chars: 32, bytes: 16, prefix: '', dashes: [] },
};
const SHORT_MAX = 255;
const DASH = '-'.charCodeAt(0);
const DIGITS = '0123456789abcdef';
/** The value of a digit by its character, 16 and more for what is none. */
const VALUE_OF = new Uint8Array(256).fill(16);
for (let i = 0; i < 16; i++) VALUE_OF[DIGITS.charCodeAt(i)] = i;
const PAIRS = Array.from({ length: 256 }, (_, byte) => DIGITS[byte >> 4]! + DIGITS[byte & 15]!);

/** Writes and reads packed texts in bytes that are given to it; where there is not enough room it writes past the end, into nothing. */
export class Packing {
  bytes: Uint8Array = new Uint8Array(0);
  at = 0;

  /** Writes a text, and says how. */
  pack(text: string, form: Form): number {
    const from = this.at;
    if (this.packFormed(text, form)) return FORMED;
    this.at = from;
    if (this.packShort(text)) return SHORT;
    this.at = from;
    this.packWide(text);
    return WIDE;
  }

  private packFormed(text: string, form: Form): boolean {
    if (form === 'uuid') return text.length === 36 && this.packUuid(text);
    if (form === 'token') return text.length === 32 && this.packDigits(text, 0, 32);
    return text.length === 67 && text.startsWith('b3:') && this.packDigits(text, 3, 67);
  }

  private packUuid(text: string): boolean {
    for (let i = 8; i <= 23; i += 5) if (text.charCodeAt(i) !== DASH) return false;
    return (
      this.packDigits(text, 0, 8) &&
      this.packDigits(text, 9, 13) &&
      this.packDigits(text, 14, 18) &&
      this.packDigits(text, 19, 23) &&
      this.packDigits(text, 24, 36)
    );
  }

  private packDigits(text: string, from: number, to: number): boolean {
    const { bytes } = this;
    let { at } = this;
    let codes = 0;
    let values = 0;
    for (let i = from; i < to; i += 2) {
      const one = text.charCodeAt(i);
      const other = text.charCodeAt(i + 1);
      const high = VALUE_OF[one & 255]!;
      const low = VALUE_OF[other & 255]!;
      codes |= one | other;
      values |= high | low;
      bytes[at++] = (high << 4) | low;
    }
    this.at = at;
    return codes < 256 && values < 16;
  }

  private packShort(text: string): boolean {
    const { length } = text;
    if (length > SHORT_MAX) return false;
    const { bytes } = this;
    let { at } = this;
    bytes[at++] = length;
    let codes = 0;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      codes |= code;
      bytes[at++] = code;
    }
    this.at = at;
    return codes < 256;
  }

  private packWide(text: string): void {
    const { bytes } = this;
    const { length } = text;
    for (let shift = 0; shift < 32; shift += 8) bytes[this.at++] = length >>> shift;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      bytes[this.at++] = code & 255;
      bytes[this.at++] = code >> 8;
    }
  }

  /** Reads a text that was packed so. */
  unpack(how: number, form: Form): string {
    if (how === FORMED) return this.unpackFormed(form);
    let length = this.bytes[this.at++]!;
    let text = '';
    if (how === SHORT) {
      for (; length > 0; length--) text += String.fromCharCode(this.bytes[this.at++]!);
      return text;
    }
    for (let shift = 8; shift < 32; shift += 8) length |= this.bytes[this.at++]! << shift;
    for (; length > 0; length--) {
      text += String.fromCharCode(this.bytes[this.at]! | (this.bytes[this.at + 1]! << 8));
      this.at += 2;
    }
    return text;
  }

  private unpackFormed(form: Form): string {
    const { bytes, prefix, dashes } = SHAPES[form];
    let text = prefix;
    for (let i = 0; i < bytes; i++) {
      if (dashes.includes(2 * i)) text += '-';
      text += PAIRS[this.bytes[this.at++]!]!;
    }
    return text;
  }
}

/** Bytes that a packed text takes where it stands. */
export function packedLength(bytes: Uint8Array, at: number, how: number, form: Form): number {
  if (how === FORMED) return form === 'hash' ? 32 : 16;
  const length = bytes[at]!;
  if (how === SHORT) return 1 + length;
  return 4 + 2 * (length | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24));
}

/** Bytes that a text will take at most. */
export const packedMost = (text: string): number => 4 + 2 * text.length;

const scratch = new Packing();
scratch.bytes = new Uint8Array(256);
/** Bytes that a text will take. */
export function packedBytesOf(text: string, form: Form): number {
  if (packedMost(text) > scratch.bytes.length) scratch.bytes = new Uint8Array(2 * packedMost(text));
  scratch.at = 0;
  scratch.pack(text, form);
  return scratch.at;
}
