import { describe, expect, it } from 'vitest';
import { BytesError, Reader, Writer } from '../../src/journal/bytes.ts';
import { beginFrame, type Found, findHeader, NO_HASH, readFrame, sealFrame } from '../../src/journal/frame.ts';
import { readRecord } from '../../src/journal/record.ts';
import { corpus } from '../support/corpus.ts';
import { fuzz, takes } from '../support/fuzz.ts';
import { SALT, sha256 } from '../support/journal.ts';
import { mutants } from '../support/mutate.ts';
import fc from '../support/properties.ts';

const KEPT = corpus('journal');
const SECRET = { salt: SALT, hash: sha256 };
const SEEDS = KEPT.map(({ bytes }) => bytes);
const read = (file: Buffer): Found => readFrame((at, bytes) => file.subarray(at, at + bytes), 0, SECRET);
const bodyOf = (found: Found): Buffer => (found.kind === 'frame' ? found.frame.body : Buffer.alloc(0));
const WRITTEN = new Set(SEEDS.map((file) => bodyOf(read(file)).toString('hex')));

/** Never throws; a frame that is taken is one that was written, whole. */
function check(file: Buffer): void {
  const found = read(file);
  if (found.kind === 'frame') expect(WRITTEN.has(found.frame.body.toString('hex'))).toBe(true);
  findHeader(file, 0, 0, SECRET);
}

/** The records of a body to its end, or up to what is none. */
function checkRecords(body: Buffer): void {
  const r = new Reader(body);
  takes(BytesError, () => {
    while (r.at < body.length) readRecord(r);
  });
}

/** Whoever can write a valid frame can still say anything in it. */
function sealed(body: Buffer): Buffer {
  const w = new Writer();
  beginFrame(w);
  w.raw(body);
  sealFrame(w, 0, { sequence: 1, term: 1, previous: NO_HASH }, SECRET);
  return Buffer.from(w.buffer.subarray(0, w.length));
}

describe('fuzz: journal', () => {
  it.each(KEPT.map((kept) => [kept.name, kept] as const))('kept: %s (V2)', (_name, { bytes, isGood }) => {
    check(bytes);
    expect(read(bytes).kind === 'frame').toBe(isGood);
  });

  it('frames with bytes changed: what was written or nothing (V2)', () => {
    fuzz(mutants(SEEDS), check);
  });

  it('records with bytes changed, in frames that are whole: read, or refused as bytes (V2)', () => {
    const bodies = SEEDS.map((file) => bodyOf(read(file))).filter((body) => body.length < 100_000);
    fuzz(mutants(bodies), (body) => checkRecords(bodyOf(read(sealed(body)))));
  });

  it('records of any bytes: read, or refused as bytes (V2)', () => {
    const kind = fc.constantFrom(1, 2, 3, 4, 8, 10, 32, 33, 34, 35, 64, 65, 66, 68, 96, 97);
    const record = fc
      .tuple(kind, fc.uint8Array({ maxLength: 80 }))
      .map(([first, rest]) => Buffer.from([first, ...rest]));
    fuzz(record, checkRecords);
  });
});
