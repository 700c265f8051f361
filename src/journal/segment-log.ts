import type { Fact, Sent } from '../core/facts.ts';
import type { Batch } from '../ports/journal.ts';
import type { LeftOut, Payload, PayloadStore } from '../ports/payload-store.ts';
import type { Storage } from '../ports/storage.ts';
import type { AppendLog } from './append-log.ts';
import { Writer } from './bytes.ts';
import { type FileWork, runLater, writeAll } from './file-work.ts';
import { beginFrame, frameBytes, HEADER_BYTES, type Secret, sealFrame } from './frame.ts';
import { lackAtStart } from './lack.ts';
import { FILE_HEADER_BYTES, segmentFile } from './layout.ts';
import type { PayloadUses } from './payload-uses.ts';
import { writeBatch } from './record.ts';
import { isEnd } from './record-items.ts';
import { capacityOf, sealSteps } from './segment-file.ts';
import type { SnapshotSpace } from './snapshot-space.ts';
import type { Space } from './space.ts';

/** Where the next frame goes, and what it continues. */
export interface LogPosition {
  segment: number;
  at: number;
  sequence: number;
  hash: Uint8Array;
}

/** An append of more than this is split between decisions: a frame holds so much and one decision more. */
export const FRAME_BYTES = 4 << 20;

/** Payloads that are too large for the log, and which messages need them. */
interface Payloads {
  readonly store: PayloadStore;
  readonly uses: PayloadUses;
}

interface Append {
  readonly batches: readonly Batch[];
  readonly frames: Writer[];
  readonly done: (error: Error | null) => void;
}

/**
 * The log (journal rules 1, 2, 4): frame after frame, each written and synced before the next. The first error is the
 * last thing it says: nothing is written any more, for nobody knows what a disk holds after one.
 */
export class SegmentLog implements AppendLog {
  private readonly storage: Storage;
  private readonly secret: Secret;
  private readonly term: number;
  private readonly space: Space;
  private readonly snapshotSpace: SnapshotSpace;
  private readonly payloads: Payloads;
  private readonly inlineBytesMax: number;
  private readonly frameBytes: number;
  private readonly sealsFrom: number;
  private readonly position: LogPosition;
  private readonly spareWriters: Writer[] = [];
  private poison: Error | null = null;
  private outstanding: Append | null = null;

  constructor(parts: {
    readonly storage: Storage;
    readonly secret: Secret;
    readonly term: number;
    readonly position: LogPosition;
    readonly space: Space;
    readonly snapshotSpace: SnapshotSpace;
    readonly payloads: Payloads;
    /** Payloads beyond this are kept apart. */
    readonly inlineBytesMax: number;
    /** A frame that holds so much takes no other decision. */
    readonly frameBytes: number;
    /** Segments before this one are of a format that has no seals. */
    readonly sealsFrom: number;
  }) {
    this.storage = parts.storage;
    this.secret = parts.secret;
    this.term = parts.term;
    this.position = parts.position;
    this.space = parts.space;
    this.snapshotSpace = parts.snapshotSpace;
    this.inlineBytesMax = parts.inlineBytesMax;
    this.frameBytes = parts.frameBytes;
    this.sealsFrom = parts.sealsFrom;
    this.payloads = parts.payloads;
  }

  /** Where the log ends, durably. */
  get end(): Readonly<LogPosition> {
    return this.position;
  }

  /** No append is under way. */
  get isIdle(): boolean {
    return this.outstanding === null;
  }

  append(batches: readonly Batch[], done: (error: Error | null) => void): void {
    if (this.poison !== null) return done(this.poison);
    if (this.outstanding !== null) throw new Error('journal: two appends at once');
    const append: Append = { batches, frames: [], done };
    this.outstanding = append;
    const outgoing = this.outgoing(batches);
    if (outgoing.length === 0) return this.encode(append, []);
    this.payloads.store.put(outgoing, (error, without) => {
      if (error !== null) return this.fail(error);
      this.tellOf(without);
      this.encode(append, without);
    });
  }

  /** What was wanting for a payload; that its store could not be reached says nothing of this disk. */
  private tellOf(without: readonly LeftOut[]): void {
    for (const { lack, bytes } of without) if (lack !== 'connection') return this.space.lost(lack, bytes.byteLength);
  }

  /** Large payloads that are not kept yet, in copies: the message may be erased before they are. */
  private outgoing(batches: readonly Batch[]): Payload[] {
    const found = new Map<string, Payload>();
    for (const { shard, facts } of batches) {
      if (shard === null) continue;
      for (const fact of facts) {
        if (fact.name !== 'sent' || fact.payload.byteLength <= this.inlineBytesMax) continue;
        const hash = fact.payloadHash;
        if (!this.payloads.uses.isUsed(hash) && !found.has(hash))
          found.set(hash, { hash, bytes: new Uint8Array(fact.payload) });
      }
    }
    return [...found.values()];
  }

  private encode(append: Append, without: readonly Payload[]): void {
    // A payload that could not be kept goes into the frame: its segment has the space already.
    const isApart = (fact: Sent): boolean => {
      if (fact.payload.byteLength <= this.inlineBytesMax) return false;
      if (without.some(({ hash }) => hash === fact.payloadHash)) return false;
      this.payloads.uses.use(fact.msgId, fact.payloadHash);
      return true;
    };
    // Before any of it is written: the reserve must know what the next snapshot may have to say.
    for (const { shard, facts } of append.batches) {
      if (shard !== null) for (const { name } of facts) if (name === 'sent') this.snapshotSpace.entered();
    }
    let w: Writer | null = null;
    try {
      for (const batch of append.batches) {
        if (w === null || w.length >= this.frameBytes) {
          w = this.spareWriters.pop() ?? new Writer(64 * 1024);
          beginFrame(w);
          append.frames.push(w);
        }
        writeBatch(w, batch, isApart);
      }
    } catch (error) {
      // What could never be read again is not written; the shards hold it already.
      return this.fail(error as Error);
    }
    this.writeNext(append);
  }

  private writeNext(append: Append): void {
    const w = append.frames.shift();
    if (w === undefined) return this.finish(append);
    const bytes = frameBytes(w.length - HEADER_BYTES);
    const { position } = this;
    if (position.at + bytes > this.space.capacityOf(position.segment)) {
      if (FILE_HEADER_BYTES + bytes > capacityOf(this.space.segmentBytes)) {
        return this.fail(new Error(`a frame of ${bytes} bytes fits no segment`));
      }
      append.frames.unshift(w);
      return this.turnTo(append);
    }
    if (this.space.lags) {
      append.frames.unshift(w);
      return this.space.whenKnown(() => this.writeNext(append));
    }
    const sequence = position.sequence + 1;
    const hash = sealFrame(w, position.at, { sequence, term: this.term, previous: position.hash }, this.secret);
    const { segment, at } = position;
    const steps = () => writeAll(segmentFile(segment), at, w.buffer.subarray(0, w.length), true);
    this.write(steps, () => {
      position.at += bytes;
      position.sequence = sequence;
      position.hash = hash;
      this.snapshotSpace.wrote(bytes);
      this.spareWriters.push(w);
      this.writeNext(append);
    });
  }

  /** The next segment, when it is there: said in this one before anything goes into that (journal rule 3). */
  private turnTo(append: Append): void {
    const { position, secret } = this;
    const { segment } = position;
    const capacity = this.space.capacityOf(segment);
    const turn = (): void => {
      position.segment = segment + 1;
      position.at = FILE_HEADER_BYTES;
      this.writeNext(append);
    };
    this.space.nextSegment(segment, position.sequence, () => {
      if (segment < this.sealsFrom) turn();
      else this.write(() => sealSteps(segment, capacity, position, secret), turn);
    });
  }

  /** Writes at the end of the log. What could not be begun is begun again later; what was and failed is the end. */
  private write(steps: () => FileWork, written: () => void): void {
    runLater(this.storage, steps(), (error) => {
      if (this.poison !== null) return;
      if (error === null) return written();
      const lack = lackAtStart(error);
      if (lack === null) return this.fail(error);
      this.space.postpone(lack, () => this.write(steps, written));
    });
  }

  private finish({ batches, done }: Append): void {
    this.outstanding = null;
    for (const { shard, facts } of batches) if (shard !== null) for (const fact of facts) this.count(fact);
    this.space.grown();
    done(null);
  }

  private count(fact: Fact): void {
    if (!isEnd(fact)) return;
    this.snapshotSpace.left();
    this.payloads.uses.release(fact.msgId);
  }

  /** Nothing is written any more; what is outstanding gets the error, and so does everything after it. */
  fail(error: Error): void {
    if (this.poison !== null) return;
    this.poison = error;
    this.space.close();
    const append = this.outstanding;
    this.outstanding = null;
    append?.done(error);
  }
}
