import type { Outcome } from '../../spec/vocabulary.ts';
import type { Caller, RecvRequest, Reply } from './messages.ts';

/** A recv that waits for a message. */
export interface LongPoll {
  readonly request: RecvRequest;
  readonly caller: Caller;
  readonly ackOutcomes: readonly Outcome[];
  readonly endMs: number;
  readonly reply: (reply: Reply) => void;
}

/** Waiting recvs by topic, first come first served. Bounded by the connections that wait. */
export class LongPolls {
  private readonly byTopic = new Map<string, Set<LongPoll>>();
  /** Topics that may have got something since they were last served; null for all of them. */
  private touched: Set<string> | null = new Set();
  private count = 0;
  private endMs = Number.POSITIVE_INFINITY;

  get size(): number {
    return this.count;
  }

  add(poll: LongPoll): void {
    const { topic } = poll.request;
    const polls = this.byTopic.get(topic);
    if (polls === undefined) this.byTopic.set(topic, new Set([poll]));
    else polls.add(poll);
    this.count++;
    this.endMs = Math.min(this.endMs, poll.endMs);
  }

  /** Something may have become available on this topic, or anywhere. */
  touch(topic: string | undefined): void {
    if (topic !== undefined && this.byTopic.has(topic)) this.touched?.add(topic);
  }

  touchAll(): void {
    if (this.count > 0) this.touched = null;
  }

  /** Polls worth serving now, in order, by topic; they stay until removed. */
  takeTouched(): (readonly LongPoll[])[] {
    const topics = this.touched ?? this.byTopic.keys();
    const polls = [...topics].map((topic) => [...(this.byTopic.get(topic) ?? [])]);
    this.touched = new Set();
    return polls;
  }

  /** Takes out the polls whose waiting time is over. */
  takeEnded(nowMs: number): LongPoll[] {
    if (nowMs < this.endMs) return [];
    const ended = this.takeIf((poll) => poll.endMs <= nowMs);
    this.endMs = Number.POSITIVE_INFINITY;
    for (const polls of this.byTopic.values()) for (const poll of polls) this.endMs = Math.min(this.endMs, poll.endMs);
    return ended;
  }

  /** When the first poll may end; Infinity without any. */
  nextEndMs(): number {
    return this.endMs;
  }

  remove(poll: LongPoll): boolean {
    const polls = this.byTopic.get(poll.request.topic);
    if (polls === undefined || !polls.delete(poll)) return false;
    if (polls.size === 0) this.byTopic.delete(poll.request.topic);
    this.count--;
    return true;
  }

  /** Takes out, in order, the polls that `which` names. */
  takeIf(which: (poll: LongPoll) => boolean): LongPoll[] {
    const taken: LongPoll[] = [];
    for (const polls of this.byTopic.values()) for (const poll of polls) if (which(poll)) taken.push(poll);
    for (const poll of taken) this.remove(poll);
    return taken;
  }
}
