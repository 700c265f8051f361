import type { Limits } from '../core/limits.ts';
import { topicKeyOf } from '../journal/frame.ts';
import { contentsOf } from '../journal/replica.ts';
import type { Timers } from '../ports/clock.ts';
import type { EnginePromise } from '../ports/engine.ts';
import type { Claim, Contents, JournalBackend, Unclaimed } from '../ports/journal.ts';
import { EngineLog, type EngineLogOptions } from './engine-log.ts';
import { type EngineTime, HeldLeases } from './held-leases.ts';
import { ProcessReplay, ShardReplay, type Summed } from './replays.ts';
import type { Sharing } from './sharing.ts';
import { makeSnapshot } from './snapshot-making.ts';

/** A log that is longer than this since its last snapshot gets another one: reading it must not take long. */
export const SNAPSHOT_BYTES = 64 << 20;
/** One that could not be made is not tried again sooner: a log is read for it, and what is full does not get emptier by it. */
const SNAPSHOT_AGAIN_MS = 60_000;
/** An engine that says nothing for so much of a lease is missed. */
const QUIET_PART = 2 / 5;
/** Part of a lease after which that of the process is asked for again. */
const AGAIN_PART = 1 / 15;

export interface EngineJournalOptions extends Pick<EngineLogOptions, 'engine' | 'secret' | 'answersWithinMs'> {
  /** The node's name: its own among all that use the engine, and another one for each of its processes. */
  readonly owner: string;
  readonly shards: number;
  /** The log for what is of no shard, which is this process's alone: from `shards` on. */
  readonly processLog: number;
  readonly timers: Timers;
  readonly monotonicMs: () => number;
  /** Logs that are claimed although what was answered of them may be gone. */
  readonly acceptsLoss?: readonly number[];
  /** Whether an engine without a standby will not do: then none is begun on, and sends wait where it went since. */
  readonly requiresReplica?: boolean;
  readonly snapshotBytes?: number;
  /** Whether topics are spread over the shards with the secret of the logs (BD5): for all nodes alike, and for good. */
  readonly keysTopics?: boolean;
  /** Shares the shards out among the nodes; without it every shard is claimed that is asked for. */
  readonly sharing?: Sharing;
  readonly events?: EngineJournalEvents;
}

export interface EngineJournalEvents {
  /** A shard is claimed; whatever comes of it. */
  claiming?(shard: number): void;
  /** A lease is over: `lapsed` has it. */
  lapsed?(): void;
  /** The engine showed this time; it did before the journal is open. */
  heard?(time: EngineTime): void;
  /** It promises more or less than before: `condition` is another. */
  conditionChanged?(): void;
  /** A snapshot of a log is there, or could not be made. */
  snapshot?(number: number, error: Error | null): void;
}

interface Claimed {
  readonly log: EngineLog;
  /** Those of the shard as it stands. */
  readonly limits: () => Limits;
}

/** Shards in the logs of an engine that several processes share. */
export class EngineJournal implements JournalBackend {
  readonly contents: Contents;
  readonly shards: number;
  readonly logs: number;
  readonly processLog: EngineLog;
  /** What the engine promised last. */
  promise: EnginePromise;
  private readonly options: EngineJournalOptions;
  private readonly leases: HeldLeases;
  private readonly claimed = new Map<number, Claimed>();
  private readonly over: number[] = [];
  private failure: Error | null = null;
  private snapshots = 0;
  private isMaking = false;
  private isClosed = false;
  /** By log: when a snapshot that could not be made may be tried again. */
  private readonly againMs = new Map<number, number>();

  /** Claims the log of the process and reads it. Calls `done` once. */
  static open(options: EngineJournalOptions, done: (opened: EngineJournal | Error) => void): void {
    let journal: EngineJournal | null = null;
    const { engine, owner, timers, monotonicMs, processLog: number, events } = options;
    const leases = new HeldLeases({
      ...{ leases: engine.leases, owner, timers, monotonicMs },
      over: (log) => journal?.isOver(log),
      measured: (time) => events?.heard?.(time),
      renewed: () => journal?.askForPromise(),
    });
    const replay = new ProcessReplay();
    const log = new EngineLog({
      ...{ ...options, leases, number, shard: null },
      isOurs: ({ shard }) => shard === null,
      failed: (error) => journal?.fail(error),
      acceptsLoss: options.acceptsLoss?.includes(number) === true,
    });
    const failed = (error: Error): void => {
      log.release();
      leases.stop();
      done(error);
    };
    log.claim(replay, (not) => {
      if (not !== null) return failed(not.error);
      const wrong = wants(options, log.promise as EnginePromise);
      if (wrong !== null) return failed(new Error(wrong));
      leases.measure((error) => {
        if (error !== null) return failed(error);
        journal = new EngineJournal(options, leases, log, replay);
        if (!leases.isHeld(number)) journal.leaseAgain();
        done(journal);
      });
    });
  }

  private constructor(options: EngineJournalOptions, leases: HeldLeases, log: EngineLog, { replica }: ProcessReplay) {
    this.options = options;
    this.leases = leases;
    this.shards = options.shards;
    this.logs = options.processLog + 1;
    this.processLog = log;
    this.promise = log.promise as EnginePromise;
    const { secret, keysTopics = false } = options;
    const topicKey = keysTopics ? topicKeyOf(secret) : null;
    this.contents = { ...contentsOf(replica.term === 0 ? undefined : replica), topicKey };
  }

  logOf(shard: number): number {
    return shard;
  }

  /** Whether the engine is there, and keeps what it answers when a machine is lost. */
  get condition(): 'engine' | 'engine_unreplicated' | null {
    const { sharing, requiresReplica = true, monotonicMs, engine } = this.options;
    const isThere = sharing === undefined || monotonicMs() - sharing.heardMs < QUIET_PART * engine.leases.leaseMs;
    if (!isThere) return 'engine';
    return requiresReplica && !this.promise.isReplicated ? 'engine_unreplicated' : null;
  }

  /** Makes the snapshots that are wanted, one at a time. */
  tick(): void {
    const { snapshotBytes = SNAPSHOT_BYTES, monotonicMs } = this.options;
    if (this.isMaking) return;
    const nowMs = monotonicMs();
    const isWanted = ({ log }: Claimed): boolean =>
      log.bytes > snapshotBytes && log.durable !== null && nowMs >= (this.againMs.get(log.number) ?? nowMs);
    const wanted = this.all.find(isWanted);
    if (wanted !== undefined) this.snapshot(wanted, () => {});
  }

  private get all(): readonly Claimed[] {
    const ofProcess = { log: this.processLog, limits: () => this.contents.limits as Limits };
    return [...this.claimed.values(), ofProcess];
  }

  /** Nothing is renewed any more; what is claimed stays so until it is over. */
  close(): void {
    this.isClosed = true;
    this.options.sharing?.stop();
    this.leases.stop();
  }

  /** Gives back all that it has, so that nobody waits for it. Nothing may be under way. */
  letGo(): void {
    for (const { log } of this.all) log.release();
    this.close();
  }

  lapsed(): readonly number[] {
    this.leases.look();
    if (this.over.length === 0) return NONE;
    // One that was claimed again meanwhile is ours.
    return this.over.splice(0).filter((number) => !this.leases.isHeld(number));
  }

  /** For how long a shard may still be answered for. */
  leaseLeftMs(shard: number): number {
    return this.leases.leftMs(shard);
  }

  private isOver(number: number): void {
    if (number === this.processLog.number) return this.leaseAgain();
    if (!this.claimed.has(number)) return;
    this.over.push(number);
    this.options.events?.lapsed?.();
  }

  /** Nobody else is to have the log of this process; it says whose it is, and a lease keeps others from trying. */
  private leaseAgain(): void {
    const { timers, engine } = this.options;
    this.leases.claim(this.processLog.number, (not) => {
      if (not === null || this.isClosed) return;
      timers.setTimeout(() => !this.isClosed && this.leaseAgain(), AGAIN_PART * engine.leases.leaseMs);
    });
  }

  private askForPromise(): void {
    this.options.engine.promise((promise) => {
      if (!(promise instanceof Error)) this.promised(promise);
    });
  }

  /** What the engine promises by now, whoever asked: each log says so with its next frame. */
  promised(promise: EnginePromise): void {
    const before = this.condition;
    this.promise = promise;
    for (const { log } of this.all) log.promised(promise);
    if (this.condition !== before) this.options.events?.conditionChanged?.();
  }

  private fail(error: Error): void {
    this.failure ??= error;
  }

  wanted(): readonly number[] {
    return this.options.sharing?.wanted() ?? NONE;
  }

  unwanted(): readonly number[] {
    return this.options.sharing?.unwanted() ?? NONE;
  }

  /** Only what is for us to have; what comes of it is remembered, so that nothing is tried too often. */
  claim(shard: number, limits: Limits, done: (result: Claim | Unclaimed) => void): void {
    const { sharing } = this.options;
    if (sharing === undefined) return this.claimAny(shard, limits, done);
    if (!sharing.mayClaim(shard))
      return done({ shard, why: 'elsewhere', error: new Error(`shard ${shard} is another node's`) });
    this.options.events?.claiming?.(shard);
    this.claimAny(shard, limits, (result) => {
      const isHeld = 'why' in result && result.why === 'held';
      sharing.claimed(shard, !('why' in result) || isHeld);
      done(isHeld ? { ...result, why: 'elsewhere' } : result);
    });
  }

  private claimAny(shard: number, limits: Limits, done: (result: Claim | Unclaimed) => void): void {
    const { claimed, options, failure, leases } = this;
    if (failure !== null) return done({ shard, why: 'unreadable', error: failure });
    if (claimed.has(shard)) return done({ shard, why: 'held', error: new Error(`shard ${shard} is claimed`) });
    const log = new EngineLog({
      ...{ ...options, leases, number: shard, shard },
      isOurs: (batch) => batch.shard === null || batch.shard === shard,
      failed: (error) => this.fail(error),
      acceptsLoss: options.acceptsLoss?.includes(shard) === true,
    });
    const replay = new ShardReplay(shard, this.shards, limits);
    const own = { log, limits: () => replay.state.limits };
    claimed.set(shard, own);
    const letGo = (): void => {
      if (claimed.get(shard) === own) claimed.delete(shard);
      log.release();
    };
    const snapshot: Claim['snapshot'] = (taken) => this.snapshot(own, taken);
    log.claim(replay, (not) => {
      if (not !== null) {
        letGo();
        return done({ shard, ...not });
      }
      // Whoever serves it must know before that whether sends may be accepted.
      this.promised(log.promise as EnginePromise);
      done({ shard, state: replay.state, log, release: letGo, snapshot });
    });
  }

  /** Of what is durable by now; of a log that is only read nothing is known to be. */
  private snapshot({ log, limits }: Claimed, done: (error: Error | null) => void): void {
    const { engine, secret, shards, owner, events } = this.options;
    const { number, durable: place } = log;
    if (place === null) return done(null);
    const shard = log === this.processLog ? null : number;
    const replay: Summed = shard === null ? new ProcessReplay() : new ShardReplay(shard, shards, limits());
    const maker = `${owner}/${++this.snapshots}`;
    const bytesBefore = log.bytes;
    this.isMaking = true;
    makeSnapshot({ engine, number, shard, owner, secret, replay, place, maker }, (result) => {
      this.isMaking = false;
      const error = result instanceof Error ? result : null;
      if (error === null) log.bytes -= bytesBefore;
      if (error === null) this.againMs.delete(number);
      else this.againMs.set(number, this.options.monotonicMs() + SNAPSHOT_AGAIN_MS);
      events?.snapshot?.(number, error);
      done(error);
    });
  }
}

const NONE: readonly number[] = [];

/** What an engine must promise for a process to begin, and does not; null for nothing. */
function wants({ requiresReplica = true }: EngineJournalOptions, promise: EnginePromise): string | null {
  if (promise.isReplicated || !requiresReplica) return null;
  return 'the engine has no standby: what it answers is lost with it. Name one (synchronous_standby_names), or say engine_require_replica = false';
}
