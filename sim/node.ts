import type { Limits } from '../src/core/limits.ts';
import type { Batch, Random } from '../src/ports.ts';
import { Service } from '../src/service/service.ts';
import type { TimerClock } from '../src/supervisor.ts';
import type { NodeClock } from './clock.ts';
import { Crash } from './disk.ts';
import type { Tear } from './disk-trouble.ts';
import { Door, type Host } from './door.ts';
import type { FaultLog } from './fault-log.ts';
import { integrity } from './integrity.ts';
import { type Loop, RECORDS } from './loop.ts';
import type { Draws, Range } from './random.ts';
import { ShardKills } from './shard-kills.ts';
import { type Opened, SimStore } from './store.ts';
import type { Watch } from './watch.ts';

/** Deliberate defects of the world around the shipped code, so that negative schedules can prove that the checkers see them. */
export const DEFECTS = [
  ...(['reply_before_sync', 'forget_acks', 'stuck_clock', 'deaf_to_revocation'] as const),
  'forget_clocks',
] as const;
export type Defect = (typeof DEFECTS)[number];

/** So that the timers of all nodes have ids of their own. */
const NODES_MAX = 16;
/** A process whose journal failed is of no more use; whoever watches it starts another so much later. */
const FAILED_DOWN_MS = 500;
/** Time is looked at at least this often, as in `src/main.ts`; here only where that could matter. */
const TICK_MS = 20;
/** Space that was short is asked for again so often, as in `src/store.ts`. */
const RETRY_MS = 1_000;

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
  readonly defect: Defect | null;
}

/** A mailbox process: the shipped service and authority over simulated clocks, disk and network. A crash loses it. */
export class MailboxNode implements Host {
  readonly index: number;
  readonly clock: NodeClock;
  readonly store: SimStore;
  readonly door: Door;
  service: Service | null = null;
  kills: ShardKills | null = null;
  generation = 0;
  pausedUntilMs = -1;
  /** It is there, and listens: what it took over is durable. */
  isServing = false;
  private readonly parts: NodeParts;
  private wakeAtMs = Number.POSITIVE_INFINITY;
  private wakes = 0;
  private isDraining = false;
  private isShort = false;
  /** How deep we are in what the process does. */
  private depth = 0;
  /** How long the machine is away when it stops at an op of its disk. */
  private downMs = 0;
  /** It never comes back. */
  isGone = false;

  constructor(parts: NodeParts) {
    this.parts = parts;
    this.index = parts.index;
    this.clock = parts.clock;
    this.door = new Door(parts, this);
    const { index, loop, random, syncMs, shards, limits, mayBeDamaged, defect } = parts;
    this.store = new SimStore({
      ...{ index, loop, random, syncMs, shards, limits, mayBeDamaged, forgetsAcks: defect === 'forget_acks' },
      live: (run) => this.live(run),
      events: { room: (enough) => this.hasRoom(enough), compacted: () => parts.watch.compacted() },
    });
  }

  get isUp(): boolean {
    return this.service !== null;
  }

  get inflight(): number {
    return this.service?.inflight ?? 0;
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
  }

  start(): void {
    if (this.service !== null || this.isGone) return;
    this.live(() => this.begin());
  }

  private begin(): void {
    const { defect, watch, loop } = this.parts;
    loop.record(RECORDS.start, this.index, this.generation);
    if (defect === 'stuck_clock') this.clock.freeze(true);
    this.isDraining = false;
    this.isShort = false;
    const opened = this.store.open();
    // It gives up with an error; whoever watches it tries again.
    if (opened === 'no_space') return this.parts.loop.after(FAILED_DOWN_MS, 'end', this.timerId(), () => this.start());
    if (typeof opened === 'string') {
      watch.beyond(this.index, opened);
      this.isGone = true;
      return;
    }
    this.clock.begin(defect === 'forget_clocks' ? null : opened.clocks);
    this.kept(opened.survived);
    watch.started(this.index, opened, this.generation === 0);
    this.takeOver(opened);
  }

  /** As `src/main.ts` does it: nothing is served before it is durable that this process is the one. */
  private takeOver({ shards, processFacts, epoch }: Opened): void {
    const { limits, watch, random } = this.parts;
    const { generation } = this;
    this.door.renew(processFacts);
    const killed = (): ShardKills | null => this.kills;
    const service = new Service({
      shards,
      random,
      integrity,
      instantOf: (atMs) => this.clock.instantOf(atMs),
      stampsClocks: true,
      observer: {
        fact: (shard, fact) => {
          killed()?.fact(shard, fact);
          watch.fact(this.index, shard, fact);
        },
      },
      effects: {
        append: (batches) => this.append(batches),
        get fell() {
          return killed()?.fell;
        },
      },
    });
    this.service = service;
    this.kills = new ShardKills({
      ...{ service, store: this.store, clock: this.timers() },
      falls: (shard) => watch.fell(this.index, shard),
      revived: (state) => {
        watch.revived(this.index, state, this.store.damagedIn(state));
        this.arm();
      },
    });
    const nowMs = this.clock.nowMs();
    const started = { name: 'started', atMs: nowMs, epoch, shards: shards.length, limits } as const;
    this.heedRoom();
    this.service.start(nowMs, started, (durable) => {
      if (generation === this.generation && durable) this.isServing = true;
    });
    this.arm();
  }

  /** The process dies at once, or the whole machine, as chance has it. */
  crash(): void {
    if (this.service !== null) this.died(this.parts.random.chance(0.5), null);
  }

  /** It is dead; `downMs` later another is started, unless somebody else does that. */
  private died(machine: boolean, downMs: number | null): void {
    const { loop, watch } = this.parts;
    loop.record(RECORDS.crash, this.index, this.generation);
    this.service = null;
    this.kills?.stop();
    this.kills = null;
    this.isServing = false;
    this.generation++;
    this.wakeAtMs = Number.POSITIVE_INFINITY;
    this.door.close();
    this.store.crash(machine);
    watch.crashed(this.index);
    if (downMs !== null) loop.after(downMs, 'end', this.timerId(), () => this.start());
  }

  /** One of its shards dies in the middle of what it does, and is made anew. */
  killShard(shard: number): void {
    this.kills?.kill(shard);
  }

  /** Timers of this process: they go when it does, and wait while it is paused. */
  private timers(): TimerClock {
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

  /** Stops taking sends and ends what waits; `exit` is called when `forMs` have passed and the process is gone. */
  drain(forMs: number, exit: () => void): void {
    const { service, generation } = this;
    if (service === null) return;
    this.parts.watch.draining(this.index);
    this.isDraining = true;
    this.live(() => {
      service.refuseWrites('draining');
      service.endWaiting(this.clock.nowMs(), true);
    });
    const { loop } = this.parts;
    const gone = (): void => {
      if (generation !== this.generation) return;
      this.died(false, null);
      exit();
    };
    loop.after(forMs, 'end', this.timerId(), () => {
      if (generation !== this.generation) return;
      this.live(() => service.stampClocks(this.clock.nowMs()));
      service.whenDurable(() => loop.after(0, 'end', this.timerId(), gone));
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
    this.door.useKeys(keys);
    this.parts.watch.rekeyed(this.index, keys);
    this.live(() => this.service?.endWaiting(this.clock.nowMs()));
    this.arm();
  }

  /** The faults are over: up, awake, on time, with all keys. */
  settle(keys: readonly number[]): void {
    this.pausedUntilMs = -1;
    this.door.endFloods();
    this.clock.drift(1);
    this.clock.freeze(this.parts.defect === 'stuck_clock');
    this.store.trouble.end(this.store.disk);
    this.kills?.spare();
    // A shard whose log is damaged is parked until someone starts the process anew.
    const isParked = this.parts.mayBeDamaged && this.service !== null && this.service.down.size > 0;
    if (this.service?.isFailed || isParked) this.died(false, null);
    this.start();
    this.live(() => this.store.retry());
    this.useKeys(keys);
    this.clockChanged();
  }

  /** The machine never comes back. */
  vanish(): void {
    if (this.service !== null) this.died(true, null);
    this.isGone = true;
  }

  // ---- the journal

  private append(batches: readonly Batch[]): void {
    const { service, generation } = this;
    const { loop, defect, watch } = this.parts;
    watch.appending(this.index);
    const hear = (): void => {
      if (generation !== this.generation) return;
      if (this.isPaused) return loop.at(this.pausedUntilMs, 'sync', this.timerId(), () => this.live(hear));
      service?.durable();
      this.watchIdle();
      this.arm();
    };
    this.store.append(batches, (error) => {
      loop.mark('sync', this.index);
      if (error !== null) return this.failed();
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

  /** Nobody knows what the disk holds (journal rule 4): 503 to all that waits, and the process goes. */
  private failed(): void {
    const { service, generation } = this;
    if (service === null || service.isFailed) return;
    this.parts.watch.failed(this.index);
    service.journalFailed();
    this.parts.loop.after(1, 'end', this.timerId(), () => {
      if (generation === this.generation) this.died(false, FAILED_DOWN_MS);
    });
  }

  private hasRoom(enough: boolean): void {
    const { generation } = this;
    this.isShort = !enough;
    this.heedRoom();
    const retry = (): void => {
      if (generation !== this.generation || !this.isShort) return;
      this.live(() => this.store.retry());
      this.parts.loop.after(RETRY_MS, 'end', this.timerId(), retry);
    };
    if (!enough) this.parts.loop.after(RETRY_MS, 'end', this.timerId(), retry);
  }

  /** Sends are refused while there is no space for what comes next (journal rule 5). */
  private heedRoom(): void {
    this.parts.watch.short(this.index, this.isShort);
    if (this.service === null || this.isDraining || this.service.isFailed) return;
    this.service.refuseWrites(this.isShort ? 'degraded_writes' : null);
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

  private tick(): void {
    this.live(() => this.service?.tick(this.clock.nowMs()));
    this.arm();
  }

  /** Asks for a wake-up when the service needs one earlier than the one that is coming. */
  arm(): void {
    const { service, generation } = this;
    const { loop, watch } = this.parts;
    if (service === null || service.isFailed) return;
    const dueMs = service.nextWakeMs();
    if (dueMs >= this.wakeAtMs) return;
    const delayMs = this.clock.untilMs(dueMs);
    if (delayMs === Number.POSITIVE_INFINITY) return;
    this.wakeAtMs = dueMs;
    const id = this.timerId();
    const wake = (): void => {
      if (generation !== this.generation || this.wakeAtMs !== dueMs) return;
      if (this.isPaused) return loop.at(this.pausedUntilMs, 'wake', id, wake);
      loop.mark('wake', this.index);
      watch.ticked();
      this.wakeAtMs = Number.POSITIVE_INFINITY;
      this.tick();
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
      this.tick();
      this.parts.watch.looked(this.index);
      this.watchIdle();
    };
    loop.after(TICK_MS, 'wake', id, look);
  }

  private watchIdle(): void {
    const { service, store } = this;
    if (service !== null && !service.isFailed && !store.isAppending) this.parts.watch.idle(this.index);
  }

  /** The clock runs differently from now on: wake-ups are planned anew. */
  clockChanged(): void {
    this.wakeAtMs = Number.POSITIVE_INFINITY;
    this.arm();
  }
}
