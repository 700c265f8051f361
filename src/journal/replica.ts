import { advance } from '../core/advance.ts';
import { apply } from '../core/apply.ts';
import type { Fact } from '../core/facts.ts';
import { type Image, imagesOf, Restoration } from '../core/image.ts';
import type { Limits } from '../core/limits.ts';
import type { Message } from '../core/message.ts';
import { shardOf } from '../core/msg-id.ts';
import { ShardState } from '../core/state.ts';
import type { Contents } from '../ports/journal.ts';
import type { Happened, Past } from '../ports/past.ts';
import type { Barred, Charged, Clocks, ProcessFact, Revoked, Started } from '../ports/process-facts.ts';
import { BytesError, Reader } from './bytes.ts';
import { History } from './history.ts';
import { readRecord } from './record.ts';
import { type Entry, type Head, isEnd, isFact, isImage, isProcessFact } from './record-items.ts';
import { APART } from './record-parts.ts';
import { RedriveTasks } from './redrive-tasks.ts';
import { SnapshotCheck } from './snapshot-check.ts';

/** What a replica takes of what it is given, and keeps. */
export interface Taking {
  /** Only what happened to this shard; the others stay empty. */
  readonly shard?: number;
  /** Remembers so many of the last facts of messages (B10); none without. */
  readonly remember?: number;
  /** Keeps no payloads, as if all of them were apart from the log. */
  readonly isLean?: boolean;
  /** Is told each fact of a message, and what it made of it. */
  readonly told?: (fact: Happened) => void;
}

/** What a journal says: shards and process, made by the reducer that made them in the process that wrote it. */
export class Replica {
  readonly shards: ShardState[] = [];
  /** Of the last process; 0 before the first. */
  term = 0;
  limits: Limits | null = null;
  /** Facts taken. */
  facts = 0;
  /** Messages that entered and that left with them. */
  entered = 0;
  left = 0;
  /** Sees every fact of a shard before it is applied, and may throw. */
  before: (shard: ShardState, fact: Fact) => void = () => {};
  private readonly revoked = new Map<string, Revoked>();
  private readonly charged = new Map<string, Charged | Barred>();
  /** Time of the last fact. */
  private nowMs = 0;
  private said: Clocks | null = null;
  /** The one shard whose facts are taken; all of them without. */
  private readonly only: number | undefined;
  private readonly isLean: boolean;
  private readonly history: History;
  private readonly redrives = new RedriveTasks();

  constructor({ shard, remember = 0, isLean = false, told }: Taking = {}) {
    this.only = shard;
    this.isLean = isLean;
    this.history = new History(remember, told);
  }

  /** Takes every record of a frame's body. @throws BytesError, or what `apply` throws on a fact that does not fit */
  takeBody(body: Uint8Array): void {
    const r = new Reader(body);
    while (r.at < r.end) this.take(readRecord(r));
  }

  private take({ shard, item }: Entry): void {
    if (item.name !== 'clocks') this.facts++;
    if (shard === null) return this.process(item);
    if (this.only !== undefined && shard !== this.only) return;
    const state = this.shards[shard];
    if (state === undefined) throw new BytesError(`no shard ${shard}`);
    if (!isFact(item)) throw new BytesError(`${item.name}: in the log`);
    const fact = this.isLean && item.name === 'sent' ? { ...item, payload: APART } : (item as Fact);
    if (fact.name === 'sent' && shardOf(fact.msgId) !== shard)
      throw new BytesError(`${fact.msgId} is not of shard ${shard}`);
    this.nowMs = fact.atMs;
    if (fact.name === 'sent') this.entered++;
    if (isEnd(fact)) this.left++;
    this.before(state, fact);
    const isOld = fact.name !== 'sent' && fact.name !== 'recovered';
    const known = isOld ? state.find(fact.msgId) : undefined;
    apply(state, fact, known);
    if (fact.name === 'recovered') return;
    this.history.fact(fact, known ?? (state.find(fact.msgId) as Message), shard);
  }

  private process(fact: Entry['item']): void {
    if (!isProcessFact(fact)) throw new BytesError(`${fact.name}: in the log`);
    switch (fact.name) {
      case 'started':
        return this.started(fact);
      case 'limited':
        return this.useLimits(fact.limits);
      case 'revoked':
        this.revoked.set(`${fact.kind} ${fact.value}`, fact);
        return;
      case 'charged':
      case 'barred':
        return this.charge(fact);
      case 'clocks':
        return this.showed(fact);
      case 'told':
        return this.history.goOn(fact);
      case 'redrive_begun':
        return this.redrives.begun(fact);
      case 'redrive_went':
        return this.redrives.went(fact);
    }
  }

  private showed(clocks: Clocks): void {
    const lastMs = Math.max(this.nowMs, this.said?.serviceMs ?? 0);
    if (clocks.serviceMs < lastMs) throw new BytesError(`clocks: service_ms ${clocks.serviceMs} after ${lastMs}`);
    this.said = clocks;
  }

  /**
   * What both clocks showed last; null before the first process. Where no record says so, one clock was both: the facts of
   * earlier versions stand at the wall clock.
   */
  get clocks(): Clocks | null {
    const { said, nowMs } = this;
    if (said !== null) return { ...said, serviceMs: Math.max(said.serviceMs, nowMs) };
    return this.term === 0 ? null : { name: 'clocks', serviceMs: nowMs, wallMs: nowMs };
  }

  /** What was told by then, and what of it was to be remembered. */
  get past(): Past {
    return this.history.past();
  }

  /** In the order in which they were charged last, however much of it a snapshot left out. */
  private charge(fact: Charged | Barred): void {
    const key = keyOf(fact.nonce, fact.chain, fact.name === 'charged' ? fact.line : 'barred');
    this.charged.delete(key);
    this.charged.set(key, fact);
  }

  private started({ shards, term, limits, atMs }: Started): void {
    if (term !== this.term + 1) throw new BytesError(`started: term is ${term}, after ${this.term}`);
    this.open(shards, limits);
    this.term = term;
    this.nowMs = atMs;
    this.history.began(atMs);
  }

  /** As many shards as the journal has, which never changes. */
  private open(shards: number, limits: Limits): void {
    if (this.shards.length === 0) {
      for (let shard = 0; shard < shards; shard++) this.shards.push(new ShardState(shard, limits));
    }
    if (this.shards.length !== shards) throw new BytesError(`${shards} shards after ${this.shards.length}`);
    this.useLimits(limits);
  }

  private useLimits(limits: Limits): void {
    this.limits = limits;
    for (const state of this.shards) state.limits = limits;
  }

  /** Time passes without a fact, up to what `untilMs` says of a shard; one of which no fact tells has none. */
  pass(untilMs: (shard: number) => number): void {
    for (const state of this.shards) {
      const ms = untilMs(state.shard);
      if (state.nowMs === 0 || ms <= state.nowMs) continue;
      advance(state, ms);
      this.nowMs = Math.max(this.nowMs, ms);
    }
  }

  /** Revocations, the quota windows that are not over, and redrives. */
  processFacts(): ProcessFact[] {
    const running = [...this.charged.values()].filter((fact) => fact.endMs > this.nowMs && !this.isBelowBar(fact));
    return [...this.revoked.values(), ...running, ...this.redrives.facts()];
  }

  /** Whether a bar further up stands for it: one that does not end before it. */
  private isBelowBar({ nonce, chain = '', endMs }: Charged | Barred): boolean {
    for (let above = chain; above !== ''; ) {
      above = above.slice(0, Math.max(0, above.lastIndexOf('.')));
      const bar = this.charged.get(keyOf(nonce, above, 'barred'));
      if (bar !== undefined && bar.endMs >= endMs) return true;
    }
    return false;
  }

  /** What is of no shard, as a snapshot of its log said it, and shards that were made elsewhere. @throws BytesError */
  static of(
    { term, shards, limits }: Pick<Head, 'term' | 'shards' | 'limits'>,
    facts: readonly ProcessFact[],
    states: readonly ShardState[] = [],
  ): Replica {
    const replica = new Replica();
    replica.open(shards, limits);
    replica.term = term;
    for (const fact of facts) replica.process(fact);
    for (const state of states) {
      replica.shards[state.shard] = state;
      replica.nowMs = Math.max(replica.nowMs, state.nowMs);
    }
    return replica;
  }

  // ---- snapshots

  /** Everything, as records of a snapshot. */
  *entries(): Generator<Entry> {
    const told = this.history.said();
    if (told !== null) yield { shard: null, item: told };
    yield* this.holds();
  }

  /** What is of no shard. */
  *processEntries(): Generator<Entry> {
    for (const entry of this.entries()) {
      if (entry.shard !== null) return;
      yield entry;
    }
  }

  /** What the shards and the process are, by whatever way they came to be that. */
  *holds(): Generator<Entry> {
    if (this.said !== null) yield { shard: null, item: this.said };
    for (const fact of this.processFacts()) yield { shard: null, item: fact };
    for (const state of this.shards) {
      for (const image of imagesOf(state)) yield { shard: state.shard, item: image };
    }
  }

  /**
   * Takes a snapshot's records in their order, from its head on: that of the frame `sequence`, in a file of so many bytes.
   * Both throw on what does not fit.
   */
  static restoring(
    sequence: number,
    fileBytes: number,
    taking: Taking = {},
  ): { take: (entry: Entry) => void; done: () => { replica: Replica; head: Head } } {
    const replica = new Replica(taking);
    const { shard: only, isLean = false } = taking;
    const check = new SnapshotCheck(sequence, fileBytes);
    const restorations: Restoration[] = [];
    const take = (entry: Entry): void => {
      check.take(entry);
      const { shard, item } = entry;
      if (item.name === 'head') {
        replica.open(item.shards, item.limits);
        replica.term = item.term;
        for (let i = 0; i < item.shards; i++) restorations.push(new Restoration(i, item.limits));
      } else if (isProcessFact(item)) replica.process(item);
      else if (isImage(item) && (only === undefined || shard === only))
        restorations[shard as number]?.take(isLean ? lean(item) : item);
    };
    const done = () => {
      const head = check.done();
      for (const [shard, restoration] of restorations.entries()) {
        const state = restoration.done();
        replica.shards[shard] = state;
        replica.nowMs = Math.max(replica.nowMs, state.nowMs);
      }
      return { replica, head };
    };
    return { take, done };
  }
}

const lean = (image: Image): Image =>
  image.name === 'message' && image.message.payload !== null
    ? { ...image, message: { ...image.message, payload: APART } }
    : image;

/** What a process that takes it over must know; without one nobody has written anything yet. */
export const contentsOf = (replica: Replica | undefined): Contents => ({
  limits: replica?.limits ?? null,
  processFacts: replica?.processFacts() ?? [],
  clocks: replica?.clocks ?? null,
  past: replica?.past ?? null,
});

const keyOf = (nonce: string, chain = '', line: string): string => `${nonce} ${chain} ${line}`;
