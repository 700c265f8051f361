import { advance } from '../core/advance.ts';
import { apply } from '../core/apply.ts';
import type { Fact } from '../core/facts.ts';
import { type Image, imagesOf, Restoration } from '../core/image.ts';
import type { Limits } from '../core/limits.ts';
import { ShardState } from '../core/state.ts';
import type { Charged, ProcessFact, Revoked, Started } from '../ports.ts';
import { BytesError, Reader } from './bytes.ts';
import { type Entry, type Head, readRecord } from './record.ts';

/** What a journal says: shards and process, made by the reducer that made them in the process that wrote it. */
export class Replica {
  readonly shards: ShardState[] = [];
  /** Of the last process; 0 before the first. */
  epoch = 0;
  limits: Limits | null = null;
  /** Facts taken. */
  facts = 0;
  /** Sees every fact of a shard before it is applied, and may throw. */
  before: (shard: ShardState, fact: Fact) => void = () => {};
  private readonly revoked = new Map<string, Revoked>();
  private readonly charged = new Map<string, Charged>();
  /** Time of the last fact. */
  private nowMs = 0;
  /** The one shard whose facts are taken; all of them without. */
  private readonly only: number | undefined;

  constructor(only?: number) {
    this.only = only;
  }

  /** Takes every record of a frame's body. @throws BytesError, or what `apply` throws on a fact that does not fit */
  takeBody(body: Uint8Array): void {
    const r = new Reader(body);
    while (r.at < r.end) this.take(readRecord(r));
  }

  private take({ shard, item }: Entry): void {
    this.facts++;
    if (shard === null) return this.process(item as ProcessFact);
    if (this.only !== undefined && shard !== this.only) return;
    const state = this.shards[shard];
    if (state === undefined) throw new BytesError(`no shard ${shard}`);
    const fact = item as Fact;
    this.nowMs = fact.atMs;
    this.before(state, fact);
    apply(state, fact);
  }

  private process(fact: ProcessFact): void {
    switch (fact.name) {
      case 'started':
        return this.started(fact);
      case 'limited':
        return this.useLimits(fact.limits);
      case 'revoked':
        this.revoked.set(`${fact.kind} ${fact.value}`, fact);
        return;
      case 'charged':
        this.charge(fact);
        return;
      default:
        throw new BytesError('no fact of a process');
    }
  }

  /** In the order in which they were charged last, however much of it a snapshot left out. */
  private charge(fact: Charged): void {
    const key = `${fact.nonce} ${fact.line}`;
    this.charged.delete(key);
    this.charged.set(key, fact);
  }

  private started({ shards, epoch, limits }: Started): void {
    if (epoch <= this.epoch) throw new BytesError(`epoch ${epoch} after ${this.epoch}`);
    this.open(shards, limits);
    this.epoch = epoch;
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

  /** Revocations, and the quota windows that are not over. */
  processFacts(): ProcessFact[] {
    const running = [...this.charged.values()].filter(({ endMs }) => endMs > this.nowMs);
    return [...this.revoked.values(), ...running];
  }

  // ---- snapshots

  /** Everything, as records of a snapshot. */
  *entries(): Generator<Entry> {
    for (const fact of this.processFacts()) yield { shard: null, item: fact };
    for (const state of this.shards) {
      for (const image of imagesOf(state)) yield { shard: state.shard, item: image };
    }
  }

  /** Takes a snapshot's records in their order, from its head on. */
  static restoring(only?: number): { take: (entry: Entry) => void; done: () => { replica: Replica; head: Head } } {
    const replica = new Replica(only);
    const restorations: Restoration[] = [];
    let head: Head | null = null;
    let records = 0;
    let whole = false;
    const take = ({ shard, item }: Entry): void => {
      if (head === null) {
        if (item.name !== 'head') throw new BytesError('no snapshot: its head is missing');
        head = item;
        replica.open(item.shards, item.limits);
        replica.epoch = item.epoch;
        for (let i = 0; i < item.shards; i++) restorations.push(new Restoration(i, item.limits));
      } else if (item.name === 'end') whole = item.records === records;
      else if (shard === null) replica.process(item as ProcessFact);
      else if (only === undefined || shard === only) (restorations[shard] as Restoration).take(item as Image);
      records++;
    };
    const done = () => {
      if (head === null || !whole) throw new BytesError('not whole');
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
