import type { Outcome } from '../../spec/vocabulary.ts';
import { factsOf } from './answers.ts';
import type { Caller, FactView, FeedRequest, Reply } from './messages.ts';
import { isGap, type RecentFacts, type Told } from './recent-facts.ts';

/** Facts that one step gives, and those that it looks at for them. */
const GIVEN_MAX = 256;
const LOOKED_MAX = 4096;

/** Who takes what a feed gives. It is never waited for: it asks for more when it is ready, and misses what it was too slow for. */
export interface FeedConsumer {
  /** Called once, first: `ok`, or why there is no feed. */
  opened(reply: Reply, feed: Feed): void;
  /** Durable facts in order, and gaps where some are missing. */
  tell(facts: readonly FactView[]): void;
  /** The last call. `ok` when nothing came for as long as was asked for. */
  ended(outcome: Outcome): void;
}

/** A reader of facts: all that is held of it is how far it has come. */
export class Feed {
  readonly request: FeedRequest;
  readonly caller: Caller;
  readonly consumer: FeedConsumer;
  /** The number of the last fact that it has seen, or passed by. */
  place = 0;
  ready = true;
  closed = false;
  /** An operation of the quota is taken for the next step (the first is paid by the request itself). */
  paid = true;
  /** The quota allows no step before. */
  resumeAtMs = 0;
  /** It ends then, if nothing comes. */
  endMs = Number.POSITIVE_INFINITY;

  constructor(request: FeedRequest, caller: Caller, consumer: FeedConsumer) {
    this.request = request;
    this.caller = caller;
    this.consumer = consumer;
  }

  sees(told: Told): boolean {
    if (isGap(told)) return true;
    const { topic, prefix } = this.request;
    const isAsked = topic === null ? told.topic.startsWith(prefix) : told.topic === topic;
    return isAsked && this.caller.allowsTopic(told.topic);
  }
}

/** The open feeds. */
export class Feeds {
  private readonly open = new Set<Feed>();
  private readonly recent: RecentFacts;
  private readonly instantOf: (atMs: number) => number;

  constructor(recent: RecentFacts, instantOf: (atMs: number) => number) {
    this.recent = recent;
    this.instantOf = instantOf;
  }

  get size(): number {
    return this.open.size;
  }

  /** Where a feed begins, or why it cannot. */
  add(feed: Feed, nowMs: number): Reply {
    const { recent } = this;
    const place = this.placeOf(feed.request.after);
    if (place === 'malformed')
      return { outcome: 'schema', message: 'after: no cursor of this feed; leave it out to begin' };
    if (place === 'gone') {
      const from = recent.cursorOf(recent.first - 1);
      return { outcome: 'cursor_gone', message: `after: no longer remembered; the oldest is after=${from}` };
    }
    feed.place = place;
    feed.endMs = nowMs + feed.request.waitMs;
    this.open.add(feed);
    return { outcome: 'ok' };
  }

  private placeOf(after: string | null): ReturnType<RecentFacts['placeOf']> {
    const { recent } = this;
    if (after === null) return recent.first - 1;
    return after === 'now' ? recent.last : recent.placeOf(after);
  }

  /** Gives each that is ready what there is for it. */
  serve(nowMs: number): void {
    for (const feed of this.open) if (feed.ready && feed.resumeAtMs <= nowMs) this.step(feed, nowMs);
  }

  private step(feed: Feed, nowMs: number): void {
    const told = this.next(feed);
    if (told.length === 0) return;
    const waitMs = feed.paid ? 0 : feed.caller.charge(0, nowMs);
    feed.paid = waitMs === 0;
    feed.resumeAtMs = waitMs === 0 ? 0 : nowMs + waitMs;
    if (waitMs > 0) return;
    feed.place = (told.at(-1) as Told).n;
    feed.paid = false;
    feed.ready = false;
    feed.endMs = nowMs + feed.request.waitMs;
    feed.consumer.tell(factsOf(told, this.recent, this.instantOf));
  }

  /** What comes next for it; what it need not see it has passed by. */
  private next(feed: Feed): Told[] {
    const { recent } = this;
    const found: Told[] = [];
    const isLate = feed.place + 1 < recent.first;
    const from = Math.max(feed.place + 1, recent.first);
    // Missed is what is no longer there when it is asked for: told once, with the number of the last one that is gone.
    if (isLate) found.push({ n: from - 1, fact: 'gap', atMs: recent.at(from).atMs, shard: null });
    const end = Math.min(recent.last, from + LOOKED_MAX - 1);
    let n = from;
    for (; n <= end && found.length < GIVEN_MAX; n++) if (feed.sees(recent.at(n))) found.push(recent.at(n));
    if (found.length === 0) feed.place = n - 1;
    return found;
  }

  /** How far it has come: what is asked for after it goes on there. */
  cursorOf({ place }: Feed): string {
    return this.recent.cursorOf(place);
  }

  /** Its reader has taken what it was given. */
  setReady(feed: Feed, nowMs: number): void {
    feed.ready = true;
    feed.endMs = nowMs + feed.request.waitMs;
    if (!feed.closed) this.step(feed, nowMs);
  }

  /** Closes it without a word. */
  remove(feed: Feed): void {
    feed.closed = true;
    this.open.delete(feed);
  }

  /** Time has passed: capabilities may have ended (AU3), quotas may allow a step, and nothing may have come for too long. */
  watch(nowMs: number): void {
    if (this.open.size === 0) return;
    this.endIf(({ caller }) => !caller.isValid(nowMs), 'cap_auth');
    this.serve(nowMs);
    this.endIf((feed) => feed.ready && feed.endMs <= nowMs && !this.isBehind(feed), 'ok');
  }

  /** There is something that it has not looked at. */
  private isBehind(feed: Feed): boolean {
    return feed.place < this.recent.last;
  }

  /** When `watch` is next needed; Infinity for never. */
  nextWakeMs(nowMs: number): number {
    let atMs = Number.POSITIVE_INFINITY;
    for (const feed of this.open) {
      if (!feed.ready) continue;
      if (feed.resumeAtMs > nowMs) atMs = Math.min(atMs, feed.resumeAtMs);
      else atMs = this.isBehind(feed) ? nowMs : Math.min(atMs, feed.endMs);
    }
    return atMs;
  }

  endIf(which: (feed: Feed) => boolean, outcome: Outcome): void {
    for (const feed of [...this.open]) {
      if (!which(feed)) continue;
      this.remove(feed);
      feed.consumer.ended(outcome);
    }
  }
}
