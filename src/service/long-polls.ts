import { Heap } from '../core/heap.ts';
import { tenantOf } from '../core/tenant.ts';
import type { LongPoll } from './stream.ts';

class Ends extends Heap<LongPoll> {
  protected key = (poll: LongPoll): number => poll.endMs;
  protected place = (poll: LongPoll): number => poll.place;
  protected setPlace(poll: LongPoll, place: number): void {
    poll.place = place;
  }
}

/** What a tenant has waiting: polls by topic, the last topic first. */
interface Turn {
  readonly tenant: string;
  readonly topics: LongPoll[][];
}

/** Waiting recvs by topic, first come first served, tenants in turn (BD5). Bounded by the connections that wait. */
export class LongPolls {
  private readonly byTopic = new Map<string, Set<LongPoll>>();
  /** Topics that may have got something since they were last served; null for all of them. */
  private touched: Set<string> | null = new Set();
  private readonly ends = new Ends();
  /** The tenant that was given something last: the others come first. */
  private last = '';

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

  /**
   * Serves the polls that are worth it now: one of each tenant in every round, whatever a tenant has waiting. `serve` removes those
   * that got something; false says that there is nothing for the others of that topic either.
   */
  inTurns(serve: (poll: LongPoll) => boolean, labels: number): void {
    let turns = this.takeTouched(labels);
    while (turns.length > 0) turns = turns.filter((turn) => this.takeTurn(turn, serve));
  }

  /** One poll of this tenant is given something; false when none is left that could be. */
  private takeTurn({ tenant, topics }: Turn, serve: (poll: LongPoll) => boolean): boolean {
    for (let polls = topics.at(-1); polls !== undefined; polls = topics.at(-1)) {
      const poll = polls.shift();
      if (poll === undefined || !serve(poll)) topics.pop();
      else if (poll.place < 0) {
        this.last = tenant;
        return true;
      }
    }
    return false;
  }

  /** Polls by tenant and topic, each topic's in their order; first the tenants after the one that was last. */
  private takeTouched(labels: number): Turn[] {
    const byTenant = new Map<string, Turn>();
    for (const topic of [...(this.touched ?? this.byTopic.keys())].reverse()) {
      const tenant = tenantOf(topic, labels);
      const polls = [...(this.byTopic.get(topic) ?? [])];
      const turn = byTenant.get(tenant);
      if (turn === undefined) byTenant.set(tenant, { tenant, topics: [polls] });
      else turn.topics.push(polls);
    }
    this.touched = new Set();
    const turns = [...byTenant.values()].reverse();
    const after = turns.findIndex(({ tenant }) => tenant === this.last) + 1;
    return [...turns.slice(after), ...turns.slice(0, after)];
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
