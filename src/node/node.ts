import { Authority, type AuthorityOptions } from '../auth/authorize.ts';
import type { Keyring } from '../auth/keyring.ts';
import type { AskRemote } from '../auth/remote.ts';
import type { Revocation } from '../auth/revocation.ts';
import type { Limits } from '../core/limits.ts';
import type { ShardState } from '../core/state.ts';
import type { Clock, Timers } from '../ports/clock.ts';
import type { Integrity } from '../ports/integrity.ts';
import type { Batch } from '../ports/journal.ts';
import { type Claim, isClaim, type JournalBackend, type Unclaimed } from '../ports/journal.ts';
import type { Cause } from '../ports/observer.ts';
import type { Started } from '../ports/process-facts.ts';
import type { Random } from '../ports/random.ts';
import type { WhyDown } from '../service/down-shards.ts';
import type { MemoryBounds } from '../service/memory-budget.ts';
import { Service } from '../service/service.ts';
import { Authentication } from './authentication.ts';
import { conditionsOf } from './conditions.ts';
import { bounds, type HolderOf, journalView, type NodeView, shardViews } from './describe.ts';
import type { NodeObserver } from './observer.ts';
import { HandedOver, Ownership } from './ownership.ts';
import { Readiness } from './readiness.ts';
import { Requests, type TellOthers } from './requests.ts';
import { ELSEWHERE, Supervisor } from './supervisor.ts';
import { Wakes } from './wakes.ts';

/** What may change while it runs; times in ms, sizes in bytes. */
export interface NodeSettings {
  readonly limits: Limits;
  readonly streamsMax: number;
  readonly memory: MemoryBounds;
  /** How long a verified capability is remembered. */
  readonly cacheTtlMs: number;
  /** Null where a remote verifier holds the keys. */
  readonly keyring: Keyring | null;
}

export interface NodeOptions {
  readonly journal: JournalBackend;
  /** What came of claiming each of its shards; one that is not ours is asked for again and again. */
  readonly claims: readonly (Claim | Unclaimed)[];
  readonly settings: NodeSettings;
  readonly authority: AuthorityOptions;
  /** Goes on from `journal.contents.clocks`. */
  readonly clock: Clock & { instantOf(atMs: number): number };
  readonly timers: Timers;
  readonly random: Random;
  readonly integrity: Integrity;
  readonly observer: NodeObserver;
  /** Asks for a call of `wake` at this time of its clock; one is outstanding, and an earlier one takes its place. */
  readonly wakeAt: (atMs: number) => void;
  /** Runs something soon, after what else comes in now; without it at once. Appends of a log that is kept are gathered by it. */
  readonly soon?: (run: () => void) => void;
  /** Payloads are overwritten when their message is over (I1): for a journal that keeps no reference to them. */
  readonly overwrites: boolean;
  /** Facts that are remembered for those who look. */
  readonly recentFacts?: number;
  /** Where there are other nodes: what is revoked here ends there, too. */
  readonly tellOthers?: TellOthers;
  /** The same: which of them has a shard that is not ours. */
  readonly holderOf?: HolderOf;
}

/**
 * A mailbox process, sans-I/O: the service over its journal, who may ask it, whether writers should come, shards that fall and are made
 * anew, what goes on by time. The server and the simulator run this one, with other clocks, disks and clients.
 */
export class MailboxNode {
  readonly service: Service;
  readonly authority: Authority;
  readonly authentication: Authentication;
  readonly requests: Requests;
  readonly readiness: Readiness;
  readonly clock: Clock;
  private readonly journal: JournalBackend;
  private readonly ownership: Ownership;
  /** The term in which each shard was taken over last; null where it is not ours. */
  private readonly terms: (number | null)[];
  private readonly observer: NodeObserver;
  private readonly supervisor: Supervisor<ShardState>;
  private limits: Limits;
  private readonly wakes: Wakes;
  /** Shards that somebody else is to have, and that cannot be let go of yet. */
  private readonly leaving = new Set<number>();
  private readonly holderOf: HolderOf;

  constructor(options: NodeOptions) {
    const { journal, settings, clock, timers, random, integrity, observer, soon, overwrites } = options;
    this.clock = clock;
    this.journal = journal;
    this.holderOf = options.holderOf ?? (() => null);
    const { claims } = options;
    this.terms = claims.map((result) => (isClaim(result) ? result.log.term : null));
    this.observer = observer;
    this.limits = this.limitsOf(settings);
    this.authority = new Authority(settings.keyring, clock, settings.cacheTtlMs, this.listening(options.authority));
    const isKept = journal.processLog.term !== null;
    const nothing = Service.empty(journal.shards, this.limits);
    this.service = new Service({
      shards: claims.map((result) => (isClaim(result) ? result.state : (nothing[result.shard] as ShardState))),
      logs: { count: journal.logs, own: journal.processLog.number, of: (shard) => journal.logOf(shard) },
      random,
      integrity,
      observer,
      overwrites,
      topicKey: this.limits.topicHash === 0 ? null : (journal.contents.topicKey ?? null),
      past: journal.contents.past,
      reader: journal.past,
      instantOf: (atMs) => clock.instantOf(atMs),
      stampsClocks: isKept,
      ...(options.recentFacts === undefined ? {} : { recentFacts: options.recentFacts }),
      effects: {
        append: (batches, log) => this.append(batches, log),
        fell: (shard, error, cause) => this.fell(shard, error, cause),
        ...(soon === undefined || !isKept ? {} : { soon }),
        ...(isKept ? { notes: () => [...this.authority.quotas.changes(), ...this.service.redriveChanges()] } : {}),
      },
    });
    this.ownership = new Ownership({
      ...{ journal, claims, clock, timers, random },
      events: {
        durable: (log, batches) => this.durable(log, batches),
        unsure: (shards, error) => this.unsure(shards, error),
        sure: (shards) => this.sure(shards),
        gaveUp: (log, shards, why, error) => this.gaveUp(log, shards, why, error),
        failed: (error) => this.fail(error),
      },
    });
    const { service, authority } = this;
    this.wakes = new Wakes({
      ...{ clock, journal, service, authority, wakeAt: options.wakeAt, soon: soon ?? null },
      isDegraded: () => this.readiness.state === 'degraded_writes',
    });
    this.restore();
    this.bound(settings);
    this.authentication = new Authentication(authority, () => this.wakes.arm());
    this.requests = new Requests({
      ...{ service, authority, clock, timers, observer },
      before: () => this.giveUpLapsed(),
      after: () => this.wakes.arm(),
      ...(options.tellOthers === undefined ? {} : { tellOthers: options.tellOthers }),
    });
    this.supervisor = new Supervisor<ShardState>({
      timers,
      rebuild: (shard, done) => this.rebuild(shard, done),
      revive: (_shard, state) => this.revive(state),
      parked: (shard, forMs, error) => {
        service.down.add(shard, clock.nowMs() + forMs);
        observer.parked?.(shard, forMs, error);
        this.look();
      },
    });
    this.readiness = new Readiness({
      conditions: () => conditionsOf(service, authority, journal, clock),
      onChange: (state, refusesSends, missing) => {
        observer.state?.(state, missing);
        if (state === 'starting' || state === 'draining') service.refuseWrites(state);
        else if (state !== 'failed') service.refuseWrites(refusesSends ? 'degraded_writes' : null);
      },
    });
  }

  /** What a remote verifier answers, or does not, is news: of its health, and of when to ask again. */
  private listening(options: AuthorityOptions): AuthorityOptions {
    const { remote } = options;
    if (remote === undefined) return options;
    const asking: AskRemote = (token, done) =>
      remote(token, (...answer) => {
        done(...answer);
        this.wakes.news();
        this.wakes.arm();
      });
    return { ...options, remote: asking };
  }

  // ---- its life

  /** Takes over what the journal knew, and says so in it: served is nothing before that is durable. Calls back once. */
  open(done: (durable: boolean) => void): void {
    const { term } = this.journal.processLog;
    const { limits } = this;
    const atMs = this.clock.nowMs();
    const shards = this.service.shards.length;
    for (const { shard, why, error } of this.ownership.refused) {
      this.service.down.add(shard, atMs, why === 'unreadable' ? 'fallen' : 'not_owner');
      this.supervisor.fell(shard, error);
    }
    const started: Started | undefined = term === null ? undefined : { name: 'started', atMs, term, shards, limits };
    this.service.start(atMs, started, (durable) => {
      if (durable) this.readiness.started();
      done(durable);
    });
    this.wakes.arm();
  }

  /** What outlives a process besides messages: revocations, how far quotas are used, and redrives. */
  private restore(): void {
    const { authority, journal, service } = this;
    for (const fact of journal.contents.processFacts) {
      if (fact.name === 'revoked') {
        authority.revocations.add(fact);
        const { kind, value, atMs } = fact;
        service.decide('capability.revoked', { decision: 'allowed', kind, id: value }, atMs);
      }
      if (fact.name === 'charged' || fact.name === 'barred') authority.quotas.restore([fact], this.clock.nowMs());
    }
    const callerOf = authority.recall.bind(authority);
    service.restoreRedrives(journal.contents.processFacts, callerOf, this.clock.nowMs());
  }

  /** It was said at another node, or at this one before: it holds here, too (AU3). */
  revokedElsewhere(revocations: readonly Pick<Revocation, 'kind' | 'value'>[]): void {
    for (const { kind, value } of revocations) this.authority.revoke(kind, value);
    this.requests.endInvalid();
  }

  /** Takes all of it into use at once (P3). A root key that went takes with it what waits under its capabilities. */
  reload(settings: NodeSettings): void {
    const limits = this.limitsOf(settings);
    if (!isSame(limits, this.limits)) {
      this.limits = limits;
      this.service.changeLimits(limits);
    }
    this.bound(settings);
    const { authority } = this;
    if (settings.keyring !== null) authority.useKeyring(settings.keyring);
    authority.cache.ttlMs = settings.cacheTtlMs;
    this.requests.endInvalid();
    this.look();
    this.wakes.arm();
  }

  /** Where topics live was settled when the first process wrote: those of before had no key for it. */
  private limitsOf({ limits }: NodeSettings): Limits {
    const { limits: before, topicKey } = this.journal.contents;
    const topicHash = topicKey == null ? 0 : (before?.topicHash ?? 1);
    return { ...limits, topicHash };
  }

  private bound({ streamsMax, memory }: NodeSettings): void {
    this.service.streamsMax = streamsMax;
    this.service.memory.bounds = memory;
  }

  /** Takes no more sends, and ends what waits; what is leased can still be settled. */
  drain(): void {
    this.readiness.drain();
    this.service.endWaiting(this.clock.nowMs(), true);
    this.wakes.arm();
  }

  /** The last of it: calls back when all that it decided is durable. */
  end(done: () => void): void {
    this.rest();
    this.service.stampClocks(this.clock.nowMs());
    this.service.whenDurable(() => {
      this.ownership.stop();
      done();
    });
  }

  /** Nothing goes on by itself any more, and nothing is heard of the journal. */
  stop(): void {
    this.rest();
    this.ownership.stop();
  }

  private rest(): void {
    this.supervisor.stop();
    this.readiness.stop();
    this.wakes.stop();
  }

  // ---- the journal

  private append(batches: readonly Batch[], log: number): void {
    this.observer.appending?.(batches);
    this.wakes.appending();
    this.ownership.append(batches, log);
  }

  private durable(log: number, batches: readonly Batch[]): void {
    this.observer.appended?.(batches);
    this.service.durable(log);
    this.wakes.arm();
  }

  /** Replies are held, and nothing more is asked of these shards until it is known what became of their append. */
  private unsure(shards: readonly number[], error: Error): void {
    const { down } = this.service;
    for (const shard of shards) if (!down.has(shard)) down.add(shard, this.clock.nowMs(), 'unsure');
    this.observer.unsure?.(shards, error);
    this.look();
  }

  private sure(shards: readonly number[]): void {
    const { down } = this.service;
    for (const shard of shards) if (down.why(shard) === 'unsure') down.remove(shard);
    this.observer.unsure?.(shards, null);
    this.look();
    if (this.leaving.size > 0) this.wakes.news();
  }

  /** What was held is answered with a 503. The shards are claimed again, as what fell is, unless their log cannot be trusted. */
  private gaveUp(log: number, shards: readonly number[], why: WhyDown, error: Error): void {
    for (const shard of shards) {
      this.terms[shard] = null;
      this.leaving.delete(shard);
    }
    // Before the answers leave: whoever looks knows why they are what they are.
    this.observer.gaveUp?.(shards, error instanceof HandedOver ? 'handed_over' : why, error);
    this.service.giveUp(log, shards, why, this.clock.nowMs());
    if (why !== 'halted') for (const shard of shards) this.supervisor.fell(shard, error);
    this.look();
    this.wakes.arm();
  }

  /** A process that stood still must not answer for what is somebody else's by now. */
  private giveUpLapsed(): void {
    if (this.journal.lapsed !== undefined) this.ownership.lapse();
  }

  /** Shards come and go: what is asked for, and what is let go of when all that it decided is durable. */
  private move(): void {
    const { journal, service } = this;
    for (const shard of journal.unwanted?.() ?? []) this.leaving.add(shard);
    for (const shard of this.leaving) {
      const why = service.down.why(shard);
      // Named once: when it is known what became of its append it is let go of.
      if (why === 'unsure') continue;
      this.leaving.delete(shard);
      if (why !== null) continue;
      service.down.add(shard, this.clock.nowMs(), 'not_owner');
      this.observer.handsOver?.([shard]);
      service.whenShardDurable(shard, (durable) => durable && this.ownership.handOver(shard));
    }
    for (const shard of journal.wanted?.() ?? []) this.supervisor.wanted(shard);
  }

  /** Nobody knows what the disk holds: 503 to all that waits. */
  private fail(error: Error): void {
    this.ownership.stop();
    this.observer.failed?.(error);
    this.service.journalFailed();
    this.readiness.look();
  }

  /** What it is like at the moment. */
  describe(): NodeView {
    const { service, journal, terms, holderOf, clock } = this;
    const { ready: isReady, missing } = this.readiness.report();
    return {
      ...{ isReady, missing, bounds: bounds(service), journal: journalView(journal) },
      shards: shardViews(service, terms, holderOf, clock),
    };
  }

  /** Something was decided of who may do what, as the log says it: for those who read that. */
  decided(event: string, said: Readonly<Record<string, unknown>>): void {
    this.service.decide(event, said, this.clock.nowMs());
    if (this.service.hasDecisionReaders) this.wakes.arm();
  }

  /** What the journal lacks has changed: sends are refused, or taken again. */
  roomChanged(): void {
    this.look();
    this.wakes.arm();
  }

  // ---- shards that fall

  private fell(shard: number, error: unknown, cause: Cause | null): void {
    this.observer.fell?.(shard, error, cause);
    this.supervisor.fell(shard, error);
    this.look();
  }

  /** What it had decided before it fell is on its way to the journal, and is part of it; or its log was given up, and it is not. */
  private rebuild(shard: number, done: (error: unknown, state: ShardState | null | typeof ELSEWHERE) => void): void {
    const { service } = this;
    service.whenShardDurable(shard, () => {
      if (service.isFailed) return done(new Error('journal'), null);
      this.ownership.claimAgain(shard, this.limits, (result) => {
        if (isClaim(result)) return done(null, result.state);
        if (result.why !== 'unreadable') service.down.add(shard, this.clock.nowMs(), 'not_owner');
        done(result.error, result.why === 'elsewhere' ? ELSEWHERE : null);
      });
    });
  }

  private revive(state: ShardState): void {
    const { service, observer } = this;
    const term = this.ownership.termOf(state.shard);
    const serves = (): void => {
      observer.revived?.(state);
      this.look();
      this.wakes.arm();
    };
    const isAnother = term !== this.terms[state.shard];
    this.terms[state.shard] = term;
    try {
      // Of a new term: whoever reads the log must know from where on it is.
      if (isAnother) service.takeOver(state, this.clock.nowMs(), (durable) => durable && serves());
      else service.revive(state);
    } catch (error) {
      // As what throws in a shard that serves: it stays down, and is made anew.
      return this.fell(state.shard, error, null);
    }
    if (isAnother) this.wakes.arm();
    else serves();
  }

  // ---- time

  /** Time has passed, as far as was asked for or not as far. */
  wake(): void {
    const { wakes } = this;
    const nowMs = wakes.woken();
    if (nowMs === null) return;
    this.giveUpLapsed();
    this.move();
    this.observer.looked?.();
    // Before anything is appended: it takes note of what is in the log when nothing is under way.
    wakes.tickJournal(nowMs);
    this.service.tick(nowMs);
    this.authority.tick(nowMs);
    if (wakes.isLookDue(nowMs)) this.look();
    wakes.armNow();
  }

  /** Its clock does not run as it did: wake-ups are asked for anew. */
  clockChanged(): void {
    this.wakes.anew();
  }

  private look(): void {
    this.wakes.looked();
    this.readiness.look();
  }
}

const isSame = (some: Limits, others: Limits): boolean =>
  (Object.keys(some) as (keyof Limits)[]).every((name) => some[name] === others[name]);
