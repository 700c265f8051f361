import { createSecretKey, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Stream } from '../../sim/random.ts';
import { Keyring } from '../../src/auth/keyring.ts';
import { mint } from '../../src/auth/mint.ts';
import { systemRandom } from '../../src/platform/system.ts';

const DRAWS = 20_000;
const SIGNED = 2_000;
const drawn = (draw: () => string, length = DRAWS): string[] => Array.from({ length }, draw);
const CAVEATS = ['topic = a', 'op = send', 'quota_ops = 1/1', 'expires = 2000000000'];

describe('ids that people paste', () => {
  const keyring = new Keyring([{ id: 'k1', createdMs: 0, key: createSecretKey(randomBytes(32)) }]);
  const IDS: [string, () => string, number?][] = [
    ['receipts', () => systemRandom.token(16)],
    [
      'receipts of the simulator',
      (
        (stream) => () =>
          stream.token(16)
      )(new Stream(1, 'ids')),
    ],
    ['nonces', () => mint(keyring, CAVEATS).nonce, SIGNED],
    ['capabilities', () => mint(keyring, CAVEATS).token, SIGNED],
  ];
  for (const [what, draw, count] of IDS) {
    it(`${what}: begin with a letter or a digit, so that none is an option, and are all different`, () => {
      const all = drawn(draw, count);
      expect(all.filter((id) => !/^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(id))).toEqual([]);
      expect(new Set(all).size).toBe(all.length);
    });
  }

  it('receipts: 22 characters, each of all that may stand there, so at least 128 bits (LE2)', () => {
    const all = drawn(() => systemRandom.token(16));
    expect(new Set(all.map(({ length }) => length))).toEqual(new Set([22]));
    // 20,000 draws miss one of 64 characters in a place with a chance of 10^-135.
    const alphabets = Array.from({ length: 22 }, (_, i) => new Set(all.map((id) => id[i])).size);
    expect(alphabets).toEqual([62, ...new Array(21).fill(64)]);
    expect(alphabets.reduce((bits, count) => bits + Math.log2(count), 0)).toBeGreaterThanOrEqual(128);
  });

  it('tokens of any length have as much chance in them as so many bytes', () => {
    for (let bytes = 1; bytes <= 1024; bytes++) {
      const { length } = systemRandom.token(bytes);
      expect(Math.log2(62) + (length - 1) * 6, `${bytes}`).toBeGreaterThanOrEqual(8 * bytes);
      expect(length * 6, `${bytes}`).toBeLessThanOrEqual(8 * bytes + 6);
    }
  });
});
