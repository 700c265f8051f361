import { describe, expect, it } from 'vitest';
import { echoed, payloadShown, visible, visibleBlock } from '../../src/platform/visible.ts';
import fc from '../support/properties.ts';

/** Made apart from the code, by what terminals are known to act on. */
const isHostile = (unit: number): boolean =>
  unit < 0x20 ||
  (unit >= 0x7f && unit <= 0x9f) ||
  [0x061c, 0x180e, 0x200b, 0x200e, 0x200f, 0x2028, 0x2029, 0xfeff].includes(unit) ||
  (unit >= 0x202a && unit <= 0x202e) ||
  (unit >= 0x2060 && unit <= 0x206f);

const text = fc.string({ unit: 'binary', maxLength: 200, size: 'max' });
const hostile = fc
  .array(
    fc.oneof(
      fc.integer({ min: 0, max: 0x9f }),
      fc.integer({ min: 0x2000, max: 0x2070 }),
      fc.integer({ min: 0xd800, max: 0xdfff }),
    ),
    {
      maxLength: 200,
      size: 'max',
    },
  )
  .map((units) => String.fromCharCode(...units));

describe('visible', () => {
  it('nothing that a terminal acts on is left, in any text', () => {
    fc.assert(
      fc.property(fc.oneof(text, hostile), (it) => {
        const shown = visible(it);
        for (let i = 0; i < shown.length; i++) if (isHostile(shown.charCodeAt(i))) return false;
        return (
          shown.isWellFormed() &&
          [...visibleBlock(it)].every((c) => c === '\n' || c === '\t' || !isHostile(c.charCodeAt(0)))
        );
      }),
      { numRuns: 1_000 },
    );
  });

  it('text that shows all of itself stays as it is', () => {
    const plain = 'Grüße, 世界: {"a": "\\n"} C:\\temp 👩‍👩‍👧 é עברית';
    expect(visible(plain)).toBe(plain);
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme-ascii', maxLength: 200, size: 'max' }), (it) => visible(it) === it),
    );
  });

  it('JSON stays the same JSON', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.oneof(text, hostile), fc.oneof(text, hostile), { size: 'max', maxKeys: 20 }),
        (value) => {
          const json = JSON.stringify(value);
          expect(JSON.parse(visible(json))).toEqual(JSON.parse(json));
          expect(JSON.parse(visibleBlock(JSON.stringify(value, null, 2)))).toEqual(JSON.parse(json));
        },
      ),
      { numRuns: 200 },
    );
  });

  it('each kind, as it is shown', () => {
    const cases: [string, string][] = [
      ['\x1b[31mred', '\\u001b[31mred'],
      ['\x07\x08\x7f', '\\u0007\\u0008\\u007f'],
      ['\x9b2J', '\\u009b2J'],
      ['a\nb\rc\td', 'a\\nb\\rc\\td'],
      ['abc\u202egnp.exe', 'abc\\u202egnp.exe'],
      ['\ud800', '\\ud800'],
      ['\u{e0041}', '\\udb40\\udc41'],
      ['\u2028', '\\u2028'],
    ];
    for (const [from, to] of cases) expect(visible(from)).toBe(to);
    expect(visibleBlock('a\n\tb\r')).toBe('a\n\tb\\r');
    expect(echoed('x\x1b')).toBe('"x\\u001b"');
    expect(echoed('y'.repeat(1000))).toBe(`"${'y'.repeat(80)}".. (1000 characters)`);
  });

  it('payloads: text where it is UTF-8, else base64, and nothing of them lost', () => {
    expect(payloadShown(Buffer.from('a\n\x1b[2J'))).toEqual({ as: 'text', text: 'a\n  \\u001b[2J' });
    expect(payloadShown(Buffer.from([0xff, 0xfe, 0x00]))).toEqual({ as: 'base64', text: '//4A' });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300, size: 'max' }), (bytes) => {
        const { as, text: shown } = payloadShown(bytes);
        if (as === 'base64') return Buffer.from(shown, 'base64').equals(bytes);
        return [...shown].every((c) => c === '\n' || c === '\t' || !isHostile(c.charCodeAt(0)));
      }),
    );
  });
});
