import { Restoration } from '../src/core/image.ts';
import type { Limits } from '../src/core/limits.ts';
import type { ShardState } from '../src/core/state.ts';
import { OneLog, type Replayed } from '../src/journal/one-log.ts';
import { claimAll } from '../src/node/claim-all.ts';
import { MailboxNode, type NodeSettings } from '../src/node/node.ts';
import type { NodeObserver } from '../src/node/observer.ts';
import type { Timers } from '../src/ports/clock.ts';
import type { Batch, Claim, Lack, Unclaimed } from '../src/ports/journal.ts';
import type { Random } from '../src/ports/random.ts';
import type { MemoryBounds } from '../src/service/memory-budget.ts';
import type { RecentFacts } from '../src/service/recent-facts.ts';
import { keyringOf } from './capabilities.ts';
import { mustTellAgain } from './checkers/told.ts';
import type { NodeClock } from './clock.ts';
import type { Defect } from './defects.ts';
import { Crash } from './disk.ts';
import type { Tear } from './disk-trouble.ts';
import { Door, type Host } from './door.ts';
import type { FaultLog } from './fault-log.ts';
import { NODES_MAX } from './faults/parameters.ts';
import { integrity } from './integrity.ts';
import { type Loop, RECORDS } from './loop.ts';
import type { Draws, Range } from './random.ts';
import { ShardKills, Struck } from './shard-kills.ts';
import { type Opened, SimStore } from './store.ts';
import { SimVerifier, type VerifierTrouble } from './verifier.ts';
import type { Watch } from './watch.ts';

/** A process whose journal failed is of no more use; whoever watches it starts another so much later. */
const FAILED_DOWN_MS = 500;
/** The process sees that its wall clock was set within this time. */
const LOOK_MS = 20;
/** So long after a pause it is behind. */
const CALM_MS = 10_000;
/** A shard is made anew in so much. */
const REBUILD_MS = 5;

export interface NodeParts {
  readonly index: number;
  readonly loop: Loop;
  readonly clock: NodeClock;
  readonly random: Draws & Random;
  readonly syncMs: Range;
  readonly shards: number;
  readonly mayBeDamaged: boolean;
  readonly watch: Watch;
  readonly faults: FaultLog;
  readonly limits: Limits;
  readonly cacheTtlMs: number;
  readonly connectionsMax: number;
  readonly memory: MemoryBounds;
  /** How long the remote verifier takes; null where the node holds the keys. */
  readonly verifierMs: Range | null;
  readonly diskBytes: number;
  readonly defect: Defect | null;
}

/** A machine with a mailbox process: the shipped one over simulated clocks, disk and network. A crash loses it. */
export class SimNode implements Host {
  readonly index: number;
  readonly clock: NodeClock;
  readonly store: SimStore;
  readonly door: Door;
  readonly kills: ShardKills;
  /** Null while it is down. */
  process: MailboxNode | null = null;
  pausedUntilMs = -1;
  /** It never comes back. */
  isGone = false;
  private readonly parts: NodeParts;
  /** Counts processes: what one of them began goes on in no other. */
  private generation = 0;
  /** It is there, and listens: what it took over is durable. */
  private isServing = false;
  /** What the process before told of its messages. */
  private toldBefore: RecentFacts | null = null;
  private keys: readonly number[] = [1];
  private readonly verifier: SimVerifier | null;
  /** As they are loaded now, */
  private limits: Limits;
  /** and how they differ from those it has. */
  private most: number | null = null;
  private labels: number | null = null;
  private wakeAtMs = Number.POSITIVE_INFINITY;
  private wakes = 0;
  private lack: Lack | null = null;
  /** How deep we are in what the process does. */
  private depth = 0;
  private breach: unknown = null;
  /** How long the machine is away when it stops at an op of its disk. */
  private downMs = 0;

  constructor(parts: NodeParts) {
    this.parts = parts;
    this.index = parts.index;
    this.clock = parts.clock;
    this.limits = parts.limits;
    this.kills = new ShardKills((shard) => parts.watch.fell(this.index, shard));
    this.door = new Door(parts, this);
    const { verifierMs, clock } = parts;
    this.verifier =
      verifierMs === null
        ? null
        : new SimVerifier({ clock, random: parts.random, answerMs: verifierMs }, (ms, run) => this.later(ms, run));
    const { index, loop, random, syncMs, shards, limits, mayBeDamaged, diskBytes, defect } = parts;
    this.store = new SimStore({
      ...{ index, loop, random, syncMs, shards, limits, mayBeDamaged, diskBytes },
      forgetsAcks: defect === 'forget_acks',
      live: (run) => this.live(run),
      events: { room: (lack) => this.roomChanged(lack), compacted: () => parts.watch.compacted() },
    });
  }

  get isUp(): boolean {
    return this.process !== null;
  }

  get listening(): MailboxNode | null {
    return this.isServing ? this.process : null;
  }

  get inflight(): number {
    return this.process?.service.inflight ?? 0;
  }

  // ---- the process

  /** Runs what the process does. It may die in the middle of it, at an op of its disk: then nothing after that happens. */
  live(run: () => void): void {
    if (this.depth > 0) return run();
    this.depth++;
    try {
      run();
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      this.died(true, this.downMs);
    } finally {
      this.depth--;
    }
    if (this.breach !== null) throw this.breach;
  }

  start(): void {
    if (this.process !== null || this.isGone) return;
    this.live(() => this.begin());
  }

  private begin(): void {
    const { defect, watch, loop } = this.parts;
    loop.record(RECORDS.start, this.index, this.generation);
    if (defect === 'stuck_clock') this.clock.freeze(true);
    this.lack = null;
    const opened = this.store.open();
    // It gives up with an error; whoever watches it tries again.
    if (opened === 'no_space') return loop.after(FAILED_DOWN_MS, 'end', this.timerId(), () => this.start());
    if (typeof opened === 'string') {
      watch.beyond(this.index, opened);
      this.isGone = true;
      return;
    }
    this.clock.begin(defect === 'forget_clocks' ? null : opened.clocks);
    this.kept(opened.survived);
    watch.started(this.index, opened, this.generation === 0);
    const journal = this.journalOf(opened);
    claimAll(journal, this.parts.limits, (claims) => this.run(journal, claims));
  }

  private run(journal: OneLog, claims: readonly (Claim | Unclaimed)[]): void {
    const { watch, random, defect } = this.parts;
    const { generation, clock } = this;
    const process = new MailboxNode({
      journal,
      claims,
      settings: this.settings(),
      authority: this.verifier === null ? {} : { remote: this.verifier.ask },
      ...{ clock, random, integrity, observer: this.observer(), timers: this.timers(), overwrites: false },
      wakeAt: (atMs) => this.wakeAt(atMs),
      soon: (run) => this.soon(run),
    });
    if (this.toldBefore !== null && defect === null && !this.store.trouble.hasLied)
      mustTellAgain(this.toldBefore, process.service.recent);
    // The defect: what is revoked stays good.
    if (defect === 'deaf_to_revocation') process.authority.revoke = () => true;
    this.process = process;
    this.kills.spare();
    watch.short(this.index, this.lack !== null);
    process.roomChanged();
    process.open((durable) => {
      if (generation === this.generation && durable) this.isServing = true;
    });
  }

  private settings(): NodeSettings {
    const { cacheTtlMs, memory } = this.parts;
    const { limits } = this;
    const without = Number.POSITIVE_INFINITY;
    const keyring = this.verifier === null ? keyringOf(this.keys) : null;
    return { limits, cacheTtlMs, keyring, streamsMax: without, memory };
  }

  private observer(): NodeObserver {
    const { index } = this;
    const { watch, faults, loop } = this.parts;
    return {
      fact: (shard, fact) => {
        this.kills.fact(shard, fact);
        watch.fact(index, shard, fact);
      },
      state: (state, missing) => this.told(() => watch.says(index, state, missing)),
      decided: () => watch.decided(index),
      appending: () => watch.appending(index),
      // What falls otherwise is no fault of a schedule, and ends the run.
      fell: (_shard, error) => {
        if (!(error instanceof Struck)) throw error;
      },
      revived: (state) => watch.revived(index, state, this.store.damagedIn(state)),
      failed: () => this.failed(),
      released: (leases) => watch.released(index, leases),
      revoked: ({ value }) => {
        faults.began('revoke', loop.nowMs);
        watch.revoked(index, value);
      },
    };
  }

  /** The actor that tells swallows what is thrown at it: it is thrown when the process has done what it does. */
  private told(tell: () => void): void {
    try {
      tell();
    } catch (error) {
      this.breach ??= error;
    }
  }

  /** The process dies at once, or the whole machine, as chance has it. */
  crash(): void {
    if (this.process !== null) this.died(this.parts.random.chance(0.5), null);
  }

  /** It is dead; `downMs` later another is started, unless somebody else does that. */
  private died(machine: boolean, downMs: number | null): void {
    const { loop, watch } = this.parts;
    loop.record(RECORDS.crash, this.index, this.generation);
    this.process?.stop();
    this.toldBefore = this.process?.service.recent ?? this.toldBefore;
    this.process = null;
    this.isServing = false;
    this.generation++;
    this.wakeAtMs = Number.POSITIVE_INFINITY;
    this.door.close();
    this.store.crash(machine);
    watch.crashed(this.index);
    if (downMs !== null) loop.after(downMs, 'end', this.timerId(), () => this.start());
  }

  troubleVerifier(trouble: VerifierTrouble | null): void {
    if (this.verifier === null || this.verifier.trouble === trouble) return;
    this.verifier.trouble = trouble;
    this.parts.watch.verifier(this.index, trouble);
  }

  /** Something for this process, which may be gone by then or asleep. */
  private later(ms: number, run: () => void): void {
    const { generation } = this;
    const { loop } = this.parts;
    const id = this.timerId();
    const there = (): void => {
      if (generation !== this.generation) return;
      if (this.isPaused) return loop.at(this.pausedUntilMs, 'end', id, there);
      this.live(run);
    };
    loop.after(ms, 'end', id, there);
  }

  /** Other limits are loaded while it runs, or those it had. */
  tighten(most: number | null): void {
    this.most = most;
    this.load();
  }

  relabel(labels: number | null): void {
    this.labels = labels;
    this.load();
  }

  private load(): void {
    const { most, labels } = this;
    const { limits, watch } = this.parts;
    const { shardCapacity, globalInflight, dedupCapacity, tenantLabels } = limits;
    const at = (bound: number): number => Math.min(bound, most ?? bound);
    const tight = {
      ...{ shardCapacity: at(shardCapacity), globalInflight: at(globalInflight), dedupCapacity: at(dedupCapacity) },
    };
    this.limits = { ...limits, ...tight, tenantLabels: labels ?? tenantLabels };
    watch.limited(this.index, this.limits);
    this.live(() => this.process?.reload(this.settings()));
  }

  /** One of its shards dies in the middle of what it does, and is made anew. */
  killShard(shard: number): void {
    if (this.process?.service.down.has(shard) === false) this.kills.kill(shard);
  }

  /** Takes no more sends and ends what waits; `exit` is called when `forMs` have passed and the process is gone. */
  drain(forMs: number, exit: () => void): void {
    const { process, generation } = this;
    if (process === null) return;
    const { loop, watch } = this.parts;
    watch.draining(this.index);
    this.live(() => process.drain());
    const gone = (): void => {
      if (generation !== this.generation) return;
      this.died(false, null);
      exit();
    };
    loop.after(forMs, 'end', this.timerId(), () => {
      if (generation !== this.generation) return;
      this.live(() => process.end(() => loop.after(0, 'end', this.timerId(), gone)));
    });
  }

  /** Nothing is done until `forMs` have passed; what comes meanwhile waits at the door. */
  pause(forMs: number): void {
    this.pausedUntilMs = Math.max(this.pausedUntilMs, this.parts.loop.nowMs + forMs);
  }

  get isPaused(): boolean {
    return this.parts.loop.nowMs < this.pausedUntilMs;
  }

  /** The keyring is loaded anew: capabilities of other keys are no good any more. */
  useKeys(keys: readonly number[]): void {
    this.keys = keys;
    if (this.verifier !== null) this.verifier.keys = keys;
    this.parts.watch.rekeyed(this.index, keys);
    this.live(() => this.process?.reload(this.settings()));
  }

  /** The faults are over: up, awake, on time, with all keys. */
  settle(keys: readonly number[]): void {
    this.pausedUntilMs = -1;
    this.door.endFloods();
    this.clock.drift(1);
    this.clock.freeze(this.parts.defect === 'stuck_clock');
    this.store.trouble.end(this.store.disk);
    this.kills.spare();
    this.labels = null;
    this.tighten(null);
    this.troubleVerifier(null);
    // A shard whose log is damaged is parked until someone starts the process anew.
    const { process } = this;
    const isParked = this.parts.mayBeDamaged && process !== null && process.service.down.size > 0;
    if (process?.service.isFailed === true || isParked) this.died(false, null);
    this.start();
    this.live(() => this.store.retry(this.clock.nowMs()));
    this.useKeys(keys);
    this.clockChanged();
  }

  /** The machine never comes back. */
  vanish(): void {
    if (this.process !== null) this.died(true, null);
    this.isGone = true;
  }

  // ---- the journal

  /** What this process keeps things in. */
  private journalOf({ term, shards, limits, processFacts, clocks, past = null }: Opened): OneLog {
    const { store } = this;
    return new OneLog({
      ...{ term, shards, contents: { limits, processFacts, clocks, past } },
      append: (batches, done) => this.append(batches, done),
      replay: (state, limits, done) => this.replay(state.shard, limits, done),
      snapshot: (done) => store.snapshot(done),
      condition: () => this.lack,
      tick: (nowMs) => store.retry(nowMs),
    });
  }

  private append(batches: readonly Batch[], done: (error: Error | null) => void): void {
    const { generation } = this;
    const { loop, defect, watch } = this.parts;
    const hear = (): void => {
      if (generation !== this.generation) return;
      if (this.isPaused) return loop.at(this.pausedUntilMs, 'sync', this.timerId(), () => this.live(hear));
      done(null);
      this.watchIdle();
    };
    this.store.append(batches, (error) => {
      loop.mark('sync', this.index);
      if (error !== null) return done(error);
      watch.appended(this.index);
      this.kept(batches);
      if (defect !== 'reply_before_sync') hear();
    });
    // The defect: what must wait for the sync does not.
    if (defect === 'reply_before_sync') loop.after(0, 'wake', this.timerId(), () => this.live(hear));
  }

  private kept(batches: readonly Batch[]): void {
    const { watch } = this.parts;
    for (const { shard, facts } of batches) {
      if (shard === null) watch.noted(this.index, facts);
      else watch.synced(this.index, shard, facts);
    }
  }

  /** As `src/journal/worker-replay.ts` does it, in one go. */
  private replay(shard: number, limits: Limits, done: Replayed): void {
    const images = this.store.imagesOf(shard);
    this.timers().setTimeout(() => {
      let state: ShardState;
      try {
        const restoration = new Restoration(shard, limits);
        for (const image of images) restoration.take(image);
        state = restoration.done();
      } catch (error) {
        return done(error, null);
      }
      done(null, state);
    }, REBUILD_MS);
  }

  /** 503 to all that waits, and the process goes. */
  private failed(): void {
    const { generation } = this;
    this.parts.watch.failed(this.index);
    this.parts.loop.after(1, 'end', this.timerId(), () => {
      if (generation === this.generation) this.died(false, FAILED_DOWN_MS);
    });
  }

  private roomChanged(lack: Lack | null): void {
    this.lack = lack;
    this.parts.watch.short(this.index, lack !== null);
    this.process?.roomChanged();
  }

  /** The machine stops in its disk's op number `ops` from now, and is back `downMs` later. */
  stopAt(ops: number, tear: Tear, downMs: number): void {
    this.downMs = downMs;
    this.store.trouble.stopAt(this.store.disk, ops, tear);
  }

  // ---- time

  private timerId(): number {
    return ++this.wakes * NODES_MAX + this.index;
  }

  /** At the end of this millisecond: what comes in it goes into one append. */
  private soon(run: () => void): void {
    const { generation } = this;
    const { loop } = this.parts;
    const later = (): void => {
      if (generation !== this.generation) return;
      if (this.isPaused) return loop.at(this.pausedUntilMs, 'soon', this.timerId(), later);
      this.live(run);
    };
    loop.after(0, 'soon', this.timerId(), later);
  }

  /** Timers of this process: they go when it does, and wait while it is paused. */
  private timers(): Timers {
    const { loop } = this.parts;
    const { generation } = this;
    const open = new Set<number>();
    return {
      setTimeout: (callback, ms) => {
        const id = this.timerId();
        const ring = (): void => {
          if (generation !== this.generation || !open.has(id)) return;
          if (this.isPaused) return loop.at(this.pausedUntilMs, 'end', id, ring);
          open.delete(id);
          this.live(callback);
        };
        open.add(id);
        loop.after(ms, 'end', id, ring);
        return id;
      },
      clearTimeout: (id) => open.delete(id as number),
    };
  }

  /** The process asks to be woken, at a time of its clock. */
  private wakeAt(dueMs: number): void {
    const { generation } = this;
    const { loop, watch } = this.parts;
    this.wakeAtMs = dueMs;
    const delayMs = this.clock.untilMs(dueMs);
    if (delayMs === Number.POSITIVE_INFINITY) return;
    const id = this.timerId();
    const wake = (): void => {
      if (generation !== this.generation || this.wakeAtMs !== dueMs) return;
      if (this.isPaused) return loop.at(this.pausedUntilMs, 'wake', id, wake);
      loop.mark('wake', this.index);
      watch.ticked();
      this.wakeAtMs = Number.POSITIVE_INFINITY;
      this.live(() => this.process?.wake());
    };
    loop.after(delayMs, 'wake', id, wake);
  }

  /** Someone set the wall clock: the process sees it with its next look at the time. */
  wallSet(): void {
    const { generation } = this;
    const { loop } = this.parts;
    const id = this.timerId();
    const look = (): void => {
      if (generation !== this.generation) return;
      if (this.isPaused) return loop.at(this.pausedUntilMs, 'wake', id, look);
      loop.mark('wake', this.index);
      this.live(() => this.process?.wake());
      this.parts.watch.looked(this.index);
      this.watchIdle();
    };
    loop.after(LOOK_MS, 'wake', id, look);
  }

  private watchIdle(): void {
    const { process } = this;
    if (process !== null && !process.service.isFailed && !process.service.isBusy) {
      const { loop, watch } = this.parts;
      watch.idle(this.index, loop.nowMs - this.pausedUntilMs > CALM_MS);
    }
  }

  /** The clock runs differently from now on: wake-ups are planned anew. */
  clockChanged(): void {
    this.wakeAtMs = Number.POSITIVE_INFINITY;
    this.process?.clockChanged();
  }
}
