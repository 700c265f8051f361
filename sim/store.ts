import type { Image } from '../src/core/image.ts';
import type { Limits } from '../src/core/limits.ts';
import type { ShardState } from '../src/core/state.ts';
import { Reader } from '../src/journal/bytes.ts';
import { EmbeddedJournal, JournalRefused } from '../src/journal/embedded.ts';
import { runLater } from '../src/journal/file-work.ts';
import { HEADER_BYTES } from '../src/journal/frame.ts';
import { lackOf } from '../src/journal/lack.ts';
import { readRecord } from '../src/journal/record.ts';
import type { Recovered } from '../src/journal/recover.ts';
import { contentsOf } from '../src/journal/replica.ts';
import { imagesIn, shardPieces } from '../src/journal/shard-images.ts';
import { compact } from '../src/journal/snapshot.ts';
import type { Batch, Contents, Lack } from '../src/ports/journal.ts';
import type { StorageOp } from '../src/ports/storage.ts';
import { Service } from '../src/service/service.ts';
import { RECENT_FACTS } from '../src/service/spine.ts';
import { Breach } from './checkers/breach.ts';
import { PrefixLog } from './checkers/prefix.ts';
import { Disk } from './disk.ts';
import { DiskTrouble } from './disk-trouble.ts';
import { NODES_MAX } from './faults/parameters.ts';
import { integrity } from './integrity.ts';
import type { Loop } from './loop.ts';
import type { Draws, Range } from './random.ts';
import { SEGMENT_BYTES } from './setup.ts';

const FRAME_BYTES = 16 * 1024;
/** Payloads beyond this many bytes are kept in files of their own. */
const INLINE_BYTES_MAX = 1024;
const SALT_BYTES = 16;

/** Real hashes would cost more than everything else together; this one notices any change of a frame. */
export function frameHashOf(frame: Uint8Array): Uint8Array {
  let hash = 0x811c9dc5;
  for (let i = 0; i < frame.length; i++) hash = Math.imul(hash ^ frame[i]!, 0x01000193);
  return new Uint8Array(new Uint32Array(8).fill(hash >>> 0).buffer);
}
const RECOVERING = { hash: frameHashOf, payloadHashOf: integrity.payloadHashOf, remember: RECENT_FACTS };

export interface StoreParts {
  readonly index: number;
  readonly loop: Loop;
  readonly random: Draws;
  readonly syncMs: Range;
  readonly shards: number;
  readonly limits: Limits;
  /** The disk may be damaged in this run: what was appended is kept, to be held against what is left of it. */
  readonly mayBeDamaged: boolean;
  readonly diskBytes: number;
  /** The defect: acks are not written. */
  readonly forgetsAcks: boolean;
  /** Runs what an op of the disk leads to; the process may die in it. */
  readonly live: (run: () => void) => void;
  readonly events: {
    room(lack: Lack | null): void;
    compacted(): void;
  };
}

/** What a process finds on its disk. */
export interface Opened extends Contents {
  readonly shards: readonly ShardState[];
  readonly term: number;
  /** Of the append that was under way: what is there after all. */
  readonly survived: readonly Batch[];
  /** A write was cut off, and put aside. */
  readonly torn: boolean;
  /** Messages whose payload is not what was sent. */
  readonly damaged: readonly string[];
}

/** Why a node whose disk was damaged is of no more use: the journal refused it, or what was durable is not all there. */
export type Beyond = 'refused' | 'shortened';

/** The shipped journal of one node over its simulated disk, as `src/server/store.ts` opens the one of a server. */
export class SimStore {
  readonly disk: Disk;
  readonly trouble: DiskTrouble;
  private readonly parts: StoreParts;
  private readonly prefix: PrefixLog | null;
  private journal: EmbeddedJournal | null = null;
  /** Appended, and not known to be durable. */
  private inDoubt: readonly Batch[] = [];
  /** Of the last frame that is known to be durable. */
  private sequence = 0;
  /** Bodies of the frames since: a snapshot that was made in the middle of an append may have them. */
  private frames: { readonly sequence: number; readonly body: Uint8Array }[] = [];
  private ops = 0;

  constructor(parts: StoreParts) {
    this.parts = parts;
    this.prefix = parts.mayBeDamaged ? new PrefixLog([...new Array(parts.shards).keys()], parts.limits) : null;
    this.trouble = new DiskTrouble(parts.loop, parts.random);
    this.disk = new Disk({
      capacityBytes: parts.diskBytes,
      schedule: (op, run) => this.schedule(op, run),
      fault: (op) => this.trouble.of(op, this.disk),
    });
  }

  /** What must be on the disk takes a sync, all else is done in the same millisecond. */
  private schedule(op: StorageOp, run: () => void): void {
    const { loop, random, syncMs, index, live } = this.parts;
    const waits = op.op === 'sync' || op.op === 'sync_folder' || (op.op === 'write' && op.durable);
    loop.after(waits ? random.within(syncMs) : 0, 'sync', ++this.ops * NODES_MAX + index, () => live(run));
  }

  // ---- a process begins

  /** The shipped recovery over what the disk holds. @throws Breach when it is not what it must be */
  open(): Opened | Beyond | 'no_space' {
    const { parts, trouble } = this;
    trouble.beforeStart(this.disk);
    let found: { readonly journal: EmbeddedJournal; readonly records: number } | null;
    try {
      // After a tear within a sector nobody but the operator can say that it was one.
      found = this.tryOpen(false) ?? (trouble.toreBytes && !trouble.hasLied ? this.tryOpen(true) : null);
    } catch (error) {
      if (lackOf(error) !== null) return 'no_space';
      if (!(error instanceof JournalRefused)) throw error;
      found = null;
      if (!trouble.hasLied) throw new Breach('PrefixProp', `a sound journal is refused: ${error.message}`);
    }
    if (found === null) return 'refused';
    const { journal } = found;
    const { recovered } = journal;
    const sequence = recovered?.tail.sequence ?? 0;
    if (sequence < this.sequence) return this.shortened(recovered, sequence);
    const survived = this.survivors(found.records);
    this.prefix?.appended(sequence, survived);
    this.inDoubt = [];
    this.frames = [];
    this.sequence = sequence;
    this.journal = journal;
    trouble.toreBytes = false;
    const shards = recovered?.replica.shards ?? [];
    return {
      shards: shards.length > 0 ? shards : Service.empty(parts.shards, parts.limits),
      ...contentsOf(recovered?.replica),
      term: journal.term,
      survived,
      torn: recovered !== null && recovered.tail.tornEnd > recovered.tail.at,
      damaged: this.believed(recovered?.damagedPayloads.map(({ msgId }) => msgId) ?? []),
    };
  }

  /** Null when it is refused in a way that the operator may overrule. */
  private tryOpen(acceptTornTail: boolean): { journal: EmbeddedJournal; records: number } | null {
    const { disk, parts } = this;
    let records = 0;
    const visited = new Set<number>();
    const doubted = this.frames;
    try {
      const journal = new EmbeddedJournal({
        storage: disk,
        recovering: {
          ...RECOVERING,
          hash: (frame) => this.sealed(frame),
          acceptTornTail,
          visit: (frame) => {
            if (frame.sequence <= this.sequence) return;
            records += recordsIn(frame.body);
            visited.add(frame.sequence);
          },
        },
        segmentBytes: SEGMENT_BYTES,
        frameBytes: FRAME_BYTES,
        inlineBytesMax: INLINE_BYTES_MAX,
        freshSalt: () => new Uint8Array(SALT_BYTES).fill(parts.index + 1),
        compactor: (covered, done) => runLater(disk, compact(disk, covered, RECOVERING), done),
        events: {
          room: parts.events.room,
          compacted: parts.events.compacted,
          // It will be tried again; whether the log is whole is found out by the next process.
          compactionFailed: () => {},
        },
      });
      const end = journal.recovered?.tail.sequence ?? 0;
      for (const { sequence, body } of doubted) {
        if (sequence > this.sequence && sequence <= end && !visited.has(sequence)) records += recordsIn(body);
      }
      return { journal, records };
    } catch (error) {
      if (!acceptTornTail && error instanceof JournalRefused && this.trouble.toreBytes) return null;
      throw error;
    }
  }

  /** The batches of the append under way that so many records were found of: decisions are there whole or not at all. */
  private survivors(records: number): readonly Batch[] {
    const survived: Batch[] = [];
    let left = records;
    for (const batch of this.inDoubt) {
      if (left <= 0) break;
      left -= this.written(batch).facts.length;
      survived.push(batch);
    }
    if (left !== 0) throw new Breach('PrefixProp', `a restart finds ${records} facts that were not all appended so`);
    return survived;
  }

  /** The disk had lost what it said it had: what is left must be the beginning of what was appended. */
  private shortened(recovered: Recovered | null, sequence: number): Beyond {
    const lost = `a restart finds ${sequence} frames of ${this.sequence}`;
    // What is damaged is noticed (journal rule 3); only what was never written is not.
    if (!this.trouble.mayShorten || this.prefix === null) throw new Breach('ReplyDurableInv', lost);
    if (!this.prefix.isPrefix(sequence, recovered?.replica.shards ?? [])) {
      throw new Breach('PrefixProp', `${lost}, and they say something else`);
    }
    return 'shortened';
  }

  // ---- a process appends

  append(batches: readonly Batch[], done: (error: Error | null) => void): void {
    const journal = this.journal as EmbeddedJournal;
    this.inDoubt = batches;
    journal.append(
      batches.map((batch) => this.written(batch)),
      (error) => {
        if (lackOf(error) !== null) throw new Breach('JR4', `the journal failed: ${error?.message}`);
        if (error === null) {
          this.inDoubt = [];
          this.frames = [];
          this.sequence = journal.end.sequence;
          this.prefix?.appended(this.sequence, batches);
        }
        done(error);
      },
    );
  }

  /** Hashes a frame, of which some are about to be written. */
  private sealed(frame: Uint8Array): Uint8Array {
    if (this.journal !== null && this.inDoubt.length > 0) {
      const sequence = new DataView(frame.buffer, frame.byteOffset).getUint32(4, true);
      this.frames.push({ sequence, body: frame.slice(HEADER_BYTES) });
    }
    return frameHashOf(frame);
  }

  private written(batch: Batch): Batch {
    if (!this.parts.forgetsAcks || batch.shard === null) return batch;
    return { ...batch, facts: batch.facts.filter(({ name }) => name !== 'acked') };
  }

  /** What the disk has of a shard as far as all is durable now, read when it is asked for. */
  imagesOf(shard: number): Iterable<Image> {
    const { end } = this.journal as EmbeddedJournal;
    return imagesIn(shardPieces(this.disk, shard, { ...end }, RECOVERING));
  }

  /** Messages of a shard made of these images whose payload is not what was sent. */
  damagedIn({ living }: ShardState): readonly string[] {
    const damaged = [...living.all()].filter(
      ({ payload, payloadHash }) => integrity.payloadHashOf(payload as Uint8Array) !== payloadHash,
    );
    return this.believed(damaged.map(({ msgId }) => msgId));
  }

  private believed(damaged: readonly string[]): readonly string[] {
    const [first] = damaged;
    if (first !== undefined && !this.trouble.hasLied) throw new Breach('IN1', 'damaged on a sound disk', first);
    return damaged;
  }

  snapshot(done: (error: Error | null) => void): void {
    (this.journal as EmbeddedJournal).snapshot(done);
  }

  /** Tries again what could not be had for want of space. */
  retry(nowMs: number): void {
    this.journal?.retry(nowMs);
  }

  // ---- a process ends

  /** It died; nothing it began goes on. With `machine` what was in caches is gone too, but for what chance kept. */
  crash(machine: boolean): void {
    this.journal?.close();
    this.journal = null;
    this.trouble.crash(this.disk, machine);
  }
}

function recordsIn(body: Uint8Array): number {
  const reader = new Reader(body);
  let records = 0;
  for (; reader.at < reader.end; records++) readRecord(reader);
  return records;
}
