import type { Timers } from '../ports/clock.ts';
import type { Company, Leases, Member, Members, SharedRevocation } from '../ports/engine.ts';
import { Claiming } from './claiming.ts';

/** Parts of a lease: how often a node says that it is there; */
const BEAT_PART = 1 / 30;
/** and what is not answered within so much of it will not be. */
const ANSWER_PART = 2 / 15;

export interface SharingOptions {
  readonly engine: { readonly leases: Leases; readonly members: Members };
  readonly member: Member;
  readonly shards: number;
  readonly timers: Timers;
  /** Runs while the machine does; nobody sets it. */
  readonly monotonicMs: () => number;
  readonly events?: SharingEvents;
}

export interface SharingEvents {
  /** There are shards to claim, or to hand over. */
  moved?(): void;
  /** Who is there, and has what. */
  seen?(company: Company): void;
  /** Capabilities ended, wherever that was said; each is told once. */
  revoked?(revocations: readonly SharedRevocation[]): void;
  /** Owners whose leases were ended, for their processes are gone. */
  dismissed?(owner: string): void;
  /** The node's name is another process's by now: this one is of no more use. Said once. */
  replaced?(error: Error): void;
}

/** A node among others on an engine: it says that it is there, and finds out which shards are for it to have. */
export class Sharing {
  readonly member: Member;
  /** The log of this node's processes. */
  readonly log: number;
  private readonly options: SharingOptions;
  private readonly claiming: Claiming;
  private readonly leaseMs: number;
  private readonly unwatch: () => void;
  private timer: unknown = null;
  private askedMs: number | null = null;
  /** When the engine was heard last. */
  heardMs: number;
  /** Something changed while an answer was under way, which may not tell of it. */
  private isNews = false;
  private isBegun = false;
  private isOver = false;
  /** The number of the last revocation that was told. */
  private revoked = 0;
  private isReading = false;
  private claims: readonly number[] = [];
  private handsOver: number[] = [];

  /** Takes the name. Calls `done` once, with a sentence where another process has it. */
  static join(options: SharingOptions, done: (joined: Sharing | Error) => void): void {
    const { engine, member } = options;
    engine.members.join(member, (result) => {
      if (result instanceof Error) return done(result);
      if ('taken' in result) return done(new NameInUse(member.name, result.taken));
      done(new Sharing(options, result.log));
    });
  }

  private constructor(options: SharingOptions, log: number) {
    const { engine, member, shards } = options;
    this.options = options;
    this.member = member;
    this.log = log;
    this.leaseMs = engine.leases.leaseMs;
    this.heardMs = options.monotonicMs();
    this.claiming = new Claiming(member, shards, this.leaseMs);
    this.unwatch = engine.leases.watch(() => this.beat());
  }

  /** From now on it says that it is there, and finds out what is for it. Whatever is given back before that is for others. */
  begin(): void {
    this.isBegun = true;
    this.beat();
  }

  /** All that was revoked so far is told of before anything is claimed. Calls `done` once. */
  catchUp(done: (error: Error | null) => void): void {
    this.isReading = true;
    this.options.engine.members.revocations(this.revoked, (page) => {
      this.isReading = false;
      if (page instanceof Error) return done(page);
      this.revoked = page.last;
      if (page.revocations.length > 0) this.options.events?.revoked?.(page.revocations);
      if (page.isEnd) done(null);
      else this.catchUp(done);
    });
  }

  mayClaim(shard: number): boolean {
    return !this.isOver && this.claiming.mayClaim(shard);
  }

  claimed(shard: number, isOurs: boolean): void {
    this.claiming.claimed(shard, isOurs, this.options.monotonicMs());
  }

  wanted(): readonly number[] {
    return this.claims;
  }

  /** Each is named once. */
  unwanted(): readonly number[] {
    return this.handsOver.length === 0 ? this.handsOver : this.handsOver.splice(0);
  }

  /** Nothing is asked any more. */
  stop(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.claims = [];
    this.unwatch();
    if (this.timer !== null) this.options.timers.clearTimeout(this.timer);
  }

  /** It goes: it claims nothing more, and all that it has is to go to others. Nobody counts on it from now on. */
  retire(shards: number): void {
    if (this.isOver) return;
    this.stop();
    this.handsOver = Array.from({ length: shards }, (_, shard) => shard);
    this.options.engine.members.leave(this.member, () => {});
  }

  private beat(): void {
    if (this.isOver || !this.isBegun) return;
    const { engine, monotonicMs } = this.options;
    const nowMs = monotonicMs();
    if (this.askedMs !== null && nowMs - this.askedMs < ANSWER_PART * this.leaseMs) {
      this.isNews = true;
      return;
    }
    this.arm();
    this.askedMs = nowMs;
    this.isNews = false;
    engine.members.beat(this.member, (result) => {
      // One that was given up is not heard.
      if (this.isOver || this.askedMs !== nowMs) return;
      this.askedMs = null;
      if (result instanceof Error) return;
      this.heardMs = monotonicMs();
      if ('taken' in result) return this.replaced(result.taken);
      this.look(result);
      if (this.isNews) this.beat();
    });
  }

  private arm(): void {
    const { timers } = this.options;
    if (this.timer !== null) timers.clearTimeout(this.timer);
    this.timer = timers.setTimeout(() => {
      this.timer = null;
      this.beat();
      // Where an answer is waited for.
      if (this.timer === null && !this.isOver) this.arm();
    }, this.leaseMs * BEAT_PART);
  }

  private look(company: Company): void {
    const { engine, monotonicMs, events } = this.options;
    const { wanted, unwanted, dead } = this.claiming.seen(company, monotonicMs());
    events?.seen?.(company);
    // What could not be read is read after the next beat.
    if (company.revoked > this.revoked && !this.isReading) this.catchUp(() => {});
    this.claims = wanted;
    if (unwanted !== null) this.handsOver.push(unwanted);
    for (const owner of dead)
      engine.leases.dismiss(owner, (error) => {
        if (error !== null || this.isOver) return;
        events?.dismissed?.(owner);
        this.beat();
      });
    if (wanted.length > 0 || unwanted !== null) events?.moved?.();
  }

  private replaced(by: string): void {
    this.stop();
    this.options.events?.replaced?.(new NameInUse(this.member.name, by));
  }
}

export class NameInUse extends Error {
  constructor(name: string, why: string) {
    super(`node ${name}: ${why}. Each node of a cluster has a name of its own (node_name)`);
  }
}
