import type { Sent } from './facts.ts';
import { Message, TIMES, type Topic } from './message.ts';
import type { Savepoint } from './savepoint.ts';

/** Times of this many messages stand in one column: as fields each would be an object of its own, moved by every collection. */
const COLUMN_MESSAGES = 64;

/**
 * The messages that are alive, by cell. They stay objects: what changes with each verb (lines, heaps, receipts, payload) is half of
 * one, and the texts that a row would pack are asked for by the very next recv.
 */
export class Living {
  /** By cell. */
  readonly messages: (Message | undefined)[] = [];
  /** The times of the messages, by cell. */
  private readonly columns: Float64Array[] = [];
  /** Last in first out. */
  private readonly freeCells: number[] = [];

  get size(): number {
    return this.messages.length - this.freeCells.length;
  }

  enter(fact: Sent, slot: number, seq: number, topic: Topic): Message {
    const cell = this.freeCells.pop() ?? this.messages.length;
    const column = Math.floor(cell / COLUMN_MESSAGES);
    while (column >= this.columns.length) this.columns.push(new Float64Array(COLUMN_MESSAGES * TIMES));
    const at = (cell % COLUMN_MESSAGES) * TIMES;
    const message = new Message(fact, slot, seq, topic, cell, this.columns[column], at);
    this.messages[cell] = message;
    return message;
  }

  leave({ cell }: Message): void {
    this.messages[cell] = undefined;
    this.freeCells.push(cell);
  }

  *all(): Generator<Message> {
    for (const message of this.messages) if (message !== undefined) yield message;
  }

  /** What is kept of a message itself is put back with it: it may have been another's cell meanwhile. */
  save(to: Savepoint): void {
    const { messages, freeCells } = this;
    to.put(messages.length);
    to.put(freeCells.length);
    for (let i = 0; i < freeCells.length; i++) to.put(freeCells[i]!);
    for (let i = 0; i < messages.length; i++) {
      to.keep(messages[i]);
      messages[i]?.save(to);
    }
  }

  restore(from: Savepoint): void {
    const { messages, freeCells } = this;
    messages.length = from.numbers[from.number++]!;
    freeCells.length = from.numbers[from.number++]!;
    for (let i = 0; i < freeCells.length; i++) freeCells[i] = from.numbers[from.number++]!;
    for (let i = 0; i < messages.length; i++) {
      const message = from.objects[from.object++] as Message | undefined;
      messages[i] = message;
      message?.restore(from);
    }
  }
}
