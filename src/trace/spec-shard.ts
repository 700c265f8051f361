import { Heap } from '../core/heap.ts';
import type { MessageVariables, TraceConstants } from './format.ts';

const NEVER = Number.POSITIVE_INFINITY;

/** A message as the specification has it, with times as they are on the trace's clock instead of what is left of them. */
export class SpecMessage {
  readonly msgId: string;
  /** Its number in the order of sends: m of `tla/Mailbox.tla`. */
  readonly m: number;
  readonly topic: SpecTopic;
  readonly key: string;
  state: MessageVariables['state'] = 'absent';
  attempt = 0;
  epoch = 0;
  redrives = 0;
  releases = 0;
  receipt = 0;
  visibility = 0;
  reason: MessageVariables['reason'] = 'none';
  error: MessageVariables['error'] = 'none';
  timerAt = 0;
  leftAt = 0;
  ttlAt = NEVER;
  keepAt = NEVER;
  windowAt = 0;
  /** Places in the heaps of a shard and of its topic. */
  linePlace = -1;
  ttlPlace = -1;
  keepPlace = -1;

  constructor(msgId: string, m: number, topic: SpecTopic, key: string) {
    this.msgId = msgId;
    this.m = m;
    this.topic = topic;
    this.key = key;
  }

  get waits(): boolean {
    return this.state === 'queued' || this.state === 'redelivered';
  }
}

class ByTimer extends Heap<SpecMessage> {
  protected key = (m: SpecMessage): number => m.timerAt;
  protected place = (m: SpecMessage): number => m.linePlace;
  protected setPlace(m: SpecMessage, place: number): void {
    m.linePlace = place;
  }
}
class ByNumber extends ByTimer {
  protected override key = (m: SpecMessage): number => m.m;
}
class ByTtl extends Heap<SpecMessage> {
  protected key = (m: SpecMessage): number => m.ttlAt;
  protected place = (m: SpecMessage): number => m.ttlPlace;
  protected setPlace(m: SpecMessage, place: number): void {
    m.ttlPlace = place;
  }
}
class ByKeep extends Heap<SpecMessage> {
  protected key = (m: SpecMessage): number => m.keepAt;
  protected place = (m: SpecMessage): number => m.keepPlace;
  protected setPlace(m: SpecMessage, place: number): void {
    m.keepPlace = place;
  }
}

class SpecTopic {
  /** Waiting and available, by number. */
  readonly available = new ByNumber();
  /** Oldest first. */
  readonly dead = new Set<SpecMessage>();
}

/**
 * A shard as `tla/Mailbox.tla` has it, for traces of any length: the same variables, kept in the order in which the guards ask for
 * them. Nothing of src/core decides here.
 */
export class SpecShard {
  readonly c: TraceConstants;
  nowMs = 0;
  /** How far the shard's own time, which never goes back, is ahead of the trace's: every time below is its own. */
  private aheadMs = 0;
  /** A step was taken: nothing more is found. */
  isBegun = false;
  depth = 0;
  inflight = 0;
  /** dlq: oldest first. */
  readonly dead = new Set<SpecMessage>();
  /** Live idempotency entries by topic and key (ID1). */
  readonly keys = new Map<string, SpecMessage>();
  private readonly topics = new Map<string, SpecTopic>();
  private readonly messages = new Map<string, SpecMessage>();
  private readonly leases = new ByTimer();
  private readonly delayed = new ByTimer();
  private readonly ttls = new ByTtl();
  private readonly keeps = new ByKeep();
  private windows: SpecMessage[] = [];
  private closed = 0;
  private sent = 0;

  constructor(c: TraceConstants) {
    this.c = c;
  }

  find(msgId: string): SpecMessage | undefined {
    return this.messages.get(msgId);
  }

  /** A message that is not sent yet. */
  absent(msgId: string, topic: string, idemKey: string): SpecMessage {
    let known = this.topics.get(topic);
    if (known === undefined) {
      known = new SpecTopic();
      this.topics.set(topic, known);
    }
    return new SpecMessage(msgId, this.sent + 1, known, `${topic} ${idemKey}`);
  }

  /** firstAvailable: the available message of this topic with the lowest number (LE1). */
  first(topic: SpecTopic): SpecMessage | undefined {
    return topic.available.first();
  }

  /** MayPass: what time alone asks for is done. */
  mayPass(): string | null {
    const nowMs = this.ownMs;
    const lease = this.leases.first();
    if (lease !== undefined && lease.timerAt <= nowMs) return `the lease of ${lease.msgId} is over and did not end`;
    const mortal = this.ttls.first();
    if (mortal !== undefined && mortal.ttlAt <= nowMs) return `the ttl of ${mortal.msgId} is over and it still waits`;
    const kept = this.keeps.first();
    if (kept !== undefined && kept.keepAt <= nowMs)
      return `the retention of ${kept.msgId} is over and it is still there`;
    return null;
  }

  /** LetPass: it is `nowMs` now. */
  pass(nowMs: number): void {
    this.nowMs = nowMs;
    const atMs = this.ownMs;
    for (let m = this.delayed.first(); m !== undefined && m.timerAt <= atMs; m = this.delayed.first()) {
      this.delayed.remove(m);
      m.topic.available.push(m);
    }
    for (let m = this.windows[this.closed]; m !== undefined && m.windowAt <= atMs; m = this.windows[this.closed]) {
      this.closed++;
      m.windowAt = 0;
      this.keys.delete(m.key);
    }
    if (this.closed > 4096 && this.closed * 2 > this.windows.length) {
      this.windows = this.windows.slice(this.closed);
      this.closed = 0;
    }
  }

  /** A clock that was set back: no time passed, and what is left of every time is what was (TM1). */
  setBack(nowMs: number): void {
    this.aheadMs += this.nowMs - nowMs;
    this.nowMs = nowMs;
  }

  private get ownMs(): number {
    return this.nowMs + this.aheadMs;
  }

  /** Its variables as they are now. */
  variablesOf(m: SpecMessage): MessageVariables {
    const nowMs = this.ownMs;
    const rest = (atMs: number): number => (atMs === NEVER || atMs <= nowMs ? 0 : atMs - nowMs);
    const { state, attempt, epoch, redrives, releases, receipt, visibility, reason, error } = m;
    const lives = state === 'leased' || m.waits;
    return {
      state,
      attempt,
      epoch,
      redrives,
      releases,
      receipt,
      visibility,
      reason,
      error,
      timer: lives ? rest(m.timerAt) : 0,
      left: state === 'leased' ? rest(m.leftAt) : 0,
      ttl: !lives || m.ttlAt === NEVER ? -1 : rest(m.ttlAt),
      keep: rest(m.keepAt),
      window: rest(m.windowAt),
    };
  }

  /** The message becomes this: it leaves every line that its state kept it in and joins those of the new one. */
  become(m: SpecMessage, now: MessageVariables): void {
    if (m.state === 'absent') this.enter(m, now.window);
    else this.leave(m);
    const nowMs = this.ownMs;
    m.state = now.state;
    m.attempt = now.attempt;
    m.epoch = now.epoch;
    m.redrives = now.redrives;
    m.releases = now.releases;
    m.receipt = now.receipt;
    m.visibility = now.visibility;
    m.reason = now.reason;
    m.error = now.error;
    m.timerAt = nowMs + now.timer;
    m.leftAt = nowMs + now.left;
    m.ttlAt = now.ttl < 0 ? NEVER : nowMs + now.ttl;
    m.keepAt = now.keep === 0 && !this.isKept(now.state) ? NEVER : nowMs + now.keep;
    this.join(m);
  }

  /** A retention of 0 is one without an end. */
  private isKept(state: MessageVariables['state']): boolean {
    if (state === 'dead_lettered') return this.c.DlqRetention > 0;
    return (state === 'queued' || state === 'redelivered') && this.c.ReadyRetention > 0;
  }

  private enter(m: SpecMessage, window: number): void {
    this.sent++;
    this.messages.set(m.msgId, m);
    // Found after its window.
    if (window === 0) return;
    m.windowAt = this.ownMs + window;
    this.windows.push(m);
    this.keys.set(m.key, m);
  }

  private leave(m: SpecMessage): void {
    if (m.state === 'leased') {
      this.leases.remove(m);
      this.inflight--;
      this.depth--;
    } else if (m.waits) {
      (m.topic.available.has(m) ? m.topic.available : this.delayed).remove(m);
      this.depth--;
    } else if (m.state === 'dead_lettered') {
      this.dead.delete(m);
      m.topic.dead.delete(m);
    }
    if (m.ttlPlace >= 0) this.ttls.remove(m);
    if (m.keepPlace >= 0) this.keeps.remove(m);
  }

  private join(m: SpecMessage): void {
    if (m.state === 'leased') {
      this.leases.push(m);
      this.inflight++;
      this.depth++;
    } else if (m.waits) {
      if (m.timerAt > this.ownMs) this.delayed.push(m);
      else m.topic.available.push(m);
      if (m.ttlAt !== NEVER) this.ttls.push(m);
      this.depth++;
    } else if (m.state === 'dead_lettered') {
      this.dead.add(m);
      m.topic.dead.add(m);
    }
    if (m.keepAt !== NEVER) this.keeps.push(m);
  }
}
