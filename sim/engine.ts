import type { EngineLogs } from '../src/cluster/engine-logs.ts';
import type {
  AppendOutcome,
  Engine,
  EngineFrame,
  EnginePromise,
  FramesRead,
  Granted,
  Leases,
  Members,
  QuotaTaken,
  Renewed,
  Snapshots,
  StoredFrame,
} from '../src/ports/engine.ts';
import { EngineMembers } from './engine-members.ts';
import { EngineSnapshots } from './engine-snapshots.ts';
import type { Loop } from './loop.ts';
import type { Draws, Range } from './random.ts';

/** What becomes of a statement that had not been executed when its connection was cut. */
export const CUTS = ['not_applied', 'applied', 'applied_later'] as const;
export type Cut = (typeof CUTS)[number];

export interface EngineParts {
  readonly loop: Loop;
  readonly random: Draws;
  readonly logs: EngineLogs;
  /** One way between a node and the engine, a statement's own time, and the way to the standby. */
  readonly wayMs: Range;
  readonly runMs: Range;
  readonly standbyMs: Range;
  /** Answers wait for the standby. */
  readonly isSynchronous: boolean;
  readonly leaseMs: number;
  /** How late a statement may come whose connection is gone. */
  readonly lateMs: Range;
  /** The defect: an answer with a warning counts as any other. */
  readonly believesWarnings?: boolean;
}

interface Statement {
  readonly client: EngineClient;
  readonly frames: readonly EngineFrame[];
  readonly done: (outcomes: readonly AppendOutcome[], why: Error | null) => void;
  stage: 'underWay' | 'executed' | 'gone';
  /** Nobody waits for its answer any more. */
  isOver: boolean;
}

/** What waits for the standby: it has had so many frames by then. */
interface Waiting {
  readonly position: number;
  readonly statement: Statement;
  readonly outcomes: readonly AppendOutcome[];
}

/**
 * An engine that nodes of a simulated world share: a primary and a standby. A statement arrives, is executed, its frames reach the standby, and
 * its answer goes back, each at a time of its own; in between everything may go wrong.
 */
export class SimEngine {
  readonly parts: EngineParts;
  private readonly clients: EngineClient[] = [];
  /** What the standby lacks, in the order in which it was written. */
  private unreplicated: (() => void)[] = [];
  private snapshots = new EngineSnapshots();
  private readonly standbySnapshots = new EngineSnapshots();
  private executed = 0;
  private replicated = 0;
  private nextReplicationMs = 0;
  /** Rises with each failover: what the lost primary had to do is not done. */
  private primary = 0;
  private waiting: Waiting[] = [];
  private slowUntilMs = -1;
  private slowFactor = 1;
  private fullUntilMs = -1;
  private lagUntilMs = -1;
  private readonly watchers = new Set<() => void>();
  private readonly holders = new Map<number, { readonly owner: string; readonly untilMs: number }>();
  private events = 0;
  readonly members: EngineMembers;

  /** `shards`: the logs of nodes come behind those. */
  constructor(parts: EngineParts, shards = 0) {
    this.parts = parts;
    this.members = new EngineMembers({
      ...{ shards, leaseMs: parts.leaseMs, nowMs: () => parts.loop.nowMs, dismiss: (owner) => this.dismiss(owner) },
      holders: () => [...this.holders].map(([shard, { owner, untilMs }]) => ({ shard, owner, untilMs })),
    });
  }

  /** A node's connection, which is made anew by itself when it was cut. */
  connect(): EngineClient {
    const client = new EngineClient(this);
    this.clients.push(client);
    return client;
  }

  // ---- faults

  slow(factor: number, forMs: number): void {
    this.slowFactor = factor;
    this.slowUntilMs = this.parts.loop.nowMs + forMs;
  }

  /** No statement finds room. */
  full(forMs: number): void {
    this.fullUntilMs = this.parts.loop.nowMs + forMs;
  }

  /** Nothing reaches the standby for so long. */
  lag(forMs: number): void {
    this.lagUntilMs = Math.max(this.lagUntilMs, this.parts.loop.nowMs + forMs);
  }

  /** The primary is lost with all connections; the standby goes on with what it has. A pooler may bring it what was on its way. */
  failOver(): void {
    this.primary++;
    this.parts.logs.failOver();
    this.snapshots = this.standbySnapshots.copy();
    this.unreplicated = [];
    this.executed = this.replicated;
    this.waiting = [];
    for (const client of this.clients) client.cut(this.parts.random.chance(0.5) ? 'applied_later' : 'not_applied');
  }

  /**
   * An append that waits for the standby is cancelled: it is there on the primary, and its answer says so with a warning, on which its
   * connection is given up. What was behind it on the connection is lost.
   */
  cancel(): void {
    const [first] = this.waiting;
    if (first === undefined) return;
    const { statement, outcomes } = first;
    if (this.parts.believesWarnings === true) statement.client.ended(statement, outcomes, null);
    else statement.client.cut('not_applied');
  }

  /** The faults are over. */
  heal(): void {
    this.slowUntilMs = -1;
    this.fullUntilMs = -1;
    this.lagUntilMs = -1;
    for (const client of this.clients) client.partition(0);
  }

  // ---- a statement

  /** At a time of its own, in the order of the calls where two have the same. */
  after(delayMs: number, run: () => void): void {
    this.parts.loop.after(Math.max(0, delayMs), 'engine', this.events++, run);
  }

  wayMs(): number {
    return this.parts.random.within(this.parts.wayMs);
  }

  send(statement: Statement): void {
    this.after(this.wayMs(), () => this.arrive(statement));
  }

  private arrive(statement: Statement): void {
    const { loop, random, runMs } = this.parts;
    const factor = loop.nowMs < this.slowUntilMs ? this.slowFactor : 1;
    this.after(random.within(runMs) * factor, () => this.execute(statement));
  }

  execute(statement: Statement): void {
    if (statement.stage !== 'underWay') return;
    statement.stage = 'executed';
    const isFull = this.parts.loop.nowMs < this.fullUntilMs;
    const outcomes = statement.frames.map((frame): AppendOutcome => {
      if (isFull || !this.parts.logs.insert(frame)) return 'refused';
      this.write(() => this.parts.logs.replicate(frame.shard));
      return 'durable';
    });
    const isSettled = !this.parts.isSynchronous || !outcomes.includes('durable');
    if (isSettled) return this.answer(statement, outcomes, isFull ? new Error('the engine has no room') : null);
    this.waiting.push({ position: this.executed, statement, outcomes });
  }

  private write(atStandby: () => void): void {
    const { loop, random, standbyMs } = this.parts;
    this.executed++;
    this.unreplicated.push(atStandby);
    const { primary } = this;
    // The standby gets everything in one order.
    this.nextReplicationMs = Math.max(this.nextReplicationMs, loop.nowMs + random.within(standbyMs));
    const reach = (): void => {
      if (primary !== this.primary) return;
      if (loop.nowMs < this.lagUntilMs) this.after(this.lagUntilMs - loop.nowMs, reach);
      else this.replicate();
    };
    this.after(this.nextReplicationMs - loop.nowMs, reach);
  }

  private replicate(): void {
    (this.unreplicated.shift() as () => void)();
    this.replicated++;
    const ready = this.waiting.filter(({ position }) => position <= this.replicated);
    this.waiting = this.waiting.filter(({ position }) => position > this.replicated);
    for (const { statement, outcomes } of ready) this.answer(statement, outcomes, null);
  }

  private answer(statement: Statement, outcomes: readonly AppendOutcome[], why: Error | null): void {
    this.after(this.wayMs(), () => {
      if (!statement.client.isPartitioned) statement.client.ended(statement, outcomes, why);
    });
  }

  // ---- reading, snapshots and leases

  get promise(): EnginePromise {
    return { system: 'simulated', timeline: this.primary + 1, isReplicated: this.parts.isSynchronous };
  }

  framesFrom(shard: number, from: number): readonly StoredFrame[] {
    return this.parts.logs.from(shard, Math.max(from, this.snapshots.trimmedOf(shard)));
  }

  /** Of snapshots; nobody waits for the standby. */
  change(what: (snapshots: EngineSnapshots) => void): void {
    what(this.snapshots);
    this.write(() => what(this.standbySnapshots));
  }

  get kept(): EngineSnapshots {
    return this.snapshots;
  }

  claim(shard: number, owner: string): Granted | { readonly heldForMs: number } {
    const { nowMs } = this.parts.loop;
    const holder = this.holders.get(shard);
    if (holder !== undefined && holder.owner !== owner && holder.untilMs > nowMs)
      return { heldForMs: holder.untilMs - nowMs };
    this.holders.set(shard, { owner, untilMs: nowMs + this.parts.leaseMs });
    return { engineMs: nowMs };
  }

  renewAll(owner: string, asked: readonly number[]): Renewed {
    const { nowMs } = this.parts.loop;
    const isRenewed = (shard: number): boolean => {
      const held = this.holders.get(shard);
      return held?.owner === owner && held.untilMs > nowMs;
    };
    const logs = asked.filter(isRenewed);
    for (const shard of logs) this.holders.set(shard, { owner, untilMs: nowMs + this.parts.leaseMs });
    return { logs, engineMs: nowMs };
  }

  release(shard: number, owner: string): void {
    if (this.holders.get(shard)?.owner !== owner) return;
    this.holders.delete(shard);
    for (const changed of this.watchers) this.after(this.wayMs(), changed);
  }

  dismiss(owner: string): void {
    for (const [shard, holder] of this.holders) if (holder.owner === owner) this.release(shard, owner);
  }

  watch(changed: () => void): () => void {
    this.watchers.add(changed);
    return () => this.watchers.delete(changed);
  }
}

/** An engine as one node has it. */
export class EngineClient implements Engine {
  readonly leases: Leases;
  readonly members: Members;
  readonly snapshots: Snapshots = {
    list: (shard, done) => this.ask(() => this.engine.kept.list(shard), done),
    piece: (shard, { maker }, number, done) => this.ask(() => this.engine.kept.piece(shard, maker, number), done),
    put: (shard, { sequence, maker }, number, bytes, done) =>
      this.change((kept) => kept.put(shard, { sequence, maker }, number, bytes), done),
    finish: (shard, snapshot, done) => this.change((kept) => kept.finish(shard, snapshot), done),
    discard: (shard, maker, done) => this.change((kept) => kept.discard(shard, maker), done),
    trim: (shard, sequence, done) => this.change((kept) => kept.trim(shard, sequence), done),
  };
  private readonly engine: SimEngine;
  private statements: Statement[] = [];
  private partitionedUntilMs = -1;
  /** Connections so far: what was asked on one before is not answered. */
  private connection = 0;

  constructor(engine: SimEngine) {
    this.engine = engine;
    this.leases = {
      leaseMs: engine.parts.leaseMs,
      claim: (shard, owner, done) => this.ask(() => engine.claim(shard, owner), done),
      renewAll: (owner, logs, done) => this.ask(() => engine.renewAll(owner, logs), done),
      release: (shard, owner) => this.ask(() => engine.release(shard, owner), ignored),
      watch: (changed) => engine.watch(changed),
      dismiss: (owner, done) => this.ask(() => nothing(engine.dismiss(owner)), done),
    };
    this.members = {
      join: (member, done) => this.ask(() => engine.members.join(member, this.presence()), done),
      beat: (member, done) => this.ask(() => engine.members.beat(member, this.presence()), done),
      leave: (member, done) => this.ask(() => nothing(engine.members.leave(member)), done),
      revoke: (revocation, done) => this.ask(() => nothing(engine.members.revoke(revocation)), done),
      revocations: (after, done) => this.ask(() => engine.members.revocations(after), done),
      takeQuota: (asked, done) =>
        this.ask<QuotaTaken>(
          () => engine.members.takeQuota(asked),
          (taken) => done(taken instanceof Error ? null : taken),
        ),
    };
  }

  /** Whether the connection of now still stands, whenever it is asked. */
  private presence(): () => boolean {
    const { connection } = this;
    return () => connection === this.connection;
  }

  promise(done: (promise: EnginePromise | Error) => void): void {
    this.ask(() => this.engine.promise, done);
  }

  private change(what: (snapshots: EngineSnapshots) => void, done: (error: Error | null) => void): void {
    this.ask<null>(() => {
      this.engine.change(what);
      return null;
    }, done);
  }

  get isPartitioned(): boolean {
    return this.engine.parts.loop.nowMs < this.partitionedUntilMs;
  }

  /** Nothing gets through, either way, and the node is not told. `isSeen`: the engine notices that the connection is gone. */
  partition(forMs: number, isSeen = false): void {
    if (isSeen) this.connection++;
    this.partitionedUntilMs = this.engine.parts.loop.nowMs + forMs;
  }

  append(frames: readonly EngineFrame[], done: Statement['done']): void {
    if (new Set(frames.map(({ shard }) => shard)).size !== frames.length)
      throw new Error('engine: two frames of one log in a statement: the second cannot see the first');
    const statement: Statement = { client: this, frames, done, stage: 'underWay', isOver: false };
    this.statements.push(statement);
    if (this.isPartitioned) statement.stage = 'gone';
    else this.engine.send(statement);
  }

  ended(statement: Statement, outcomes: readonly AppendOutcome[], why: Error | null): void {
    if (statement.isOver) return;
    statement.isOver = true;
    this.statements = this.statements.filter((one) => one !== statement);
    statement.done(outcomes, why);
  }

  /** The connection is gone: of what was under way nobody knows anything. Node or network may do this at any time. */
  cut(how: Cut): void {
    const { random, lateMs } = this.engine.parts;
    this.connection++;
    for (const statement of this.statements.slice()) {
      if (statement.stage === 'underWay') this.endOf(statement, how, random.within(lateMs));
      this.ended(
        statement,
        statement.frames.map(() => 'unknown'),
        new Error('the connection is gone'),
      );
    }
  }

  private endOf(statement: Statement, how: Cut, lateMs: number): void {
    if (how === 'not_applied') statement.stage = 'gone';
    if (how === 'applied') this.engine.execute(statement);
    if (how !== 'applied_later') return;
    const late = { ...statement, isOver: true };
    statement.stage = 'gone';
    this.engine.after(lateMs, () => this.engine.execute(late));
  }

  frames(shard: number, from: number, done: (read: FramesRead | Error) => void): void {
    this.ask((): FramesRead => ({ frames: this.engine.framesFrom(shard, from), isEnd: true }), done);
  }

  /** A question with an answer of its own, which a connection that is cut does not bring. */
  private ask<Answer>(question: () => Answer, done: (answer: Answer | Error) => void): void {
    const { engine, connection } = this;
    let isOver = false;
    const end = (answer: Answer | Error): void => {
      if (!isOver) done(answer);
      isOver = true;
    };
    if (this.isPartitioned) return engine.after(engine.parts.lateMs.max, () => end(new Error('no answer')));
    engine.after(engine.wayMs(), () => {
      const answer = answerOf(question);
      engine.after(engine.wayMs(), () => {
        const isGone = connection !== this.connection || this.isPartitioned;
        end(isGone ? new Error('the connection is gone') : answer);
      });
    });
  }
}

const ignored = (): void => {};
const nothing = (_done: unknown): null => null;

function answerOf<Answer>(question: () => Answer): Answer | Error {
  try {
    return question();
  } catch (error) {
    return error as Error;
  }
}
