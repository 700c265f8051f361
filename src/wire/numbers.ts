/**
 * Big-endian numbers at places in bytes that are known to be there: whoever reads or writes them has looked at lengths. The methods of
 * `Buffer` look again at each of them, which takes more than twice as long; a unit has dozens.
 */
export const u16At = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] as number) << 8) | (bytes[at + 1] as number);

export const u32At = (bytes: Uint8Array, at: number): number => u16At(bytes, at) * 0x1_0000 + u16At(bytes, at + 2);

export const u48At = (bytes: Uint8Array, at: number): number => u16At(bytes, at) * 2 ** 32 + u32At(bytes, at + 2);

/** The lower 16 bits of a whole number, */
export function putU16(out: Uint8Array, at: number, value: number): void {
  out[at] = value >>> 8;
  out[at + 1] = value;
}

/** the lower 32, */
export function putU32(out: Uint8Array, at: number, value: number): void {
  out[at] = value >>> 24;
  out[at + 1] = value >>> 16;
  out[at + 2] = value >>> 8;
  out[at + 3] = value;
}

/** and the lower 48, of one from 0 up. */
export function putU48(out: Uint8Array, at: number, value: number): void {
  putU16(out, at, Math.floor(value / 2 ** 32));
  putU32(out, at + 2, value);
}
