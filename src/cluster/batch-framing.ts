import { BytesError, Reader, Writer } from '../journal/bytes.ts';
import { beginFrame, readFrame, type Secret, sealFrame } from '../journal/frame.ts';
import { readRecord, writeBatch } from '../journal/record.ts';
import type { Batch } from '../ports/journal.ts';
import type { Framing } from './shard-log.ts';

/** What one frame of an engine's log says. */
export interface BatchContent {
  readonly batches: readonly Batch[];
  /** Of a frame that was read: its term, and its records as they stand there. */
  readonly read: { readonly term: number; readonly records: Uint8Array } | null;
}
export const NOTHING: BatchContent = { batches: [], read: null };

/** Of the name of a node and its process. */
const OWNER_BYTES_MAX = 255;

/**
 * Frames as the embedded journal writes them, with the owner before the records: what two nodes announce at the same place must not be the
 * same bytes.
 */
export function batchFraming(owner: string, secret: Secret): Framing<BatchContent> {
  const bytes = new TextEncoder().encode(owner).length;
  if (bytes === 0 || bytes > OWNER_BYTES_MAX)
    throw new RangeError(`owner: a name of 1 to ${OWNER_BYTES_MAX} bytes, not of ${bytes}`);
  const w = new Writer();
  return {
    seal(head, { batches }) {
      beginFrame(w);
      w.text(owner);
      // Payloads are inline, whatever their size.
      for (const batch of batches) writeBatch(w, batch, () => false);
      const hash = sealFrame(w, 0, head, secret);
      return { hash, body: new Uint8Array(w.buffer.subarray(0, w.length)) };
    },
    open(body) {
      const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
      const found = readFrame((at, length) => bytes.subarray(at, at + length), 0, secret);
      if (found.kind !== 'frame') return null;
      const { sequence, term, previous, hash } = found.frame;
      const content = contentOf(found.frame.body, term);
      return content === null ? null : { sequence, term, previous, hash, content };
    },
  };
}

function contentOf(body: Uint8Array, term: number): BatchContent | null {
  try {
    const r = new Reader(body);
    if (r.text(OWNER_BYTES_MAX) === null) return null;
    const records = body.subarray(r.at);
    const batches: Batch[] = [];
    while (r.at < r.end) {
      const { shard, item } = readRecord(r);
      batches.push({ shard, facts: [item] } as unknown as Batch);
    }
    return { batches, read: { term, records } };
  } catch (error) {
    if (error instanceof BytesError) return null;
    throw error;
  }
}
