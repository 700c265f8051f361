import fc from './properties.ts';

/** Bytes that parsers trip over. */
const TRICKY = [
  0, 1, 9, 10, 13, 0x20, 0x22, 0x2c, 0x2d, 0x30, 0x3a, 0x5b, 0x5c, 0x5d, 0x7b, 0x7d, 0x7f, 0x80, 0xc0, 0xff,
];
/** Lengths that are lies. */
const LENGTHS = [0, 1, 37, 38, 39, 255, 256, 0x7fff, 0xffff, 0x10000, 0x100000, 0x100001, 0x7fff_ffff, 0xffff_ffff];

interface Edit {
  readonly kind: 'flip' | 'set' | 'insert' | 'drop' | 'double' | 'cut' | 'length' | 'splice';
  /** Where, as a share of all bytes. */
  readonly at: number;
  readonly by: number;
  readonly bytes: Uint8Array;
}

const edit: fc.Arbitrary<Edit> = fc.record({
  kind: fc.constantFrom('flip', 'set', 'insert', 'drop', 'double', 'cut', 'length', 'splice'),
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  by: fc.nat(0xffff),
  bytes: fc.uint8Array({ maxLength: 12 }),
});

/** Any one of `seeds` with up to eight changes, none among them. */
export const mutants = (seeds: readonly Buffer[]): fc.Arbitrary<Buffer> =>
  fc
    .tuple(fc.nat(seeds.length - 1), fc.nat(seeds.length - 1), fc.array(edit, { maxLength: 8 }))
    .map(([one, other, edits]) =>
      edits.reduce((bytes, change) => apply(bytes, change, seeds[other] as Buffer), Buffer.from(seeds[one] as Buffer)),
    );

function apply(bytes: Buffer, { kind, at: share, by, bytes: more }: Edit, other: Buffer): Buffer<ArrayBuffer> {
  const at = Math.floor(share * bytes.length);
  const before = bytes.subarray(0, at);
  switch (kind) {
    case 'flip':
      return withByte(bytes, at, (byte) => byte ^ (1 << (by % 8)));
    case 'set':
      return withByte(bytes, at, () => TRICKY[by % TRICKY.length] as number);
    case 'insert':
      return Buffer.concat([before, more, bytes.subarray(at)]);
    case 'drop':
      return Buffer.concat([before, bytes.subarray(at + 1 + (by % 64))]);
    case 'double':
      return Buffer.concat([bytes.subarray(0, at + 1 + (by % 256)), bytes.subarray(at)]);
    case 'cut':
      return Buffer.from(before);
    case 'length':
      return withLength(bytes, at, by);
    case 'splice':
      return Buffer.concat([before, other.subarray(Math.floor(share * other.length))]);
  }
}

function withByte(bytes: Buffer, at: number, change: (byte: number) => number): Buffer<ArrayBuffer> {
  const changed = Buffer.from(bytes);
  if (at < changed.length) changed[at] = change(changed[at] as number);
  return changed;
}

/** A length where one of four bytes may stand. */
function withLength(bytes: Buffer, at: number, by: number): Buffer<ArrayBuffer> {
  const changed = Buffer.from(bytes);
  const start = at - (at % 4);
  if (start + 4 <= changed.length) changed.writeUInt32BE(LENGTHS[by % LENGTHS.length] as number, start);
  return changed;
}
