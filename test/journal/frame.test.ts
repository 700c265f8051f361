import { describe, expect, it } from 'vitest';
import { Writer } from '../../src/journal/bytes.ts';
import {
  beginFrame,
  type Found,
  findHeader,
  frameBytes,
  NO_HASH,
  readFrame,
  sealFrame,
} from '../../src/journal/frame.ts';
import { SALT, sha256 } from '../support/journal.ts';
import fc, { Reached } from '../support/properties.ts';

const SECRET = { salt: SALT, hash: sha256 };
const SECTOR = 512;

/** A frame as it stands in a file of zeros, `at` bytes from its beginning. */
function frameIn(body: Uint8Array, at: number, sequence = 7): { file: Buffer; bytes: number } {
  const w = new Writer();
  beginFrame(w);
  w.raw(body);
  sealFrame(w, at, { sequence, term: 3, previous: NO_HASH }, SECRET);
  const file = Buffer.alloc(at + w.length + 4096);
  file.set(w.buffer.subarray(0, w.length), at);
  return { file, bytes: w.length };
}

const read = (file: Buffer, at: number): Found =>
  readFrame((from, bytes) => file.subarray(from, from + bytes), at, SECRET);
const places = fc.nat(40).map((n) => 64 * n);
/** Bodies that are long stretches of zeros too: those must not pass for what was never written. */
const bodies = fc
  .array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 900 }), fc.integer({ min: 1, max: 255 })), {
    minLength: 1,
    maxLength: 5,
  })
  .map((runs) => Buffer.concat(runs.map(([zero, length, value]) => Buffer.alloc(length, zero ? 0 : value))));

describe('frame', () => {
  it('read back as it was written; a header never straddles a sector (journal rules 1, 2)', () => {
    const reached = new Reached('journal frame');
    fc.assert(
      fc.property(bodies, places, fc.integer({ min: 1, max: 2 ** 40 }), (body, at, sequence) => {
        reached.saw({ bytes: body.length, at });
        const { file, bytes } = frameIn(body, at, sequence);
        expect(bytes).toBe(frameBytes(body.length));
        expect(Math.floor(at / SECTOR)).toBe(Math.floor((at + 63) / SECTOR));
        const found = read(file, at);
        expect(found).toMatchObject({ kind: 'frame', frame: { sequence, term: 3, bytes } });
        expect(found.kind === 'frame' && found.frame.body.equals(body)).toBe(true);
        expect(read(file, at + bytes).kind).toBe('none');
      }),
    );
    reached.atLeast({ bytes: 2_000, at: 2_000 });
  });

  it('damage: every bit of every byte is noticed, and passes for no torn write (journal rule 3)', () => {
    for (const [body, at] of [
      [Buffer.from('some bytes of a body'), 448],
      [Buffer.alloc(1500), 64],
      [Buffer.concat([Buffer.alloc(700), Buffer.from([1]), Buffer.alloc(700)]), 512],
    ] as const) {
      const { file, bytes } = frameIn(body, at);
      for (let bit = 0; bit < 8 * bytes; bit++) {
        const place = at + (bit >> 3);
        file[place]! ^= 1 << (bit & 7);
        const found = read(file, at);
        const single = body.includes(1) && place === at + 64 + 700;
        // A sector of which the only bit that is set is lost does look unwritten; nothing can tell.
        if (!single) expect(found, `bit ${bit}`).toMatchObject({ kind: 'bad', torn: false });
        file[place]! ^= 1 << (bit & 7);
      }
      expect(read(file, at).kind).toBe('frame');
    }
  });

  it('a write cut off at any byte is seen as such', () => {
    fc.assert(
      fc.property(bodies, places, (body, at) => {
        const { file, bytes } = frameIn(body, at);
        for (let length = 0; length < bytes; length++) {
          const torn = Buffer.from(file);
          torn.fill(0, at + length);
          const found = read(torn, at);
          // What differs from the whole frame by zeros only is whole.
          if (torn.equals(file)) expect(found.kind).toBe('frame');
          else expect(found.kind === 'none' || (found.kind === 'bad' && found.torn), `cut at ${length}`).toBe(true);
        }
      }),
      { numRuns: 15 },
    );
  });

  it('sectors that a crash left out, whichever: seen as torn', () => {
    fc.assert(
      fc.property(bodies, places, fc.infiniteStream(fc.boolean()), (body, at, keeps) => {
        const { file, bytes } = frameIn(body, at);
        const torn = Buffer.from(file);
        for (let from = at; from < at + bytes; ) {
          const to = Math.min(at + bytes, from + SECTOR - (from % SECTOR));
          if (!keeps.next().value) torn.fill(0, from, to);
          from = to;
        }
        const found = read(torn, at);
        if (torn.equals(file)) expect(found.kind).toBe('frame');
        else expect(found.kind === 'none' || (found.kind === 'bad' && found.torn)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('a frame inside a payload is none: it has another salt', () => {
    const foreign = { salt: new Uint8Array(16), hash: sha256 };
    const w = new Writer();
    beginFrame(w);
    w.raw(Buffer.from('forged'));
    sealFrame(w, 0, { sequence: 99, term: 3, previous: NO_HASH }, foreign);
    const { file } = frameIn(w.buffer.subarray(0, w.length), 512);
    expect(findHeader(file, 576, 1, SECRET)).toBe(-1);
    expect(findHeader(file, 0, 1, SECRET)).toBe(512);
    expect(findHeader(file, 0, 8, SECRET)).toBe(-1);
    expect(findHeader(file, 0, 1, foreign)).toBe(576);
  });
});
