import { describe, expect, it } from 'vitest';
import { putU16, putU32, putU48, u16At, u32At, u48At } from '../../src/wire/numbers.ts';
import fc from '../support/properties.ts';

describe('numbers on the wire', () => {
  const sizes = [
    [2, putU16, u16At],
    [4, putU32, u32At],
    [6, putU48, u48At],
  ] as const;
  it.each(sizes)(
    '%i bytes: big-endian, as Buffer writes and reads them, and nothing beside them (T5)',
    (size, put, at) => {
      const whole = fc.oneof(
        fc.constantFrom(0, 1, 2 ** (8 * size - 1), 2 ** (8 * size) - 1),
        fc.nat(2 ** (8 * size) - 1),
      );
      fc.assert(
        fc.property(whole, fc.nat(9), fc.nat(255), (value, from, rest) => {
          const [ours, theirs] = [Buffer.alloc(20, rest), Buffer.alloc(20, rest)];
          put(ours, from, value);
          theirs.writeUIntBE(value, from, size);
          expect(ours).toEqual(theirs);
          expect(at(ours, from)).toBe(value);
        }),
      );
    },
  );
});
