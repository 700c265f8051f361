import { apply } from '../core/apply.ts';
import type { Fact } from '../core/facts.ts';
import type { Limits } from '../core/limits.ts';
import type { Message } from '../core/message.ts';
import { replay } from '../core/replay.ts';
import { Savepoint } from '../core/savepoint.ts';
import { ShardState } from '../core/state.ts';
import { limitsOf, type MailboxConstants } from './mailbox.ts';
import { project } from './project.ts';

/** One shard of the core in a bounded model, with the history that the specification keeps and the core does not. */
export class ModelShard {
  readonly shard: ShardState;
  /** Message m as it was last known; those that are over stay as they were then. */
  readonly messages: (Message | undefined)[] = [];
  /** Deliveries counted since the send or the last reprocess (`tla/Mailbox.tla delivered`). */
  readonly delivered: number[] = [];
  private readonly c: MailboxConstants;
  private readonly limits: Limits;
  /** Savepoints that are done with, and may be written anew. */
  private readonly spare: Savepoint[] = [];
  private readonly replayed = new Savepoint();

  constructor(c: MailboxConstants) {
    this.c = c;
    this.limits = limitsOf(c);
    this.shard = new ShardState(0, this.limits);
    for (let m = 0; m <= c.N; m++) {
      this.messages.push(undefined);
      this.delivered.push(0);
    }
  }

  save(): Savepoint {
    const savepoint = (this.spare.pop() ?? new Savepoint()).rewind();
    const { messages, delivered } = this;
    const alive = this.shard.living.messages;
    // Those that are over first: their cells may be taken by others.
    for (let m = 1; m < messages.length; m++) {
      const message = messages[m];
      const over = message !== undefined && alive[message.cell] !== message;
      savepoint.keep(message);
      savepoint.put(delivered[m] as number);
      savepoint.put(over ? 1 : 0);
      if (over) message.save(savepoint);
    }
    this.shard.save(savepoint);
    return savepoint;
  }

  restore(savepoint: Savepoint): void {
    const { messages, delivered } = this;
    savepoint.rewind();
    for (let m = 1; m < messages.length; m++) {
      const message = savepoint.objects[savepoint.object++] as Message | undefined;
      messages[m] = message;
      delivered[m] = savepoint.numbers[savepoint.number++] as number;
      if (savepoint.numbers[savepoint.number++] === 1) (message as Message).restore(savepoint);
    }
    this.shard.restore(savepoint);
  }

  /** Nobody will restore this any more. */
  discard(savepoint: Savepoint): void {
    this.spare.push(savepoint);
  }

  apply(fact: Fact, message?: Message): void {
    apply(this.shard, fact, message);
    switch (fact.name) {
      case 'sent': {
        const sent = this.find(fact.msgId);
        this.messages[sent.seq] = sent;
        return;
      }
      case 'received':
        return this.count(this.find(fact.msgId), 1);
      case 'released':
        return this.count(this.find(fact.msgId), fact.counted ? 0 : -1);
      case 'reprocessed':
        this.delivered[this.find(fact.msgId).seq] = 0;
    }
  }

  private find(msgId: string): Message {
    return this.shard.find(msgId) as Message;
  }

  private count({ seq }: Message, by: number): void {
    (this.delivered[seq] as number) += by;
  }

  /** Another process finds these facts. What it makes of them is put into this shard, which all states are put into. */
  replay(facts: readonly Fact[]): void {
    const found = replay(0, this.limits, facts);
    found.save(this.replayed.rewind());
    this.shard.restore(this.replayed.rewind());
    for (const message of this.shard.messages()) this.messages[message.seq] = message;
  }

  /** It takes over at `atMs`; returns the fact that says so. */
  recover(atMs: number): Fact {
    const recovered: Fact = { name: 'recovered', atMs };
    apply(this.shard, recovered);
    return recovered;
  }

  /** Writes the variables of `shardVariables`; returns where they end. */
  project(into: Uint8Array): number {
    return project(this.shard, this.messages, this.c, into);
  }
}

/** Facts in the order in which they were decided, newest first: what the journal of a state holds. */
export interface Journal {
  readonly facts: readonly Fact[];
  readonly before: Journal | null;
}

export function factsOf(journal: Journal | null): Fact[] {
  const facts: Fact[] = [];
  for (let at = journal; at !== null; at = at.before)
    for (let i = at.facts.length - 1; i >= 0; i--) facts.push(at.facts[i] as Fact);
  return facts.reverse();
}
