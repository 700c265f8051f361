import type { AppendOutcome, Engine, EngineFrame, EnginePromise, StoredFrame } from '../ports/engine.ts';
import { type AppendEnd, type Batch, type Found, type Log, Unreadable } from '../ports/journal.ts';
import { type BatchContent, batchFraming, NOTHING } from './batch-framing.ts';
import type { HeldLeases } from './held-leases.ts';
import { type LogRead, LogReading, type Replay, readFrames } from './log-reading.ts';
import { isSamePromise, LossSuspected, lossIn } from './promises.ts';
import { type Place, ShardLog } from './shard-log.ts';

type Secret = Parameters<typeof batchFraming>[1];

export interface EngineLogOptions {
  readonly engine: Engine;
  /** Of the process: its owner is its own among all that use the engine, and another one for each process of a node. */
  readonly leases: HeldLeases;
  readonly number: number;
  /** Null for what is of no shard. */
  readonly shard: number | null;
  readonly secret: Secret;
  readonly answersWithinMs: number;
  /** Whether these facts may stand in this log. */
  readonly isOurs: (batch: Batch) => boolean;
  readonly failed: (error: Error) => void;
  /** It is claimed although what was answered before may be gone. */
  readonly acceptsLoss?: boolean;
}

/** Why a log is not ours. */
export interface NotOurs {
  readonly why: 'held' | 'unreadable';
  readonly error: Error;
}

/**
 * A log of an engine as the port of the journal has it: one append at a time, the first of which announces the owner. Nothing of it counts
 * before that is answered.
 */
export class EngineLog implements Log {
  readonly number: number;
  readonly answersWithinMs: number;
  private readonly options: EngineLogOptions;
  private readonly log: ShardLog<BatchContent>;
  private done: ((end: AppendEnd) => void) | null = null;
  /** What is to be sent because of what was read again. */
  private again: readonly EngineFrame[] = [];
  /** The announcement that was sent last. */
  private announced: EngineFrame | null = null;
  private isReleased = false;
  /** What the engine promises, and what of that the log says. */
  promise: EnginePromise | null = null;
  private written: EnginePromise | null = null;
  private writing: EnginePromise | null = null;
  /** Bytes of its frames since its newest snapshot. */
  bytes = 0;
  private isLost = false;
  /** How often it was read again. */
  private readings = 0;
  private failure: Error | null = null;

  constructor(options: EngineLogOptions) {
    const { number, leases, secret, answersWithinMs } = options;
    const { owner } = leases;
    this.options = options;
    this.number = number;
    this.answersWithinMs = answersWithinMs;
    this.log = new ShardLog({ shard: number, framing: batchFraming(owner, secret), flightMax: 1, nothing: NOTHING });
  }

  /** That of the next frame. */
  get term(): number {
    const { state, place } = this.log;
    return state === 'reading' || state === 'announcing' ? place.term + 1 : place.term;
  }

  /** Of the last frame that was read, or is known to be durable. */
  get sequence(): number {
    return this.log.place.sequence;
  }

  // ---- claiming

  /** The last frame that is durable; null where that is not known yet. */
  get durable(): Place | null {
    const { state, place } = this.log;
    return state === 'serving' || state === 'unsure' || state === 'handing_over' ? place : null;
  }

  /** The lease, and then all that the log holds, given away piece by piece. Calls `done` once, with null when it may be appended to. */
  claim(replay: Replay, done: (not: NotOurs | null) => void): void {
    const { leases, number } = this.options;
    this.log.claim();
    leases.claim(number, (result) => {
      if (result === null) return this.read(replay, done);
      if (this.log.state === 'claiming') this.log.denied();
      if (result instanceof Error) return done({ why: 'unreadable', error: result });
      done({ why: 'held', error: new Error(`log ${number} is held for ${Math.ceil(result.heldForMs)} ms`) });
    });
  }

  private read(replay: Replay, done: (not: NotOurs | null) => void): void {
    const { engine, number, shard, secret } = this.options;
    const unreadable = (error: Error): void => {
      this.release();
      // It may have been let go of before it was granted.
      this.options.leases.release(number);
      done({ why: 'unreadable', error });
    };
    const reading = { engine, number, shard, secret, log: this.log, replay, upTo: Number.POSITIVE_INFINITY };
    LogReading.begin(reading, (read) => {
      if (read instanceof Error) return unreadable(read);
      // Asked when all is read: what is promised then is true of all that was read.
      engine.promise((promise) => {
        const error = promise instanceof Error ? promise : this.begin(read, promise);
        if (error === null) done(null);
        else unreadable(error);
      });
    });
  }

  private begin(read: LogRead, promise: EnginePromise): Error | null {
    const { number, acceptsLoss, leases } = this.options;
    const loss = acceptsLoss === true ? null : lossIn(number, read.promise, promise);
    if (loss !== null) return new LossSuspected(loss);
    if (this.log.state !== 'reading') return new Unreadable(`log ${number} was let go of`);
    if (!leases.isHeld(number)) return new Unreadable(`log ${number}: its lease was over before it was read`);
    this.bytes = read.bytes;
    this.promise = promise;
    return null;
  }

  /** The engine promises this by now: the next frame says so. */
  promised(promise: EnginePromise): void {
    this.promise = promise;
  }

  /** Twice is once. What is under way may still go in, and whoever reads next finds it. */
  release(): void {
    if (this.isReleased) return;
    this.isReleased = true;
    // Nobody has a deadline for it any more, and the others in its statement would wait for ever.
    if (this.done !== null) this.options.engine.giveUp?.(this.number);
    this.done = null;
    const { state } = this.log;
    if (state !== 'absent' && state !== 'halted') this.log.lapse();
    this.options.leases.release(this.number);
  }

  // ---- appending

  append(batches: readonly Batch[], done: (end: AppendEnd) => void): void {
    if (!batches.every(this.options.isOurs)) throw new Error('journal: facts of another shard');
    if (this.isReleased) throw new Error(`journal: shard ${this.number} is not claimed`);
    if (this.failure !== null) return done({ end: 'failed', error: this.failure });
    if (this.done !== null) throw new Error('journal: two appends at once');
    this.done = done;
    let frames: readonly EngineFrame[];
    try {
      frames = this.next(batches);
    } catch (error) {
      // What could never be read again is not written; the shards hold it already.
      return this.fail(error as Error);
    }
    for (const frame of frames) this.send(frame);
  }

  private next(batches: readonly Batch[]): readonly EngineFrame[] {
    const { log, again, promise } = this;
    if (log.state === 'reading') {
      this.writing = promise;
      this.announced = log.announce({ batches, promise, read: null });
      return [this.announced];
    }
    // What is sent again is in the frames that reading again gave.
    if (log.state !== 'unsure') {
      this.writing = isSamePromise(promise, this.written) ? null : promise;
      return [log.append({ batches, promise: this.writing, read: null })];
    }
    this.again = [];
    return again;
  }

  private send(frame: EngineFrame): void {
    this.options.engine.append([frame], ([outcome], why) => this.hear(frame, outcome as AppendOutcome, why));
  }

  private hear(frame: EngineFrame, outcome: AppendOutcome, why: Error | null): void {
    const { log } = this;
    const before = log.underWay;
    log.ended(frame, outcome);
    // Nobody waits for it any more.
    if (log.underWay === before) return;
    if (outcome === 'failed') return this.fail(why ?? new Error('the engine takes nothing from us'));
    if (log.state === 'serving' && log.underWay.length === 0) return this.isDurable(before);
    if (!log.mustLook && log.state !== 'reading') return;
    if (outcome === 'refused') this.end({ end: 'refused' });
    else this.end({ end: 'unknown', error: why ?? new Error('no answer that can be relied on') });
  }

  private isDurable(frames: readonly { readonly frame: EngineFrame }[]): void {
    for (const { frame } of frames) this.bytes += frame.body.byteLength;
    this.written = this.writing ?? this.written;
    this.end({ end: 'durable' });
  }

  private fail(error: Error): void {
    this.failure = error;
    this.options.failed(error);
    this.end({ end: 'failed', error });
  }

  private end(end: AppendEnd): void {
    const { done } = this;
    this.done = null;
    done?.(end);
  }

  // ---- reading again

  readAgain(done: (found: Found | Error) => void): void {
    const { log } = this;
    this.done = null;
    this.options.engine.giveUp?.(this.number);
    for (const { frame, isAwaited } of log.underWay) if (isAwaited) log.ended(frame, 'unknown');
    const reading = ++this.readings;
    this.collect([], (frames) => {
      // Asked again since: what comes late must settle nothing.
      if (reading !== this.readings) return done(new Error(`log ${this.number} is read again since`));
      if (frames instanceof Error) return done(frames);
      if (log.state === 'reading') return done(this.announcedIn(frames));
      if (!log.mustLook) return done(this.isLost ? 'lost' : 'foreign');
      const { found, send } = log.look(frames);
      this.again = send;
      this.isLost = found === 'lost';
      done(found);
    });
  }

  /** Everything up to the end, or so much that it cannot all be ours. */
  private collect(before: readonly StoredFrame[], done: (frames: readonly StoredFrame[] | Error) => void): void {
    readFrames(this.options.engine, this.number, this.log.readsFrom + before.length, (read) => {
      if (read instanceof Error) return done(read);
      const frames = [...before, ...read.frames];
      // Ours are the last one known, what is under way, and one announced.
      const isEnough = frames.length > this.log.underWay.length + 2;
      if (read.isEnd || isEnough) done(frames);
      else this.collect(frames, done);
    });
  }

  /** What became of an announcement: nothing was promised before it, so whatever else is there is somebody else's. */
  private announcedIn(frames: readonly StoredFrame[]): Found {
    const contents = this.log.read(frames);
    if (contents === null) return this.log.state === 'halted' ? 'lost' : 'foreign';
    if (contents.length === 0) return 'absent';
    const isOurs = contents.length === 1 && Buffer.compare(this.log.place.hash, this.announced!.hash) === 0;
    if (isOurs) return 'present';
    this.log.lapse();
    return 'foreign';
  }
}
