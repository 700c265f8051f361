import { describe, expect, it } from 'vitest';
import { rowsOf } from '../../spec/table.ts';
import { OPS } from '../../spec/vocabulary.ts';
import { scopeOf } from '../../src/auth/caveats.ts';
import { freshKey, Keyring } from '../../src/auth/keyring.ts';
import { attenuateToken, mintToken } from '../../src/auth/macaroon.ts';
import { mint } from '../../src/auth/mint.ts';
import { covers, decode, tokensIn } from '../../ui/console/capability.ts';
import { jsonOf, modeOf, shownAs } from '../../ui/console/payload.ts';
import { cut, piecesOf, spanOf } from '../../ui/console/text.ts';
import { ARROWS, PLACE } from '../../ui/lifecycle/lifecycle.ts';
import fc from '../support/properties.ts';

const keyring = new Keyring([freshKey('k1', Date.now())]);

const topic = fc.stringMatching(/^[a-z0-9][a-z0-9.:-]{0,8}$/);
const number = fc.integer({ min: 1, max: 4_000_000_000 });
const caveat = fc.oneof(
  topic.map((name) => `topic = ${name}`),
  topic.map((name) => `topic prefix ${name}`),
  fc
    .subarray(
      [...OPS].filter((op) => op !== 'admin' && op !== 'view'),
      { minLength: 1 },
    )
    .map((ops) => `op = ${ops}`),
  fc.constantFrom('op = admin', 'op = view', 'op = view,stats', 'role = producer', 'role = consumer', 'role = viewer'),
  number.map((s) => `expires = ${s}`),
  number.map((s) => `not_before = ${s}`),
  fc.constantFrom('quota_ops = 5/1', 'quota_bytes = 100/60'),
);

describe('console: capabilities', () => {
  it('property: what the page reads is what the server reads (U2, AU1)', () => {
    const mandatory = ['topic prefix t', 'op = send,recv,ack,stats', 'expires = 4000000000', 'quota_ops = 9/1'];
    const lists = fc.oneof(
      fc.array(caveat, { maxLength: 6 }).map((more) => [...mandatory, ...more]),
      fc.array(caveat, { minLength: 1, maxLength: 8 }),
    );
    let taken = 0;
    fc.assert(
      fc.property(lists, (lines) => {
        const scope = scopeOf(lines);
        if (typeof scope === 'string') return;
        taken++;
        const { token, nonce } = { token: mintToken(keyOf(), 'k1', 'A'.repeat(26), lines), nonce: 'A'.repeat(26) };
        const read = decode(token);
        expect(read).toMatchObject({ keyId: 'k1', nonce, format: 'v1', caveats: lines });
        expect([read?.topics, read?.prefixes]).toEqual([scope.topics, scope.prefixes]);
        expect(new Set(read?.ops)).toEqual(scope.ops);
        expect([read?.expiresS, read?.notBeforeS]).toEqual([scope.expiresS, scope.notBeforeS]);
      }),
      { numRuns: 300 },
    );
    expect(taken).toBeGreaterThan(50);
  });

  it('property: never throws, and takes nothing that is no capability', () => {
    const { token } = mint(keyring, ['topic = a', 'op = send', 'expires = 4000000000', 'quota_ops = 9/1']);
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.base64String(),
          fc.nat(token.length).map((n) => token.slice(0, n)),
        ),
        (text) => {
          if (text !== token) expect(decode(text)).toBeNull();
        },
      ),
    );
    expect(decode(token)).not.toBeNull();
  });

  it('what nobody knows allows nothing; a topic is covered by all that is said of topics', () => {
    const { token } = mint(keyring, ['topic prefix a.', 'op = send', 'expires = 4000000000', 'quota_ops = 9/1']);
    const own = decode(attenuateToken(token, ['weather = fair']))!;
    expect(own.ops).toEqual([]);
    const narrowed = decode(attenuateToken(token, ['topic = a.b']))!;
    expect([covers(narrowed, 'a.b'), covers(narrowed, 'a.c'), covers(decode(token)!, 'b')]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('found in what a shell is given, as often as it is there', () => {
    const { token } = mint(keyring, ['topic = a', 'op = send', 'expires = 4000000000', 'quota_ops = 9/1']);
    const pasted = `export MAILBOX_URL=http://127.0.0.1:9410 MAILBOX_CAP=${token}\n"${token}"`;
    expect(tokensIn(pasted, 9)).toEqual([token]);
    expect(tokensIn('nothing here', 9)).toEqual([]);
  });
});

const keyOf = () => keyring.newest.key;

describe('console: texts', () => {
  it('property: nothing unseen is left, and nothing is lost (I2)', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const pieces = piecesOf(text);
        for (const { text: piece } of pieces)
          expect(piece).not.toMatch(/[\p{Cc}\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/u);
        const back = pieces.map(({ text: piece, isEscape }) =>
          isEscape ? String.fromCodePoint(Number.parseInt(piece.slice(3, -1), 16)) : piece,
        );
        expect(back.join('')).toBe(text);
      }),
    );
    expect(piecesOf('a\u202eb\n', true).map(({ text }) => text)).toEqual(['a', '\\u{202e}', 'b\n']);
  });

  it('spans and cuts', () => {
    expect([0, 999, 1000, 61_000, 3_600_000 * 3 + 60_000 * 12, 86_400_000 * 40].map(spanOf)).toEqual([
      '0 ms',
      '999 ms',
      '1 s',
      '1 min 1 s',
      '3 h 12 min',
      '40 d',
    ]);
    expect([cut('abc', 3), cut('abcd', 3), cut('a😀b', 3)]).toEqual(['abc', 'ab…', 'a…']);
  });
});

describe('console: payloads', () => {
  const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

  it('property: JSON that is laid out is the same JSON, number by number', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const laidOut = jsonOf(text) as string;
        expect(JSON.parse(laidOut)).toEqual(JSON.parse(text));
        expect(laidOut.replace(/\s/g, '')).toBe(text.replace(/\s/g, ''));
      }),
    );
    expect(jsonOf('{"n":12345678901234567890}')).toBe('{\n  "n": 12345678901234567890\n}');
    expect(jsonOf('{"a":')).toBeNull();
  });

  it('property: no more of it is laid out than is shown, however much longer than it came it would be (I2)', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(200), (text, most) => {
        expect(jsonOf(text, most)).toBe((jsonOf(text) as string).slice(0, most));
      }),
    );
    const nested = '['.repeat(100_000) + ']'.repeat(100_000);
    expect(jsonOf(nested, 1000)).toHaveLength(1000);
  });

  it('property: whatever the bytes are they have a mode, and are shown in a bounded text', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        const mode = modeOf(bytes);
        const shown = shownAs(mode, bytes, 64);
        expect(shown === null ? Number.POSITIVE_INFINITY : shown.length).toBeLessThan(64 * 6);
      }),
    );
    expect([bytesOf('{"a":1}'), bytesOf('hello'), new Uint8Array([0xff, 0]), bytesOf('a\u0000b')].map(modeOf)).toEqual([
      'json',
      'text',
      'hex',
      'hex',
    ]);
    expect(shownAs('hex', bytesOf('Hi'), 9)).toMatch(/^000000 {2}48 69 +Hi$/);
  });
});

describe('console: lifecycle', () => {
  it('the arrows of the picture are the machine of the specification', () => {
    const drawn = ARROWS.flatMap(({ from, to, events }) => events.map((event) => `${from} ${event} ${to}`));
    const made = new Set(rowsOf().map(({ from, event, target }) => `${from} ${event} ${target}`));
    expect(drawn.sort()).toEqual([...made].sort());
    const states = new Set([...made].flatMap((row) => [row.split(' ')[0], row.split(' ')[2]]));
    states.delete('absent');
    expect(Object.keys(PLACE).sort()).toEqual([...states].sort());
  });
});
