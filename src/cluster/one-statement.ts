import type {
  AppendOutcome,
  Engine,
  EngineFrame,
  EnginePromise,
  FramesRead,
  Leases,
  Members,
  Snapshots,
} from '../ports/engine.ts';

/** Frames of a statement at most, and their bytes, unless one alone is more. */
const FRAMES_MAX = 64;
const BYTES_MAX = 8 << 20;

/** What was asked for in one call, and shares a statement with others. */
interface Ask {
  readonly frames: readonly EngineFrame[];
  readonly done: (outcomes: readonly AppendOutcome[], why: Error | null) => void;
}

const bytesOf = ({ frames }: Ask): number => frames.reduce((sum, { body }) => sum + body.byteLength, 0);

/**
 * An engine asked with one statement at a time: what its logs append while one is under way shares the next, a frame a log. For a database
 * the statement costs more than its frames. Each log hears of its own frames alone.
 */
export class OneStatement implements Engine {
  readonly leases: Leases;
  readonly members: Members;
  readonly snapshots: Snapshots;
  private readonly engine: Engine;
  /** Few: a log has one append under way, and sends it again only after it has read. */
  private waiting: readonly Ask[] = [];
  /** The statement that is waited for. */
  private underWay: readonly Ask[] | null = null;
  private isTelling = false;

  constructor(engine: Engine) {
    this.engine = engine;
    this.leases = engine.leases;
    this.members = engine.members;
    this.snapshots = engine.snapshots;
  }

  append(frames: readonly EngineFrame[], done: Ask['done']): void {
    this.waiting = [...this.waiting, { frames, done }];
    this.pump();
  }

  promise(done: (promise: EnginePromise | Error) => void): void {
    this.engine.promise(done);
  }

  frames(shard: number, from: number, done: (read: FramesRead | Error) => void): void {
    this.engine.frames(shard, from, done);
  }

  /** Nobody waits for what was appended to this log: the others in its statement need not either. */
  giveUp(shard: number): void {
    const isUnderWay = this.underWay?.some(({ frames }) => frames.some((frame) => frame.shard === shard)) === true;
    if (!isUnderWay) return;
    this.underWay = null;
    this.pump();
  }

  private pump(): void {
    if (this.underWay !== null || this.isTelling || this.waiting.length === 0) return;
    const asks = this.next();
    this.waiting = this.waiting.filter((ask) => !asks.includes(ask));
    this.underWay = asks;
    this.engine.append(
      asks.flatMap(({ frames }) => frames),
      (outcomes, why) => this.ended(asks, outcomes, why),
    );
  }

  /** In the order in which they came, but one whose log is in the statement already: it could not see the frame before. */
  private next(): readonly Ask[] {
    const asks: Ask[] = [];
    const logs = new Set<number>();
    let [frames, bytes] = [0, 0];
    for (const ask of this.waiting) {
      frames += ask.frames.length;
      bytes += bytesOf(ask);
      const isFull = asks.length > 0 && (frames > FRAMES_MAX || bytes > BYTES_MAX);
      if (isFull || ask.frames.some(({ shard }) => logs.has(shard))) break;
      for (const { shard } of ask.frames) logs.add(shard);
      asks.push(ask);
    }
    return asks;
  }

  /** What they append because of it shares the next statement. */
  private ended(asks: readonly Ask[], outcomes: readonly AppendOutcome[], why: Error | null): void {
    if (this.underWay === asks) this.underWay = null;
    this.isTelling = true;
    let at = 0;
    for (const { frames, done } of asks) {
      const own = outcomes.slice(at, at + frames.length);
      at += frames.length;
      done(own, own.every((outcome) => outcome === 'durable') ? null : why);
    }
    this.isTelling = false;
    this.pump();
  }
}
