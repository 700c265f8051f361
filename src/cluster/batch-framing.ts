import { BytesError, Reader, Writer } from '../journal/bytes.ts';
import { beginFrame, readFrame, type Secret, sealFrame } from '../journal/frame.ts';
import { readRecord, writeBatch } from '../journal/record.ts';
import type { EnginePromise } from '../ports/engine.ts';
import type { Batch } from '../ports/journal.ts';
import type { Framing } from './shard-log.ts';

/** What one frame of an engine's log says. */
export interface BatchContent {
  readonly batches: readonly Batch[];
  /** What its owner was promised by the engine from here on, where that is another thing than before. */
  readonly promise: EnginePromise | null;
  /** Of a frame that was read: its term, and its records as they stand there. */
  readonly read: { readonly term: number; readonly records: Uint8Array } | null;
}
export const NOTHING: BatchContent = { batches: [], promise: null, read: null };

/** Of the name of a node and its process. */
const OWNER_BYTES_MAX = 255;
const SYSTEM_BYTES_MAX = 64;

/** What stands before the records of frames and snapshots: who wrote them, and what the engine promised. */
export function writeOrigin(w: Writer, owner: string, promise: EnginePromise | null): void {
  w.text(owner);
  w.text(promise?.system ?? '');
  if (promise === null) return;
  w.u32(promise.timeline);
  w.u8(promise.isReplicated ? 1 : 0);
}

/** @throws BytesError */
export function readOrigin(r: Reader): EnginePromise | null {
  if (r.text(OWNER_BYTES_MAX) === null) throw new BytesError('owner: no text');
  const system = r.text(SYSTEM_BYTES_MAX);
  if (system === null) throw new BytesError('system: no text');
  if (system === '') return null;
  const timeline = r.u32();
  const flag = r.u8();
  if (flag > 1) throw new BytesError(`is_replicated: ${flag}`);
  return { system, timeline, isReplicated: flag === 1 };
}

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
    seal(head, { batches, promise }) {
      beginFrame(w);
      writeOrigin(w, owner, promise);
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
    const promise = readOrigin(r);
    const records = body.subarray(r.at);
    const batches: Batch[] = [];
    while (r.at < r.end) {
      const { shard, item } = readRecord(r);
      batches.push({ shard, facts: [item] } as unknown as Batch);
    }
    return { batches, promise, read: { term, records } };
  } catch (error) {
    if (error instanceof BytesError) return null;
    throw error;
  }
}
