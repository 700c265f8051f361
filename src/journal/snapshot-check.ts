import type { State } from '../../spec/vocabulary.ts';
import type { FreeSlotsImage, Image, MessageImage, SettledImage, ShardImage } from '../core/image.ts';
import { shardOf, slotOf } from '../core/msg-id.ts';
import { BytesError } from './bytes.ts';
import { type Entry, type Head, isImage, isProcessFact } from './record-items.ts';

/** A free slot takes so many bytes of a snapshot, and one in use takes more: so no shard has more slots than this says. */
const SLOT_BYTES = 4;
const OVER: readonly State[] = ['acked', 'purged'];

/** Holds what a snapshot says of one shard against itself. */
class ShardCheck {
  private readonly number: number;
  private readonly fileBytes: number;
  private shard: ShardImage | null = null;
  /** By slot: nothing yet, free, a message. */
  private slots = new Uint8Array(0);
  private used = 0;
  private seq = 0;
  private settledCount = 0;

  constructor(number: number, fileBytes: number) {
    this.number = number;
    this.fileBytes = fileBytes;
  }

  take(image: Image): void {
    if (image.name === 'shard') return this.begin(image);
    if (this.shard === null) throw new BytesError(`${image.name}: before its shard`);
    switch (image.name) {
      case 'free_slots':
        return this.free(image);
      case 'message':
        return this.message(image, this.shard);
      case 'settled':
        return this.settled(image, this.shard);
    }
  }

  private begin(shard: ShardImage): void {
    if (this.shard !== null) throw new BytesError(`shard: ${this.number} is there twice`);
    // Compared before anything is made of that size.
    if (shard.slots * SLOT_BYTES > this.fileBytes) {
      throw new BytesError(`shard: slots is ${shard.slots}, more than a file of ${this.fileBytes} bytes can hold`);
    }
    this.shard = shard;
    this.slots = new Uint8Array(shard.slots);
  }

  private occupy(what: string, slot: number, as: 1 | 2): void {
    if (slot >= this.slots.length) throw new BytesError(`${what}: slot ${slot} of ${this.slots.length}`);
    if (this.slots[slot] !== 0) throw new BytesError(`${what}: slot ${slot} is there twice`);
    this.slots[slot] = as;
    this.used++;
  }

  private free({ slots }: FreeSlotsImage): void {
    for (const slot of slots) this.occupy('free_slots', slot, 1);
  }

  private message({ message, at }: MessageImage, { lastSeq, lastNumber }: ShardImage): void {
    const { msgId, slot, seq, ageNumber, state } = message;
    this.occupy('message', slot, 2);
    const wrong = (what: string): BytesError => new BytesError(`message ${msgId}: ${what}`);
    if (slotOf(msgId) !== slot || shardOf(msgId) !== this.number) throw wrong(`in slot ${slot} of ${this.number}`);
    if (seq <= this.seq || seq > lastSeq) throw wrong(`seq is ${seq}, after ${this.seq} and up to ${lastSeq}`);
    if (ageNumber > lastNumber) throw wrong(`age_number is ${ageNumber}, of ${lastNumber}`);
    this.seq = seq;
    if ((at === 'none') === (state === 'queued' || state === 'redelivered')) throw wrong(`${state}, and stands ${at}`);
    if (state === 'leased' && message.receipt === null) throw wrong('leased without a receipt');
    if (state === 'dead_lettered' && message.deadReason === null) throw wrong('a dead letter without a reason');
    if ((message.payload === null) !== OVER.includes(state)) throw wrong(`${state}, and its payload`);
  }

  private settled({ slot }: SettledImage, { lastNumber }: ShardImage): void {
    if (this.slots[slot] !== 2) throw new BytesError(`settled: no message in slot ${slot}`);
    if (++this.settledCount > lastNumber) throw new BytesError(`settled: ${this.settledCount} of ${lastNumber}`);
  }

  done(): void {
    if (this.shard === null) throw new BytesError(`shard: ${this.number} is missing`);
    const { length } = this.slots;
    if (this.used !== length) throw new BytesError(`shard: slots is ${length}, and ${this.used} of them are there`);
  }
}

/** Holds a snapshot against itself, record by record: what one says must fit what the others say. Makes nothing of it. */
export class SnapshotCheck {
  head: Head | null = null;
  private readonly sequence: number;
  private readonly fileBytes: number;
  private readonly shards = new Map<number, ShardCheck>();
  /** The one shard that it is of, null for what is of none; without it, it is of all. */
  private readonly only: number | null | undefined;
  private records = 0;
  private isWhole = false;

  /** Of the snapshot that reaches this frame, in a file of so many bytes. */
  constructor(sequence: number, fileBytes: number, only?: number | null) {
    this.sequence = sequence;
    this.fileBytes = fileBytes;
    this.only = only;
  }

  /** @throws BytesError */
  take({ shard, item }: Entry): void {
    if (this.isWhole) throw new BytesError(`${item.name}: after the end`);
    if (this.head === null) this.begin(item);
    else if (item.name === 'end') {
      if (item.records !== this.records) throw new BytesError(`end: ${this.records} records, not ${item.records}`);
      this.isWhole = true;
    } else if (shard === null ? !isProcessFact(item) : !isImage(item))
      throw new BytesError(`${item.name}: in a snapshot`);
    else if (isImage(item)) {
      const check = this.shards.get(shard as number);
      if (check === undefined) throw new BytesError(`${item.name}: of shard ${shard} of ${this.head.shards}`);
      check.take(item);
    }
    this.records++;
  }

  private begin(item: Entry['item']): void {
    if (item.name !== 'head') throw new BytesError(`${item.name}: before the head`);
    if (item.sequence !== this.sequence)
      throw new BytesError(`head: sequence is ${item.sequence}, not ${this.sequence}`);
    this.head = item;
    for (let i = 0; i < item.shards; i++)
      if (this.only === undefined || this.only === i) this.shards.set(i, new ShardCheck(i, this.fileBytes));
  }

  /** All has come. @throws BytesError */
  done(): Head {
    if (this.head === null || !this.isWhole) throw new BytesError('not whole');
    for (const shard of this.shards.values()) shard.done();
    return this.head;
  }
}
