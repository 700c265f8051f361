import { STATES, type State } from '../../spec/vocabulary.ts';
import type { Image, MessageImage } from '../core/image.ts';
import type { Reader, Writer } from './bytes.ts';
import { anyOf, Choice } from './field-types.ts';
import { FIELDS as F } from './fields.ts';
import { FILE_HEADER_BYTES } from './layout.ts';
import type { End, Head } from './record-items.ts';
import { readLimits, readSlots, writeLimits, writeSlots } from './record-parts.ts';

/** Where a lease that was settled left its message. */
const LEFT = new Choice<State>('state', STATES, ['queued', 'redelivered', 'dead_lettered', 'acked']);
const VERB = anyOf('verb', ['ack', 'nack'] as const);

/** What a snapshot holds besides messages and facts of the process. */
type Rest = Exclude<Image, MessageImage> | Head | End;

export function writeSnapshotPart(w: Writer, item: Rest): void {
  switch (item.name) {
    case 'shard':
      F.nowMs.write(w, item.nowMs);
      F.lastSeq.write(w, item.lastSeq);
      F.lastNumber.write(w, item.lastNumber);
      F.slots.write(w, item.slots);
      return;
    case 'free_slots':
      return writeSlots(w, item.slots);
    case 'settled':
      F.slot.write(w, item.slot);
      F.receipt.write(w, item.receipt);
      VERB.write(w, item.verb);
      LEFT.write(w, item.state);
      F.untilMs.write(w, item.untilMs);
      return;
    case 'head':
      F.sequence.write(w, item.sequence);
      F.headTerm.write(w, item.term);
      F.hash.write(w, item.hash);
      F.segment.write(w, item.segment);
      F.shards.write(w, item.shards);
      writeLimits(w, item.limits);
      if (item.at !== FILE_HEADER_BYTES) F.at.write(w, item.at);
      return;
    case 'end':
      F.records.write(w, item.records);
  }
}

export function readSnapshotPart(r: Reader, name: Rest['name'] | 'head_within'): Rest {
  switch (name) {
    case 'shard':
      return {
        name,
        nowMs: F.nowMs.read(r),
        lastSeq: F.lastSeq.read(r),
        lastNumber: F.lastNumber.read(r),
        slots: F.slots.read(r),
      };
    case 'free_slots':
      return { name, slots: readSlots(r) };
    case 'settled':
      return {
        name,
        slot: F.slot.read(r),
        receipt: F.receipt.read(r),
        verb: VERB.read(r),
        state: LEFT.read(r),
        untilMs: F.untilMs.read(r),
      };
    case 'head':
      return { ...readHead(r), at: FILE_HEADER_BYTES };
    case 'head_within':
      return { ...readHead(r), at: F.at.read(r) };
    case 'end':
      return { name, records: F.records.read(r) };
  }
}

const readHead = (r: Reader): Omit<Head, 'at'> => ({
  name: 'head',
  sequence: F.sequence.read(r),
  term: F.headTerm.read(r),
  hash: F.hash.read(r),
  segment: F.segment.read(r),
  shards: F.shards.read(r),
  limits: readLimits(r),
});
