import type { Fact } from '../core/facts.ts';
import { Line } from '../core/line.ts';
import type { Message } from '../core/message.ts';
import type { ShardState } from '../core/state.ts';
import { SortedNames } from './sorted-names.ts';

/** Names of topics that are no more are swept out when there are so many of them. */
const SWEEP_MIN = 256;

/**
 * What there is to look at, in an order that pages can go on in: the names of all topics, and of each topic the messages that are
 * neither acked nor purged, in the order in which they were sent. Kept up with every fact, so that no look sorts or scans; what only
 * time takes away (a topic of which nothing is remembered) is left out when somebody looks, and swept out now and then.
 */
export class LiveIndex {
  private readonly shards: readonly ShardState[];
  private readonly names = new SortedNames();
  private readonly lines: Map<string, Line<Message>>[] = [];
  /** How often each shard was made anew: its messages are numbered anew then. */
  private readonly generations: number[] = [];
  private readonly shardOf: (topic: string) => number;

  constructor(shards: readonly ShardState[], shardOf: (topic: string) => number) {
    this.shards = shards;
    this.shardOf = shardOf;
    for (const state of shards) {
      this.lines.push(linesOf(state));
      this.generations.push(0);
    }
    this.names.replace(this.lines.flatMap((lines) => [...lines.keys()]));
  }

  /** A message came; its topic may be new. */
  entered(state: ShardState, { topic: name, msgId }: Extract<Fact, { name: 'sent' }>): Message {
    const message = state.find(msgId) as Message;
    const lines = this.lines[state.shard] as Map<string, Line<Message>>;
    let line = lines.get(name);
    if (line === undefined) {
      line = new Line();
      lines.set(name, line);
      this.names.add(name);
      this.sweepIfMany();
    }
    line.push(message.seq, message);
    return message;
  }

  /** A message is over. */
  left({ topic, seq }: Message, state: ShardState): void {
    this.lines[state.shard]?.get(topic.name)?.remove(seq);
  }

  /** The shard was made anew. */
  replaced(state: ShardState): void {
    const lines = linesOf(state);
    this.lines[state.shard] = lines;
    this.generations[state.shard] = (this.generations[state.shard] ?? 0) + 1;
    for (const name of lines.keys()) this.names.add(name);
  }

  generationOf(shard: number): number {
    return this.generations[shard] ?? 0;
  }

  /** Names of topics from this one on, in order; some of them may be of topics that are no more. */
  namesFrom(from: string): Generator<string> {
    return this.names.from(from);
  }

  /** Whether anything of this topic is remembered. */
  has(name: string): boolean {
    return this.shards[this.shardOf(name)]?.topics.has(name) === true;
  }

  /** Messages of a topic that are not over, after a number, in the order in which they were sent. */
  *after(name: string, seq: number): Generator<Message> {
    const line = this.lines[this.shardOf(name)]?.get(name);
    if (line !== undefined) yield* line.after(seq);
  }

  private sweepIfMany(): void {
    let topics = 0;
    for (const state of this.shards) topics += state.topics.size;
    if (this.names.size <= 2 * topics + SWEEP_MIN) return;
    for (const [shard, lines] of this.lines.entries())
      for (const name of lines.keys()) if (this.shards[shard]?.topics.has(name) !== true) lines.delete(name);
    this.names.replace(this.lines.flatMap((lines) => [...lines.keys()]));
  }
}

/** Of a shard as it was recovered. */
function linesOf(state: ShardState): Map<string, Line<Message>> {
  const lines = new Map<string, Line<Message>>();
  for (const name of state.topics.keys()) lines.set(name, new Line());
  const live = [...state.living.all()].sort((a, b) => a.seq - b.seq);
  for (const message of live) lines.get(message.topic.name)?.push(message.seq, message);
  return lines;
}
