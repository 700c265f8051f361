import { BytesError, Reader, Writer } from '../journal/bytes.ts';
import { beginFrame, NO_HASH, readFrame, type Secret, sealFrame } from '../journal/frame.ts';
import { readRecord, writeRecord } from '../journal/record.ts';
import type { Entry, Head } from '../journal/record-items.ts';
import { SnapshotCheck } from '../journal/snapshot-check.ts';
import type { EnginePromise, StoredSnapshot } from '../ports/engine.ts';
import { readOrigin, writeOrigin } from './batch-framing.ts';

/** A piece is full with so many bytes, and one message more. */
const PIECE_BYTES = 256 << 10;

/** What a snapshot of one log says. */
export interface SnapshotContent {
  readonly head: Head;
  /** The last that is in the log up to there. */
  readonly promise: EnginePromise | null;
  readonly entries: Iterable<Entry>;
}

/** A chain of frames of its own, a frame a piece: the last, with the end in it, holds the hash of all before. */
export function* snapshotPieces(content: SnapshotContent, owner: string, secret: Secret): Generator<Uint8Array> {
  const { head, promise } = content;
  const w = new Writer(2 * PIECE_BYTES);
  let [sequence, previous, records] = [0, NO_HASH, 1];
  const sealed = (): Uint8Array => {
    previous = sealFrame(w, 0, { sequence: ++sequence, term: head.term, previous }, secret);
    const piece = new Uint8Array(w.buffer.subarray(0, w.length));
    beginFrame(w);
    return piece;
  };
  beginFrame(w);
  writeOrigin(w, owner, promise);
  writeRecord(w, null, head);
  for (const { shard, item } of content.entries) {
    writeRecord(w, shard, item);
    records++;
    if (w.length >= PIECE_BYTES) yield sealed();
  }
  writeRecord(w, null, { name: 'end', records });
  yield sealed();
}

/** Reads the pieces of a snapshot in their order, and holds them against each other: what does not fit throws. */
export class SnapshotReading {
  promise: EnginePromise | null = null;
  private readonly secret: Secret;
  private readonly check: SnapshotCheck;
  private readonly take: (entry: Entry) => void;
  private pieces = 0;
  private previous = NO_HASH;

  /** `only`: the shard that it is of, null for what is of none. */
  constructor(snapshot: StoredSnapshot, only: number | null, secret: Secret, take: (entry: Entry) => void) {
    this.secret = secret;
    this.check = new SnapshotCheck(snapshot.sequence, snapshot.bytes, only);
    this.take = take;
  }

  /** @throws BytesError */
  piece(bytes: Uint8Array): void {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const found = readFrame((at, length) => buffer.subarray(at, at + length), 0, this.secret);
    if (found.kind !== 'frame') throw new BytesError(found.kind === 'bad' ? found.why : 'no frame');
    const { sequence, previous, body, hash } = found.frame;
    if (sequence !== this.pieces + 1 || Buffer.compare(previous, this.previous) !== 0)
      throw new BytesError(`piece ${sequence} out of place`);
    const r = new Reader(body);
    if (this.pieces === 0) this.promise = readOrigin(r);
    while (r.at < r.end) {
      const entry = readRecord(r);
      this.check.take(entry);
      this.take(entry);
    }
    this.pieces++;
    this.previous = hash;
  }

  /** All pieces have come. @throws BytesError */
  done(): Head {
    return this.check.done();
  }
}
