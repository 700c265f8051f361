import { CUTS, SimEngine } from '../../sim/engine.ts';
import { Loop } from '../../sim/loop.ts';
import { Stream } from '../../sim/random.ts';
import type { EngineLogs } from '../../src/cluster/engine-logs.ts';
import { ClusterChecker } from './cluster-checker.ts';
import { logsWith, type Mistake } from './cluster-mistakes.ts';
import { ClusterNode } from './cluster-node.ts';

const NODES = 3;
const SHARDS = 2;
/** Faults come in the first part; then everything must come to rest by itself. */
const FAULTY_MS = 2_000;
const REST_MS = 10_000;
const LEASE_MS = 600;

/** What may go wrong, each with its share. */
const FAULTS = [
  ...(['cut', 'cut', 'fail over', 'lag', 'cancel', 'slow', 'full', 'partition'] as const),
  ...(['pause', 'kill', 'lapse', 'hand over'] as const),
];

/** Nodes over a simulated engine, and whatever may go wrong, drawn from a seed. */
export class ClusterWorld {
  readonly loop = new Loop();
  readonly random: Stream;
  readonly logs: EngineLogs;
  readonly engine: SimEngine;
  readonly checker: ClusterChecker;
  readonly nodes: readonly ClusterNode[];
  readonly shards = SHARDS;
  readonly mistake: Mistake | null;
  readonly faults = new Map<string, number>();
  /** How many appends a node has under way at a time. */
  readonly flightMax: number;
  /** Given out by a register, where terms do not come from the log. */
  register = 0;

  constructor(seed: number, mistake: Mistake | null = null) {
    this.random = new Stream(seed, 'cluster');
    this.mistake = mistake;
    this.logs = logsWith(mistake, SHARDS);
    this.flightMax = mistake === 'key without hash' ? 1 : 1 + this.random.below(3);
    this.engine = new SimEngine({
      ...{ loop: this.loop, random: new Stream(seed, 'engine'), logs: this.logs, leaseMs: LEASE_MS },
      ...{ wayMs: { min: 1, max: 8 }, runMs: { min: 1, max: 4 }, standbyMs: { min: 1, max: 30 } },
      ...{ lateMs: { min: 20, max: 900 }, isSynchronous: mistake !== 'asynchronous engine' },
      believesWarnings: mistake === 'answer with a warning',
    });
    this.checker = new ClusterChecker(this.logs, SHARDS);
    this.nodes = Array.from({ length: NODES }, (_, i) => new ClusterNode(this, i + 1));
  }

  run(): this {
    for (const node of this.nodes) node.start();
    for (let at = this.random.below(150); at < FAULTY_MS; at += 1 + this.random.below(300))
      this.engine.after(at, () => this.fault());
    while (this.loop.step(FAULTY_MS));
    for (const node of this.nodes) node.calm();
    const isAtRest = (): boolean => this.checker.breach !== null || this.checker.isServedSince(FAULTY_MS + 500);
    while (!isAtRest() && this.loop.step(FAULTY_MS + REST_MS));
    if (!isAtRest()) this.checker.breaks('a shard is not served any more');
    this.checker.end();
    return this;
  }

  private fault(): void {
    const { random, engine } = this;
    const what = random.pick(FAULTS);
    const node = random.pick(this.nodes);
    this.faults.set(what, (this.faults.get(what) ?? 0) + 1);
    switch (what) {
      case 'cut':
        return node.client.cut(random.pick(CUTS));
      case 'fail over':
        return engine.failOver();
      case 'cancel':
        return this.mayFailOver(() => engine.cancel());
      case 'lag':
        return this.mayFailOver(() => engine.lag(50 + random.below(400)));
      case 'slow':
        return engine.slow(2 + random.below(60), 1 + random.below(400));
      case 'full':
        return engine.full(1 + random.below(300));
      case 'partition':
        return node.client.partition(1 + random.below(900));
      case 'pause':
        return node.pause(1 + random.below(1_500));
      case 'kill':
        return node.kill();
      case 'lapse':
        return node.lapse();
      case 'hand over':
        return node.handOver();
    }
  }

  /** What the standby lacks for long may be lost. */
  private mayFailOver(happen: () => void): void {
    happen();
    if (this.random.chance(0.5)) this.engine.after(20 + this.random.below(300), () => this.engine.failOver());
  }
}
