import type { State } from '../spec/vocabulary.ts';
import { EngineLogs } from '../src/cluster/engine-logs.ts';
import type { Fact } from '../src/core/facts.ts';
import { shardOf } from '../src/core/msg-id.ts';
import { shardOfTopic } from '../src/service/sharding.ts';
import { Breach } from './checkers/breach.ts';
import { HistoryChecker, type HistoryCounts } from './checkers/history.ts';
import { NodeChecker } from './checkers/node.ts';
import { OwnedLog } from './checkers/owned-log.ts';
import { OwnerChecker } from './checkers/owner.ts';
import { ShardFacts } from './checkers/shard-facts.ts';
import { Tally } from './checkers/tally.ts';
import { NodeClock } from './clock.ts';
import type { Verdict } from './conclusion.ts';
import { SimEngine } from './engine.ts';
import { ENGINE_SECRET } from './engine-store.ts';
import { FaultLog } from './fault-log.ts';
import { Injector } from './faults/injector.ts';
import { Loop } from './loop.ts';
import { Network } from './network.ts';
import { SimNode } from './node.ts';
import { Stream, Tape } from './random.ts';
import { Settlement } from './settle.ts';
import { isHealed, memoryBoundsOf, nodeOfTopic, type Setup } from './setup.ts';
import { type RunObserver, Watch } from './watch.ts';
import { ScheduleError } from './yaml.ts';

/** How a run came out. */
export interface RunResult {
  readonly verdict: Verdict;
  readonly steps: number;
  readonly simulatedMs: number;
  /** SHA-256 over everything that happened, in order. */
  readonly hash: string;
  readonly tally: Readonly<Record<string, number>>;
  /** Faults by kind. */
  readonly injected: Readonly<Record<string, number>>;
  /** Actions by faults felt, row by row (`checkers/tally.ts`). */
  readonly matrix: readonly number[];
  readonly history: Readonly<HistoryCounts>;
}

/** What makes clients call and faults happen: chance, or a script. */
export interface Driver {
  /** Called once the nodes are up, before anything happens. */
  start(world: World): void;
  /** The end phase begins: nothing more of it. */
  stop(): void;
}

export interface WorldOptions {
  readonly seed: number;
  /** The durations of the nodes can be compared with true time. */
  readonly clocksAreTrue: boolean;
  /** A disk may lose or change what it holds. */
  readonly mayBeDamaged: boolean;
  /** What the nodes draw, by node; without it they draw from the seed. */
  readonly tapes?: readonly (readonly number[])[] | null;
  /** Keep a number for each step. */
  readonly fingerprint?: boolean;
  readonly observers?: readonly RunObserver[];
  readonly withoutEnd?: boolean;
}

/** More steps than any run takes in one millisecond: something goes round in circles. */
const EVENTS_AT_ONCE_MAX = 2_000_000;
const SLICE_MS = 60_000;

/** One world: everything in one thread, on simulated time. */
export class World {
  readonly setup: Setup;
  readonly mayBeDamaged: boolean;
  readonly loop = new Loop();
  readonly faults = new FaultLog();
  readonly tally: Tally;
  readonly history: HistoryChecker;
  readonly watch: Watch;
  readonly network: Network;
  readonly injector: Injector;
  readonly nodes: SimNode[] = [];
  /** That the nodes share; null where each has a disk. */
  readonly engine: SimEngine | null;
  readonly tapes: Tape[] = [];
  /** Root keys that are in use, the newest last. */
  keys: readonly number[] = [1];
  breach: Breach | null = null;
  private eventsAtOnce = 0;
  private readonly withoutEnd: boolean;

  constructor(setup: Setup, options: WorldOptions) {
    this.setup = setup;
    this.mayBeDamaged = options.mayBeDamaged;
    this.withoutEnd = options.withoutEnd === true;
    const { loop, faults } = this;
    if (options.fingerprint === true) loop.fingerprint();
    this.tally = new Tally(loop, faults);
    const { limits } = setup;
    this.history = new HistoryChecker(limits, options.clocksAreTrue, (topic) =>
      setup.engine == null ? nodeOfTopic(setup, topic) : 0,
    );
    this.watch = new Watch(loop, this.history, this.tally, options.observers ?? []);
    this.engine = this.engineOf(options);
    for (let i = 0; i < setup.nodes; i++) this.addNode(i, options);
    if (this.engine !== null) this.tapes.push(this.engine.parts.random as Tape);
    this.network = new Network(loop, this.nodes, faults, this.watch);
    this.injector = new Injector({
      ...{ loop, nodes: this.nodes, network: this.network, faults, watch: this.watch, engine: this.engine },
    });
    for (const observer of options.observers ?? []) observer.begin?.(this);
  }

  /** The last tape is the engine's. */
  private engineOf({ seed, tapes }: WorldOptions): SimEngine | null {
    const { loop, setup } = this;
    const { engine = null, nodes, shards } = setup;
    if (engine === null) return null;
    const words = tapes?.[nodes];
    const random = words === undefined ? new Tape(new Stream(seed, 'engine')) : new Tape(null, words);
    const { wayMs, runMs, standbyMs, lateMs, leaseMs, isReplicated: isSynchronous } = engine;
    const logs = new EngineLogs(shards + nodes);
    for (let shard = 0; shard < shards; shard++) {
      const settled = (facts: readonly Fact[]): void => this.watch.settled(shard, facts);
      this.watch.shared.push(new OwnedLog({ shard, secret: ENGINE_SECRET, frames: () => logs.logOf(shard), settled }));
    }
    return new SimEngine({ loop, random, logs, wayMs, runMs, standbyMs, lateMs, leaseMs, isSynchronous }, shards);
  }

  private addNode(index: number, { seed, tapes, mayBeDamaged }: WorldOptions): void {
    const { setup, loop, faults, watch } = this;
    const { limits, shards, cacheTtlMs, connectionsMax, verifierMs, defect, syncMs, diskBytes } = setup;
    const clock = new NodeClock(loop, setup.skewMs[index] ?? 0);
    const words = tapes?.[index];
    const tape = words === undefined ? new Tape(new Stream(seed, `node ${index}`)) : new Tape(null, words);
    this.tapes.push(tape);
    // A node that keeps what it has itself is a mailbox of its own: its shards are nobody else's, for ever.
    const logs = Array.from({ length: shards }, (_, shard) => new ShardFacts(shard));
    const { engine } = this;
    watch.nodes.push(
      engine === null
        ? new NodeChecker(setup, logs, clock, this.tally)
        : new OwnerChecker(setup, watch.shared, clock, this.tally),
    );
    this.nodes.push(
      new SimNode({
        ...{ index, loop, clock, random: tape, watch, faults, limits, cacheTtlMs, connectionsMax, defect },
        memory: memoryBoundsOf(setup),
        engine: engine === null || setup.engine == null ? null : { shared: engine, setup: setup.engine },
        verifierMs: verifierMs ?? null,
        ...{ syncMs, shards, mayBeDamaged, diskBytes: diskBytes ?? Number.POSITIVE_INFINITY },
      }),
    );
  }

  /** Whether this node runs in the end: it heals, and its disk was not damaged beyond use. */
  serves(node: number): boolean {
    return isHealed(this.setup, node) && this.nodes[node]?.isGone === false;
  }

  /** Accepted messages that are neither acked nor dead-lettered, at the nodes that serve. */
  get pending(): number {
    if (this.engine !== null) return this.pendingOfShared();
    return this.watch.nodes.reduce((sum, { lifecycle }, node) => sum + (this.serves(node) ? lifecycle.pending : 0), 0);
  }

  /** By whoever serves each shard now; a shard that nobody serves is not settled. */
  private pendingOfShared(): number {
    return this.watch.shared.reduce(
      (sum, { shard }) => sum + (this.ownerOf(shard)?.lifecycle.logOf(shard).pending ?? 1),
      0,
    );
  }

  /** Who serves a shard that nodes share, and took it over last. */
  private ownerOf(shard: number): OwnerChecker | null {
    let owner: OwnerChecker | null = null;
    for (const [i, node] of this.watch.nodes.entries()) {
      if (!(node instanceof OwnerChecker) || !this.serves(i) || node.servedIn(shard) === null) continue;
      if ((node.servedIn(shard) as number) > (owner?.servedIn(shard) ?? 0)) owner = node;
    }
    return owner;
  }

  /** Where a message is, by the facts of its node, or of its shard. */
  stateOf(msgId: string): State | undefined {
    if (this.engine !== null) return this.ownerOf(shardOf(msgId))?.lifecycle.messages.get(msgId)?.live.state;
    for (const { lifecycle } of this.watch.nodes) {
      const message = lifecycle.messages.get(msgId);
      if (message !== undefined) return message.live.state;
    }
    return undefined;
  }

  /** Whether a topic is still to be had in the end. */
  private isServed(topic: string): boolean {
    if (this.engine === null) return this.serves(nodeOfTopic(this.setup, topic));
    return this.ownerOf(shardOfTopic(topic, this.setup.shards)) !== null;
  }

  run(driver: Driver): RunResult {
    const going = this.going(driver);
    for (;;) {
      const { done, value } = going.next();
      if (done) return this.result(value);
    }
  }

  /** The same, with a pause now and then: for those who watch a long one. */
  async runSlowly(driver: Driver, pause: (() => Promise<void>) | null): Promise<RunResult> {
    if (pause === null) return this.run(driver);
    const going = this.going(driver);
    for (;;) {
      const { done, value } = going.next();
      if (done) return this.result(value);
      await pause();
    }
  }

  private result(verdict: Verdict): RunResult {
    const { loop, tally, faults, history } = this;
    return {
      verdict,
      steps: loop.steps,
      simulatedMs: loop.nowMs,
      hash: loop.digest(),
      tally: tally.counts,
      injected: faults.counts(),
      matrix: tally.matrix,
      history: history.counts,
    };
  }

  /** The run, a slice of simulated time at a time. */
  *going(driver: Driver): Generator<undefined, Verdict> {
    try {
      const { durationMs } = this.setup;
      for (const node of this.nodes) node.start();
      driver.start(this);
      for (let untilMs = SLICE_MS; untilMs < durationMs; untilMs += SLICE_MS) {
        this.until(untilMs);
        yield;
      }
      this.until(durationMs);
      driver.stop();
      if (this.withoutEnd) return { kind: 'held' };
      const unsettled = new Settlement(this).run();
      for (const log of this.watch.shared) log.end();
      if (unsettled !== null) return { kind: 'liveness', ...unsettled };
      this.history.finish(
        (msgId) => this.stateOf(msgId),
        (topic) => this.isServed(topic),
      );
      return { kind: 'held' };
    } catch (error) {
      if (error instanceof Breach) {
        this.breach = error;
        return { kind: 'safety', rule: error.rule, detail: error.message, msgId: error.msgId };
      }
      if (error instanceof ScheduleError) throw error;
      return { kind: 'crashed', detail: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
  }

  /** Everything up to this time. */
  until(ms: number): void {
    const { loop } = this;
    for (let atMs = -1; loop.step(ms); atMs = loop.nowMs) {
      this.eventsAtOnce = loop.nowMs === atMs ? this.eventsAtOnce + 1 : 0;
      if (this.eventsAtOnce > EVENTS_AT_ONCE_MAX) throw new Error(`livelock: time stands still at ${atMs} ms`);
    }
  }
}
