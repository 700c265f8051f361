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
/** More than four digits can say. */
const NONE = 1 << 16;
/** The value of a digit by its character. */
const VALUE_OF = new Int32Array(256).fill(NONE);
for (let i = 0; i < 16; i++) VALUE_OF[DIGITS.charCodeAt(i)] = i;
const PAIRS = Array.from({ length: 256 }, (_, byte) => DIGITS[byte >> 4]! + DIGITS[byte & 15]!);

/** What four digits say, `NONE` or more where one of them is none. */
function four(text: string, at: number): number {
  const a = text.charCodeAt(at);
  const b = text.charCodeAt(at + 1);
  const c = text.charCodeAt(at + 2);
  const d = text.charCodeAt(at + 3);
  if ((a | b | c | d) > 255) return NONE;
  return (VALUE_OF[a]! << 12) | (VALUE_OF[b]! << 8) | (VALUE_OF[c]! << 4) | VALUE_OF[d]!;
}

/** Writes and reads packed texts in bytes that are given to it, which must have room for them. */
export class Packing {
  bytes: Uint8Array;
  view: DataView;
  at = 0;

  constructor(bytes = 0) {
    this.bytes = new Uint8Array(bytes);
    this.view = new DataView(this.bytes.buffer);
  }

  /** To other bytes, and their view. */
  turnTo(bytes: Uint8Array, view: DataView): void {
    this.bytes = bytes;
    this.view = view;
  }

  /** Writes a text, and says how. */
  pack(text: string, form: Form): number {
    if (this.packFormed(text, form)) return FORMED;
    const from = this.at;
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
    const { view, at } = this;
    const a = four(text, 0);
    const b = four(text, 4);
    const c = four(text, 9);
    const d = four(text, 14);
    const e = four(text, 19);
    const f = four(text, 24);
    const g = four(text, 28);
    const h = four(text, 32);
    if ((a | b | c | d | e | f | g | h) >= NONE) return false;
    view.setInt32(at, (a << 16) | b);
    view.setInt32(at + 4, (c << 16) | d);
    view.setInt32(at + 8, (e << 16) | f);
    view.setInt32(at + 12, (g << 16) | h);
    this.at = at + 16;
    return true;
  }

  /** Digits come eight to a word. */
  private packDigits(text: string, from: number, to: number): boolean {
    const { view } = this;
    let { at } = this;
    let all = 0;
    for (let i = from; i < to; i += 8, at += 4) {
      const high = four(text, i);
      const low = four(text, i + 4);
      all |= high | low;
      view.setInt32(at, (high << 16) | low);
    }
    if (all >= NONE) return false;
    this.at = at;
    return true;
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

let scratch = new Packing(256);
/** Bytes that a text will take. */
export function packedBytesOf(text: string, form: Form): number {
  if (packedMost(text) > scratch.bytes.length) scratch = new Packing(2 * packedMost(text));
  scratch.at = 0;
  scratch.pack(text, form);
  return scratch.at;
}
