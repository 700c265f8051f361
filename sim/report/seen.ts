import type { Fact } from '../../src/core/facts.ts';
import type { Message } from '../../src/core/message.ts';
import type { ShardState } from '../../src/core/state.ts';
import type { Seen } from './model.ts';

/** A message as the process has it from now on. */
export interface Change {
  readonly msgId: string;
  readonly seen: Seen;
}

const ABSENT: Seen = {
  ...{ state: 'absent', attempt: 0, epoch: 0, redrives: 0, releases: 0, receipt: null, timerMs: null, reason: null },
};
const isOver = ({ state }: Seen): boolean => state === 'acked' || state === 'purged';

/** What the process has of each message, as a reader of the report has been told it so far: says what is to be told next. */
export class SeenTable {
  /** By shard, `node shard`: what may still change. */
  private readonly shards = new Map<string, Map<string, Seen>>();
  /** How far the clock of a node is ahead of simulated time. */
  private readonly aheadMs: (node: number) => number;

  constructor(aheadMs: (node: number) => number) {
    this.aheadMs = aheadMs;
  }

  private of(node: number, shard: number): Map<string, Seen> {
    const key = `${node} ${shard}`;
    let messages = this.shards.get(key);
    if (messages === undefined) {
      messages = new Map();
      this.shards.set(key, messages);
    }
    return messages;
  }

  /** After a fact: of a message it changes that one; when a process took the shard over, all whose times moved. */
  fact(node: number, shard: ShardState, fact: Fact): Change[] {
    if (fact.name === 'recovered') return this.taken(node, shard);
    const messages = this.of(node, shard.shard);
    const message = shard.find(fact.msgId);
    const seen =
      message === undefined
        ? over(messages.get(fact.msgId) ?? ABSENT, fact.name === 'purged' ? 'purged' : 'acked')
        : seenOf(message, this.aheadMs(node));
    messages.set(fact.msgId, seen);
    return [{ msgId: fact.msgId, seen }];
  }

  /**
   * The shard was made of what was on the disk: facts that never got there are undone. `timesToo` false leaves the times for
   * the fact that says at which time it was taken over.
   */
  taken(node: number, shard: ShardState, timesToo = true): Change[] {
    const known = this.of(node, shard.shard);
    const aheadMs = this.aheadMs(node);
    const changes: Change[] = [];
    const tell = (msgId: string, seen: Seen): void => {
      known.set(msgId, seen);
      changes.push({ msgId, seen });
    };
    const found = new Set<string>();
    for (const message of shard.messages()) {
      const { msgId } = message;
      found.add(msgId);
      const seen = seenOf(message, aheadMs);
      const before = known.get(msgId);
      if (before === undefined ? !isOver(seen) : differ(before, seen, timesToo)) tell(msgId, seen);
    }
    for (const [msgId, { state }] of known) if (!found.has(msgId) && state !== 'absent') tell(msgId, ABSENT);
    return changes;
  }

  /** What is over, and durable, is told once and for all. */
  synced(node: number, shard: number, facts: readonly Fact[]): void {
    const messages = this.of(node, shard);
    for (const fact of facts) if (fact.name === 'acked' || fact.name === 'purged') messages.delete(fact.msgId);
  }
}

/** The process may have forgotten what is over at once. */
const over = (before: Seen, state: string): Seen => ({
  ...{ ...before, state, releases: 0, receipt: null, timerMs: null },
});

function seenOf(message: Message, aheadMs: number): Seen {
  const { state, attempt, epoch, redrives, releases, receipt, timerAtMs, deadReason } = message;
  const waits = state === 'leased' || state === 'queued' || state === 'redelivered';
  return {
    ...{ state, attempt, epoch, redrives, releases },
    receipt: receipt?.slice(0, RECEIPT_CHARS) ?? null,
    timerMs: waits ? timerAtMs - aheadMs : null,
    reason: deadReason,
  };
}
const RECEIPT_CHARS = 8;

function differ(a: Seen, b: Seen, timesToo: boolean): boolean {
  const fields = Object.keys(ABSENT) as (keyof Seen)[];
  return fields.some((field) => a[field] !== b[field] && (timesToo || field !== 'timerMs'));
}
