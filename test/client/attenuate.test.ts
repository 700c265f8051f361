import { describe, expect, it } from 'vitest';
import { freshKey } from '../../src/auth/keyring.ts';
import { attenuateToken, isSigned, mintToken, parseToken } from '../../src/auth/macaroon.ts';
import { attenuate } from '../../src/client/attenuate.ts';
import fc from '../support/properties.ts';

const key = freshKey('k1', 0);
const NONCE = '01ARZ3NDEKTSV4RRFFQ69G5FAV';
const minted = (lines: readonly string[]): string => mintToken(key.key, 'k1', NONCE, lines);
const line = fc.stringMatching(/^[ -~]{1,256}$/);

describe('attenuate: a narrower capability without a key, in any runtime (AU6)', () => {
  it('is byte for byte what the server writes, and verifies; refused where the server refuses', () => {
    const sizes = { made: 0, refused: 0, most: 0 };
    fc.assert(
      fc.property(
        fc.array(line, { maxLength: 20, size: 'max' }),
        fc.array(line, { maxLength: 20, size: 'max' }),
        (first, more) => {
          const token = outcome(() => minted(first));
          if (token === 'refused') return;
          const ours = outcome(() => attenuate(token, more));
          expect(ours).toBe(outcome(() => attenuateToken(token, more)));
          if (ours === 'refused') return void sizes.refused++;
          sizes.made++;
          sizes.most = Math.max(sizes.most, first.length + more.length);
          const parsed = parseToken(ours);
          expect(parsed?.caveats).toEqual([...first, ...more]);
          expect(isSigned(parsed!, key.key)).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
    console.log(JSON.stringify(sizes));
    expect(Math.min(sizes.made, sizes.refused, sizes.most)).toBeGreaterThan(10);
  });

  it('bounds: 32 caveats and 4,096 characters are made, one more is refused with the limit', () => {
    const full = attenuate(minted(Array(16).fill('op = recv')), Array(16).fill('op = recv'));
    expect(parseToken(full)?.caveats).toHaveLength(32);
    expect(() => attenuate(full, ['op = recv'])).toThrow('capability: at most 32 caveats');
    expect(() => attenuate(minted([]), Array(20).fill('x'.repeat(256)))).toThrow('capability: at most 4096 characters');
    for (const wrong of ['', 'é', 'a\nb', 'x'.repeat(257)])
      expect(() => attenuate(minted([]), [wrong])).toThrow('caveat: must be 1..256 printable ASCII characters');
  });

  it('what is no capability is refused, whatever is changed in one', () => {
    for (const wrong of [
      '',
      'x',
      'MDAx',
      `${minted([])}=`,
      `${minted([])}!`,
      minted([]).slice(8),
      minted([]).slice(0, -8),
    ]) {
      expect(() => attenuate(wrong, ['op = recv'])).toThrow('capability: this is none of a mailbox');
    }
  });
});

function outcome(make: () => string): string {
  try {
    return make();
  } catch {
    return 'refused';
  }
}
