import type { EngineClient } from '../../sim/engine.ts';
import type { ShardLog } from '../../src/cluster/shard-log.ts';
import type { AppendOutcome, EngineFrame, FramesRead } from '../../src/ports/engine.ts';
import { type Answered, framing } from './cluster-checker.ts';
import { type Content, earlyOf, shardLogWith } from './cluster-mistakes.ts';
import type { ClusterWorld } from './cluster-world.ts';

const DEADLINE_MS = 150;
const UNSURE_MS_MAX = 1_000;

/** A mailbox process as far as its shards go: it claims, takes over, appends, and lets go. */
export class ClusterNode {
  readonly client: EngineClient;
  readonly world: ClusterWorld;
  readonly number: number;
  private readonly shards: ShardAtNode[];
  private pausedUntilMs = -1;
  /** Rises with every process: what one before asked for is not heard any more. */
  process = 1;
  isCalm = false;

  constructor(world: ClusterWorld, number: number) {
    this.world = world;
    this.number = number;
    this.client = world.engine.connect();
    this.shards = Array.from({ length: world.shards }, (_, shard) => new ShardAtNode(this, shard));
  }

  get name(): string {
    return `${this.number}.${this.process}`;
  }

  start(): void {
    for (const shard of this.shards) shard.begin();
  }

  /** Whatever reaches a process that stands still reaches it when it goes on; one that is dead, never. */
  hears<Args extends unknown[]>(run: (...args: Args) => void): (...args: Args) => void {
    const { process, world } = this;
    const hear = (...args: Args): void => {
      if (process !== this.process) return;
      const waitMs = this.pausedUntilMs - world.loop.nowMs;
      if (waitMs > 0) world.engine.after(waitMs, () => hear(...args));
      else run(...args);
    };
    return hear;
  }

  later(delayMs: number, run: () => void): void {
    this.world.engine.after(delayMs, this.hears(run));
  }

  // ---- faults

  pause(forMs: number): void {
    this.pausedUntilMs = this.world.loop.nowMs + forMs;
  }

  kill(): void {
    this.process++;
    this.client.cut(this.world.random.pick(['not_applied', 'applied', 'applied_later']));
    for (const shard of this.shards) shard.begin();
  }

  lapse(): void {
    for (const shard of this.shards) shard.lapse();
  }

  handOver(): void {
    for (const shard of this.shards) shard.handOver();
  }

  calm(): void {
    this.isCalm = true;
  }
}

/** One shard at one node: what drives the shipped log. */
class ShardAtNode {
  private readonly node: ClusterNode;
  private readonly shard: number;
  private log!: ShardLog<Content>;
  private replayed: Content[] = [];
  private facts = 0;
  private unsureSinceMs = -1;
  private leaseUntilMs = -1;
  private isAsking = false;

  constructor(node: ClusterNode, shard: number) {
    this.node = node;
    this.shard = shard;
  }

  private get world(): ClusterWorld {
    return this.node.world;
  }

  /** A new process knows nothing. */
  begin(): void {
    this.renew();
    this.isAsking = false;
    this.facts = 0;
    this.tick();
  }

  private renew(): void {
    const { mistake, flightMax } = this.world;
    const { shard } = this;
    this.log = shardLogWith(mistake, { shard, framing, flightMax, nothing: `nothing ${this.node.name}` }, this.world);
    this.replayed = [];
    this.unsureSinceMs = -1;
  }

  private tick(): void {
    this.step();
    this.node.later(1 + this.world.random.below(60), () => this.tick());
  }

  private step(): void {
    const { log, world } = this;
    const { nowMs } = world.loop;
    if (log.state === 'absent') return this.claim();
    if (log.state === 'halted') return world.checker.halted();
    if (log.state === 'claiming' || nowMs > this.leaseUntilMs - 200) this.ask();
    // Some do not see that their lease is over: that must not matter.
    if (nowMs > this.leaseUntilMs && log.state !== 'claiming' && world.random.chance(0.2)) return this.lapse();
    if (log.state === 'reading' && world.random.chance(0.5)) return this.read();
    if (log.mustLook) return this.look();
    while (log.mayAppend && world.random.chance(0.4)) this.send(log.append(`fact ${this.node.name} ${this.facts++}`));
  }

  // ---- taking over

  private claim(): void {
    // Whoever claims without asking is the worst that can happen, and must not matter either: a lease carries no safety.
    const { mistake, random } = this.world;
    const isRude = mistake !== 'lease instead of the log' && !this.node.isCalm && random.chance(0.05);
    if (!isRude && !random.chance(0.3)) return;
    this.renew();
    this.log.claim();
    if (isRude) return this.granted();
    this.ask();
  }

  private granted(): void {
    this.leaseUntilMs = this.world.loop.nowMs + this.world.engine.parts.leaseMs;
    this.log.granted();
    this.read();
  }

  /** For the lease, at first and again and again. */
  private ask(): void {
    if (this.isAsking) return;
    this.isAsking = true;
    const { log, node } = this;
    const askedMs = this.world.loop.nowMs;
    node.client.leases.claim(
      this.shard,
      node.name,
      node.hears((result) => {
        this.isAsking = false;
        if (log !== this.log || log.state === 'absent') return;
        if (result instanceof Error || 'heldForMs' in result)
          return log.state === 'claiming' ? log.denied() : undefined;
        this.leaseUntilMs = askedMs + this.world.engine.parts.leaseMs;
        if (log.state === 'claiming') this.granted();
      }),
    );
  }

  private frames(then: (read: FramesRead) => void): void {
    const { log, node } = this;
    const { readsFrom, state } = log;
    node.client.frames(
      this.shard,
      readsFrom,
      node.hears((read) => {
        const isOther = log !== this.log || log.state !== state || log.readsFrom !== readsFrom;
        if (!isOther && !(read instanceof Error)) then(read);
      }),
    );
  }

  private read(): void {
    const { log } = this;
    this.frames(({ frames }) => {
      const contents = log.read(frames);
      if (contents === null) return log.state === 'halted' ? this.world.checker.halted() : undefined;
      this.replayed.push(...contents);
      this.send(log.announce(`started ${this.node.name} ${this.facts++}`));
    });
  }

  // ---- appending

  private send(frame: EngineFrame): void {
    const { log, node, world } = this;
    let isOver = false;
    const hear = node.hears(([outcome]: readonly AppendOutcome[]) => {
      if (isOver) return;
      isOver = true;
      if (log === this.log) this.ended(frame, outcome as AppendOutcome);
    });
    node.client.append([frame], hear);
    node.later(DEADLINE_MS, () => {
      if (!isOver && log === this.log) node.client.cut(world.random.pick(['not_applied', 'applied', 'applied_later']));
      hear(['unknown']);
    });
  }

  private ended(frame: EngineFrame, outcome: AppendOutcome): void {
    const { log, world } = this;
    const was = log.state;
    const { nowMs } = world.loop;
    const durable = log.ended(frame, outcome);
    if (log.state === 'unsure' && was !== 'unsure') this.unsureSinceMs = nowMs;
    const { term } = framing.open(frame.body)!;
    const first = frame.sequence - durable.length + 1;
    const isAnnounced = was === 'announcing' && log.state === 'serving';
    for (const [i, content] of durable.entries()) {
      const answered = { shard: this.shard, term, sequence: first + i, content };
      if (isAnnounced) world.checker.takenOver(answered, this.replayed, nowMs);
      else this.answer(answered);
    }
  }

  private answer(answered: Answered): void {
    if (!answered.content.startsWith('nothing')) this.world.checker.answered(answered, this.world.loop.nowMs);
  }

  private look(): void {
    const { log, world } = this;
    if (world.loop.nowMs - this.unsureSinceMs > UNSURE_MS_MAX) return this.lapse();
    this.frames(({ frames }) => {
      if (!log.mustLook) return;
      const before = earlyOf(log).length;
      const { term, sequence } = log.place;
      const { found, send } = log.look(frames);
      world.checker.looked(found);
      for (const [i, content] of earlyOf(log).slice(before).entries())
        this.answer({ shard: this.shard, term, sequence: sequence + 1 + i, content });
      for (const frame of send) this.send(frame);
    });
  }

  // ---- letting go

  lapse(): void {
    if (this.log.state !== 'absent' && this.log.state !== 'halted') this.log.lapse();
  }

  handOver(): void {
    if (this.log.state !== 'serving') return;
    this.log.handOver();
    this.node.client.leases.release(this.shard, this.node.name);
  }
}
