import type { Outcome } from '../../spec/vocabulary.ts';
import type { PastAsk, PastReader, PastStep } from '../ports/past.ts';
import { factsOf } from './answers.ts';
import { CatchUp } from './catch-up.ts';
import type { Caller, FactView, FeedRequest, Reply } from './messages.ts';
import { isDecision, isGap, type RecentFacts, type Told } from './recent-facts.ts';
import { TenantCounts } from './tenant-counts.ts';

/** Facts that one step gives, and those that it looks at for them. */
const GIVEN_MAX = 256;
const LOOKED_MAX = 4096;
/** Whoever catches up asks again so much later, when too many do. */
const AGAIN_MS = 1000;
/** Whoever does not take what was read for it keeps others from being read for so long at most. */
const STALLED_MS = 1000;

/** Who takes what a feed gives. It is never waited for: it asks for more when it is ready, and misses what it was too slow for. */
export interface FeedConsumer {
  /** Called once, first: `ok`, or why there is no feed. Later, where somebody must look whether there is such a place. */
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
  /** Whom it counts under (BD5). */
  readonly tenant: string;
  /** The number of the last fact that it has seen, or passed by. */
  place = 0;
  ready = true;
  closed = false;
  /** Reads for it what is not remembered; null while what it is told is. */
  catchUp: CatchUp | null = null;
  /** What was read for it is not taken since then; Infinity where nothing waits for it. */
  stalledSinceMs = Number.POSITIVE_INFINITY;
  /** It is not known yet whether there is such a place. */
  isOpening = false;
  /** What is not remembered cannot be read either: it is told of a gap. */
  isLost = false;
  /** An operation of the quota is taken for the next step (the first is paid by the request itself). */
  paid = true;
  /** The quota allows no step before. */
  resumeAtMs = 0;
  /** It ends then, if nothing comes. */
  endMs = Number.POSITIVE_INFINITY;

  constructor(request: FeedRequest, caller: Caller, consumer: FeedConsumer, tenant: string) {
    this.request = request;
    this.tenant = tenant;
    this.caller = caller;
    this.consumer = consumer;
  }

  sees(told: Told): boolean {
    if (isGap(told) || isDecision(told)) return true;
    const { topic, prefix, onlyMsgId } = this.request;
    if (onlyMsgId !== undefined && told.msgId !== onlyMsgId) return false;
    const isAsked = topic === null ? told.topic.startsWith(prefix) : told.topic === topic;
    return isAsked && this.caller.allowsTopic(told.topic);
  }
}

/** The open feeds. */
export class Feeds {
  private readonly open = new Set<Feed>();
  private readonly byTenant = new TenantCounts();
  private readonly recent: RecentFacts;
  private readonly instantOf: (atMs: number) => number;
  private readonly past: PastReader | null;
  /** The latest time that was said. */
  private clockMs = 0;

  /** `past`: reads what is not remembered, where that can be read. */
  constructor(recent: RecentFacts, instantOf: (atMs: number) => number, past: PastReader | null = null) {
    this.recent = recent;
    this.instantOf = instantOf;
    this.past = past;
  }

  get size(): number {
    return this.open.size;
  }

  openOf(tenant: string): number {
    return this.byTenant.of(tenant);
  }

  private opens(feed: Feed): void {
    this.open.add(feed);
    this.byTenant.add(feed.tenant, 1);
  }

  /** Where a feed begins, or why it cannot; null where its consumer is told so later. */
  add(feed: Feed, nowMs: number): Reply | null {
    const place = this.placeOf(feed.request.after);
    if (place === 'malformed')
      return { outcome: 'schema', message: 'after: no cursor of this feed; leave it out to begin' };
    if (place === 'gone') return this.openBehind(feed, nowMs);
    feed.place = place;
    feed.endMs = nowMs + feed.request.waitMs;
    this.opens(feed);
    return { outcome: 'ok' };
  }

  private placeOf(after: string | null): ReturnType<RecentFacts['placeOf']> {
    const { recent, past } = this;
    if (after === 'oldest' && past !== null) return 'gone';
    if (after === null || after === 'oldest') return recent.first - 1;
    return after === 'now' ? recent.last : recent.placeOf(after);
  }

  // ---- what is not remembered

  /** It begins with what is not remembered, if there still is such a place. */
  private openBehind(feed: Feed, nowMs: number): Reply | null {
    const { recent } = this;
    const { after } = feed.request;
    const asked = after === 'oldest' ? { after: null, origin: null } : recent.askedBy(after as string);
    if (this.past === null || asked === null) return this.gone(recent.cursorOf(recent.first - 1));
    feed.isOpening = true;
    if (!this.lookBack(feed, asked)) return { outcome: 'saturated_streams', retryAfterMs: AGAIN_MS };
    feed.endMs = nowMs + feed.request.waitMs;
    this.opens(feed);
    return null;
  }

  private gone(oldest: string): Reply {
    return { outcome: 'cursor_gone', message: `after: no longer there; the oldest is after=${oldest}` };
  }

  /** Begins to read for it; false when too many are read for. */
  private lookBack(feed: Feed, asked: Pick<PastAsk, 'after' | 'origin'>): boolean {
    const { topic, prefix, onlyMsgId: msgId = null } = feed.request;
    const wasLast = this.recent.last;
    const catchUp = new CatchUp(
      this.past as PastReader,
      { ...asked, topic, prefix, msgId },
      {
        begun: ({ after, eras }) => {
          this.recent.knew(eras);
          feed.place = after;
          this.opened(feed, { outcome: 'ok' });
        },
        some: () => {
          if (feed.ready) this.step(feed, this.clockMs);
          else feed.stalledSinceMs = this.clockMs;
        },
        over: (step) => this.lookedBack(feed, step, wasLast),
      },
      feed.tenant,
    );
    if (catchUp.isRefused) return false;
    feed.catchUp = catchUp;
    feed.resumeAtMs = 0;
    return true;
  }

  private opened(feed: Feed, reply: Reply): void {
    if (!feed.isOpening) return;
    feed.isOpening = false;
    if (reply.outcome !== 'ok') this.remove(feed);
    feed.consumer.opened(reply, feed);
  }

  /** Nothing more can be read for it; `wasLast`: the last fact there was when that began. */
  private lookedBack(
    feed: Feed,
    step: Extract<PastStep, { readonly step: 'gone' | 'end' | 'failed' | 'later' }>,
    wasLast: number,
  ): void {
    const { recent } = this;
    feed.catchUp = null;
    if (feed.isOpening) {
      const oldest = step.step === 'gone' ? step.oldest : recent.cursorOf(recent.first - 1);
      if (step.step !== 'end') return this.opened(feed, this.gone(oldest));
      feed.place = step.last;
      this.opened(feed, { outcome: 'ok' });
    }
    // What has come since is looked back for once more; what should have been there is not.
    feed.isLost = step.step !== 'later' && (step.step !== 'end' || step.last < wasLast);
    if (step.step === 'end') feed.place = Math.max(feed.place, Math.min(step.last, recent.last));
    if (!feed.closed && feed.ready) this.step(feed, this.clockMs);
  }

  // ---- what is told

  /** Gives each that is ready what there is for it. */
  serve(nowMs: number): void {
    this.clockMs = Math.max(this.clockMs, nowMs);
    for (const feed of this.open) if (feed.ready && feed.resumeAtMs <= nowMs) this.step(feed, nowMs);
  }

  private step(feed: Feed, nowMs: number): void {
    if (feed.isOpening || feed.closed) return;
    const told = feed.catchUp === null ? this.next(feed, nowMs) : this.caughtUp(feed, nowMs);
    if (told.length === 0) return;
    feed.paid = false;
    feed.ready = false;
    feed.endMs = nowMs + feed.request.waitMs;
    feed.consumer.tell(factsOf(told, this.recent, this.instantOf));
  }

  /** Whether the quota allows a step. A reading does not wait for that: others do, for theirs. */
  private mayGive(feed: Feed, nowMs: number): boolean {
    const waitMs = feed.paid ? 0 : feed.caller.charge(0, nowMs);
    feed.paid = waitMs === 0;
    feed.resumeAtMs = waitMs === 0 ? 0 : nowMs + waitMs;
    if (waitMs > 0) this.leaveOff(feed);
    return waitMs === 0;
  }

  private leaveOff(feed: Feed): void {
    feed.catchUp?.close();
    feed.catchUp = null;
    feed.stalledSinceMs = Number.POSITIVE_INFINITY;
  }

  /** What was read for it of what is not remembered. */
  private caughtUp(feed: Feed, nowMs: number): readonly Told[] {
    const { recent } = this;
    const read = feed.catchUp?.take() ?? null;
    feed.stalledSinceMs = Number.POSITIVE_INFINITY;
    if (read === null) return [];
    const seen = read.facts.filter((told) => feed.sees(told));
    if (seen.length > 0 && !this.mayGive(feed, nowMs)) return [];
    feed.place = read.last;
    if (feed.place + 1 < recent.first) return seen;
    this.leaveOff(feed);
    return seen.length > 0 ? seen : this.next(feed, nowMs);
  }

  /** What comes next for it of what is remembered; what it need not see it has passed by. */
  private next(feed: Feed, nowMs: number): readonly Told[] {
    const { recent } = this;
    const found: Told[] = [];
    const isLate = feed.place + 1 < recent.first;
    if (isLate && this.past !== null && !feed.isLost) {
      if (!this.lookBack(feed, { after: feed.place, origin: null })) feed.resumeAtMs = nowMs + AGAIN_MS;
      return found;
    }
    const from = Math.max(feed.place + 1, recent.first);
    // Missed is what is no longer there when it is asked for: told once, with the number of the last one that is gone.
    if (isLate) found.push({ n: from - 1, fact: 'gap', atMs: recent.at(from).atMs, shard: null });
    const end = Math.min(recent.last, from + LOOKED_MAX - 1);
    let n = from;
    for (; n <= end && found.length < GIVEN_MAX; n++) if (feed.sees(recent.at(n))) found.push(recent.at(n));
    if (found.length === 0) feed.place = n - 1;
    else if (!this.mayGive(feed, nowMs)) return [];
    else feed.place = (found.at(-1) as Told).n;
    feed.isLost = false;
    return found;
  }

  /** How far it has come: what is asked for after it goes on there. */
  cursorOf({ place }: Feed): string {
    return this.recent.cursorOf(place);
  }

  /** Its reader has taken what it was given. */
  setReady(feed: Feed, nowMs: number): void {
    this.clockMs = Math.max(this.clockMs, nowMs);
    feed.ready = true;
    feed.endMs = nowMs + feed.request.waitMs;
    if (!feed.closed) this.step(feed, nowMs);
  }

  /** Closes it without a word. */
  remove(feed: Feed): void {
    feed.closed = true;
    this.leaveOff(feed);
    if (this.open.delete(feed)) this.byTenant.add(feed.tenant, -1);
  }

  /** Time has passed: capabilities may have ended (AU3), quotas may allow a step, and nothing may have come for too long. */
  watch(nowMs: number): void {
    if (this.open.size === 0) return;
    this.endIf(({ caller }) => !caller.isValid(nowMs), 'cap_auth');
    // There is one reading at a time: it goes on from its place when it is ready.
    for (const feed of this.open) if (feed.stalledSinceMs + STALLED_MS <= nowMs) this.leaveOff(feed);
    this.serve(nowMs);
    this.endIf((feed) => feed.ready && feed.catchUp === null && feed.endMs <= nowMs && !this.isBehind(feed), 'ok');
  }

  /** There is something that it has not looked at. */
  private isBehind(feed: Feed): boolean {
    return feed.place < this.recent.last;
  }

  /** When `watch` is next needed; Infinity for never. */
  nextWakeMs(nowMs: number): number {
    let atMs = Number.POSITIVE_INFINITY;
    for (const feed of this.open) {
      atMs = Math.min(atMs, feed.stalledSinceMs + STALLED_MS);
      // Who waits for what is being read is told when it is.
      if (!feed.ready || feed.catchUp !== null) continue;
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
      this.opened(feed, { outcome: 'ok' });
    }
  }
}
