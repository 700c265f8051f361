import type { Limits } from '../src/core/limits.ts';
import type { ShardState } from '../src/core/state.ts';
import { claimAll } from '../src/node/claim-all.ts';
import { MailboxNode, type NodeSettings } from '../src/node/node.ts';
import type { NodeObserver } from '../src/node/observer.ts';
import {
  type Batch,
  type Claim,
  isClaim,
  type JournalBackend,
  type Lack,
  type Unclaimed,
} from '../src/ports/journal.ts';
import type { Random } from '../src/ports/random.ts';
import type { MemoryBounds } from '../src/service/memory-budget.ts';
import type { RecentFacts } from '../src/service/recent-facts.ts';
import { Service } from '../src/service/service.ts';
import { keyringOf } from './capabilities.ts';
import { mustTellAgain } from './checkers/told.ts';
import type { NodeClock } from './clock.ts';
import type { Defect } from './defects.ts';
import { Crash } from './disk.ts';
import type { Tear } from './disk-trouble.ts';
import { Door, type Host } from './door.ts';
import type { SimEngine } from './engine.ts';
import { AGAIN_MS, EngineStore, takenBy } from './engine-store.ts';
import type { FaultLog } from './fault-log.ts';
import { integrity } from './integrity.ts';
import { type Loop, RECORDS } from './loop.ts';
import { type Keeper, NodeJournal } from './node-journal.ts';
import { NodeTime } from './node-time.ts';
import type { Hears } from './process-engine.ts';
import type { Draws, Range } from './random.ts';
import type { EngineSetup } from './setup.ts';
import { ShardKills, Struck } from './shard-kills.ts';
import { SimStore } from './store.ts';
import { SimVerifier, type VerifierTrouble } from './verifier.ts';
import type { Watch } from './watch.ts';

/** A process whose journal failed is of no more use; whoever watches it starts another so much later. */
const FAILED_DOWN_MS = 500;
/** So long after a pause it is behind. */
const CALM_MS = 10_000;

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
  /** Shared with the other nodes; null where it keeps what it has on its own disk. */
  readonly engine: { readonly shared: SimEngine; readonly setup: EngineSetup } | null;
}

/** A machine with a mailbox process: the shipped one over simulated clocks, disk and network. A crash loses it. */
export class SimNode implements Host, Keeper {
  readonly index: number;
  readonly clock: NodeClock;
  readonly store: SimStore;
  /** Its way to the engine that it shares with others. */
  readonly shared: EngineStore | null;
  readonly door: Door;
  readonly kills: ShardKills;
  /** Null while it is down. */
  process: MailboxNode | null = null;
  pausedUntilMs = -1;
  /** It never comes back. */
  isGone = false;
  private readonly parts: NodeParts;
  /** Counts processes: what one of them began goes on in no other. */
  generation = 0;
  /** Its process has begun, and finds out what there is. */
  private isStarting = false;
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
  readonly time: NodeTime;
  private readonly journal: NodeJournal;
  lack: Lack | null = null;
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
    this.time = new NodeTime(parts, this);
    this.journal = new NodeJournal(parts, this);
    this.kills = new ShardKills((shard) => parts.watch.fell(this.index, shard));
    this.door = new Door(parts, this);
    const { verifierMs, clock } = parts;
    this.verifier =
      verifierMs === null
        ? null
        : new SimVerifier({ clock, random: parts.random, answerMs: verifierMs }, (ms, run) => this.time.later(ms, run));
    const { index, loop, random, syncMs, shards, limits, mayBeDamaged, diskBytes, defect, engine, watch } = parts;
    this.shared =
      engine === null
        ? null
        : new EngineStore(engine.shared, { index, loop, clock, random, watch, shards, setup: engine.setup });
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
    if (this.process !== null || this.isStarting || this.isGone) return;
    this.live(() => (this.shared === null ? this.begin() : this.join(this.shared)));
  }

  private begin(): void {
    const { defect, watch, loop } = this.parts;
    loop.record(RECORDS.start, this.index, this.generation);
    if (defect === 'stuck_clock') this.clock.freeze(true);
    this.lack = null;
    const opened = this.store.open();
    // It gives up with an error; whoever watches it tries again.
    if (opened === 'no_space') return loop.after(FAILED_DOWN_MS, 'end', this.time.nextId(), () => this.start());
    if (typeof opened === 'string') {
      watch.beyond(this.index, opened);
      this.isGone = true;
      return;
    }
    this.clock.begin(defect === 'forget_clocks' ? null : opened.clocks);
    this.journal.kept(opened.survived);
    watch.started(this.index, opened, this.generation === 0);
    const journal = this.journal.of(opened);
    claimAll(journal, this.parts.limits, (claims) => this.run(journal, claims));
  }

  /** The same where nodes share an engine: it is asked for what there is, again and again. */
  private join(shared: EngineStore): void {
    const { loop, watch, limits } = this.parts;
    loop.record(RECORDS.start, this.index, this.generation);
    this.isStarting = true;
    this.clock.beginMeasuring();
    const { generation } = this;
    const process = {
      ...{ generation, limits, hears: this.hears(generation), timers: this.time.timers() },
      moved: () => this.time.soon(() => this.process?.wake()),
      // Another process has its name by now.
      replaced: () => this.time.soon(() => this.died(false, FAILED_DOWN_MS)),
    };
    shared.open(
      process,
      (journal, claims) => {
        this.isStarting = false;
        const { processFacts } = journal.contents;
        const taken = claims.filter(isClaim);
        const nothing = new Map(Service.empty(journal.shards, limits).map((state) => [state.shard, state]));
        const shards = claims.map((one) => (isClaim(one) ? one.state : (nothing.get(one.shard) as ShardState)));
        watch.begins(this.index, taken.map(takenBy), processFacts, shards, generation === 0);
        this.run(journal, claims);
      },
      () => {
        this.isStarting = false;
        this.time.later(AGAIN_MS, () => this.start());
      },
    );
  }

  /** What comes to this process: when it is awake, and never when it is gone. */
  private hears(generation: number): Hears {
    const { loop } = this.parts;
    return (run) => {
      const hear: typeof run = (...args) => {
        if (generation !== this.generation) return;
        if (this.isPaused) return loop.at(this.pausedUntilMs, 'engine', this.time.nextId(), () => hear(...args));
        this.live(() => run(...args));
      };
      return hear;
    };
  }

  private run(journal: JournalBackend, claims: readonly (Claim | Unclaimed)[]): void {
    const { watch, random, defect } = this.parts;
    const { generation, clock } = this;
    const process = new MailboxNode({
      journal,
      claims,
      settings: this.settings(),
      authority: this.verifier === null ? {} : { remote: this.verifier.ask },
      ...{ clock, random, integrity, observer: this.observer(), timers: this.time.timers(), overwrites: false },
      wakeAt: (atMs) => this.time.wakeAt(atMs, () => this.process?.wake()),
      soon: (run) => this.time.soon(run),
    });
    if (this.toldBefore !== null && defect === null && this.shared === null && !this.store.trouble.hasLied)
      mustTellAgain(this.toldBefore, process.service.recent);
    // The defect: what is revoked stays good.
    if (defect === 'deaf_to_revocation') process.authority.revoke = () => true;
    this.process = process;
    this.kills.spare();
    watch.short(this.index, this.lack !== null);
    process.roomChanged();
    process.open((durable) => {
      if (generation !== this.generation || !durable) return;
      this.isServing = true;
      this.shared?.begin();
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
      appending: (batches) => {
        if (this.shared === null || isOfProcess(batches)) watch.appending(index);
      },
      ...(this.shared === null ? {} : this.ofShared()),
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

  /** What happens to shards that come and go. */
  private ofShared(): Omit<NodeObserver, 'fact'> {
    const { index } = this;
    const { watch } = this.parts;
    return {
      appended: (batches) => {
        this.journal.kept(batches);
        if (isOfProcess(batches)) watch.appended(index);
        this.heard();
      },
      handsOver: (shards) => watch.handsOver(index, shards),
      unsure: (shards, error) => watch.unsure(index, shards, error === null),
      gaveUp: (shards, why) => watch.gaveUp(index, shards, why),
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
    if (this.process !== null || this.isStarting) this.died(this.parts.random.chance(0.5), null);
  }

  /** It is dead; `downMs` later another is started, unless somebody else does that. */
  private died(machine: boolean, downMs: number | null): void {
    const { loop, watch } = this.parts;
    loop.record(RECORDS.crash, this.index, this.generation);
    this.process?.stop();
    this.toldBefore = this.process?.service.recent ?? this.toldBefore;
    this.process = null;
    this.isStarting = false;
    this.isServing = false;
    this.generation++;
    this.time.sleep();
    this.door.close();
    this.store.crash(machine);
    this.shared?.crash();
    watch.crashed(this.index);
    if (downMs !== null) loop.after(downMs, 'end', this.time.nextId(), () => this.start());
  }

  troubleVerifier(trouble: VerifierTrouble | null): void {
    if (this.verifier === null || this.verifier.trouble === trouble) return;
    this.verifier.trouble = trouble;
    this.parts.watch.verifier(this.index, trouble);
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
    this.live(() => {
      this.shared?.retire();
      process.drain();
      if (this.shared !== null) process.wake();
    });
    const gone = (): void => {
      if (generation !== this.generation) return;
      this.died(false, null);
      exit();
    };
    loop.after(forMs, 'end', this.time.nextId(), () => {
      if (generation !== this.generation) return;
      this.live(() =>
        process.end(() => {
          this.shared?.letGo();
          loop.after(0, 'end', this.time.nextId(), gone);
        }),
      );
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
    if (this.shared === null) this.live(() => this.store.retry(this.clock.nowMs()));
    this.useKeys(keys);
    this.clockChanged();
  }

  /** The machine never comes back. */
  vanish(): void {
    if (this.process !== null || this.isStarting) this.died(true, null);
    this.isGone = true;
  }

  // ---- the journal

  /** 503 to all that waits, and the process goes. */
  private failed(): void {
    const { generation } = this;
    this.parts.watch.failed(this.index);
    this.parts.loop.after(1, 'end', this.time.nextId(), () => {
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

  /** Someone set the wall clock: the process sees it with its next look at the time. */
  wallSet(): void {
    this.time.wallSet(() => {
      this.live(() => this.process?.wake());
      this.parts.watch.looked(this.index);
      this.heard();
    });
  }

  /** It is seen whether the process has anything left to do. */
  heard(): void {
    const { process } = this;
    if (process !== null && !process.service.isFailed && !process.service.isBusy) {
      const { loop, watch } = this.parts;
      watch.idle(this.index, loop.nowMs - this.pausedUntilMs > CALM_MS);
    }
  }

  /** The clock runs differently from now on: wake-ups are planned anew. */
  clockChanged(): void {
    this.time.sleep();
    this.process?.clockChanged();
  }
}

/** Clocks are stamped on the appends of all logs; what is else of no shard goes into the log of the process. */
const isOfProcess = (batches: readonly Batch[]): boolean =>
  batches.some(({ shard, facts }) => shard === null && facts.some(({ name }) => name !== 'clocks'));
