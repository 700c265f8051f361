import { Heap } from '../core/heap.ts';
import type { LongPoll } from './stream.ts';

class Ends extends Heap<LongPoll> {
  protected key = (poll: LongPoll): number => poll.endMs;
  protected place = (poll: LongPoll): number => poll.place;
  protected setPlace(poll: LongPoll, place: number): void {
    poll.place = place;
  }
}

/** Waiting recvs by topic, first come first served. Bounded by the connections that wait. */
export class LongPolls {
  private readonly byTopic = new Map<string, Set<LongPoll>>();
  /** Topics that may have got something since they were last served; null for all of them. */
  private touched: Set<string> | null = new Set();
  private readonly ends = new Ends();

  get size(): number {
    return this.ends.size;
  }

  add(poll: LongPoll): void {
    const { topic } = poll.request;
    const polls = this.byTopic.get(topic);
    if (polls === undefined) this.byTopic.set(topic, new Set([poll]));
    else polls.add(poll);
    this.ends.push(poll);
  }

  /** Something may have become available on this topic, or anywhere. */
  touch(topic: string | undefined): void {
    if (topic !== undefined && this.byTopic.has(topic)) this.touched?.add(topic);
  }

  touchAll(): void {
    if (this.size > 0) this.touched = null;
  }

  /** Polls worth serving now, in order, by topic; they stay until removed. */
  takeTouched(): (readonly LongPoll[])[] {
    const topics = this.touched ?? this.byTopic.keys();
    const polls = [...topics].map((topic) => [...(this.byTopic.get(topic) ?? [])]);
    this.touched = new Set();
    return polls;
  }

  /** Takes out the poll whose waiting time ended first; undefined when none is over. */
  takeEnded(nowMs: number): LongPoll | undefined {
    const first = this.ends.first();
    if (first === undefined || first.endMs > nowMs) return undefined;
    this.remove(first);
    return first;
  }

  /** When the first poll ends; Infinity without any. */
  nextEndMs(): number {
    return this.ends.first()?.endMs ?? Number.POSITIVE_INFINITY;
  }

  remove(poll: LongPoll): boolean {
    const polls = this.byTopic.get(poll.request.topic);
    if (polls === undefined || !polls.delete(poll)) return false;
    if (polls.size === 0) this.byTopic.delete(poll.request.topic);
    this.ends.remove(poll);
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
