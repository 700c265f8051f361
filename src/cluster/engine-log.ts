import type { AppendOutcome, Engine, EngineFrame, FramesRead, StoredFrame } from '../ports/engine.ts';
import type { AppendEnd, Batch, Found, Log } from '../ports/journal.ts';
import { type BatchContent, batchFraming, NOTHING } from './batch-framing.ts';
import { ShardLog } from './shard-log.ts';

type Secret = Parameters<typeof batchFraming>[1];

/** Of a page that is not the last: one that is known, and one that is new. */
const FRAMES_MIN = 2;

export interface EngineLogOptions {
  readonly engine: Engine;
  readonly number: number;
  /** The node's name: its own among all that use the engine, and another one for each of its processes. */
  readonly owner: string;
  readonly secret: Secret;
  readonly answersWithinMs: number;
  /** Whether these facts may stand in this log. */
  readonly isOurs: (batch: Batch) => boolean;
  readonly failed: (error: Error) => void;
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
  private isHeld = false;
  private isLost = false;
  private failure: Error | null = null;

  constructor(options: EngineLogOptions) {
    const { number, owner, secret, answersWithinMs } = options;
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

  // ---- claiming

  /** The lease, and then all that the log holds, given away frame by frame. Calls `done` once, with null when it may be appended to. */
  claim(replay: (content: BatchContent) => void, done: (not: NotOurs | null) => void): void {
    const { engine, number, owner } = this.options;
    this.log.claim();
    engine.leases.claim(number, owner, (result) => {
      if (result === null) {
        this.isHeld = true;
        this.log.granted();
        return this.readOn(replay, done);
      }
      this.log.denied();
      if (result instanceof Error) return done({ why: 'unreadable', error: result });
      done({ why: 'held', error: new Error(`log ${number} is held for ${result.heldForMs} ms`) });
    });
  }

  private readOn(replay: (content: BatchContent) => void, done: (not: NotOurs | null) => void): void {
    this.frames(this.log.readsFrom, (read) => {
      const error = read instanceof Error ? read : this.replay(read, replay);
      if (error !== null) {
        this.release();
        return done({ why: 'unreadable', error });
      }
      if ((read as FramesRead).isEnd) done(null);
      else this.readOn(replay, done);
    });
  }

  private replay({ frames }: FramesRead, replay: (content: BatchContent) => void): Error | null {
    const contents = this.log.read(frames);
    if (contents === null) return new Error(`log ${this.number} does not hang together`);
    try {
      for (const content of contents) replay(content);
      return null;
    } catch (error) {
      return error as Error;
    }
  }

  /** An engine that gives nothing and says that there is more would be asked for ever. */
  private frames(from: number, done: (read: FramesRead | Error) => void): void {
    this.options.engine.frames(this.number, from, (read) => {
      const isStuck = !(read instanceof Error) && !read.isEnd && read.frames.length < FRAMES_MIN;
      done(
        isStuck
          ? new Error(`log ${this.number}: the engine gives ${read.frames.length} frames, and says there are more`)
          : read,
      );
    });
  }

  /** Twice is once. What is under way may still go in, and whoever reads next finds it. */
  release(): void {
    if (this.isReleased) return;
    this.isReleased = true;
    this.done = null;
    const { state } = this.log;
    if (state !== 'absent' && state !== 'halted') this.log.lapse();
    if (this.isHeld) this.options.engine.leases.release(this.number, this.options.owner);
  }

  // ---- appending

  append(batches: readonly Batch[], done: (end: AppendEnd) => void): void {
    if (!batches.every(this.options.isOurs)) throw new Error('journal: facts of another shard');
    if (this.isReleased) throw new Error(`journal: shard ${this.number} is not claimed`);
    if (this.failure !== null) return done({ end: 'failed', error: this.failure });
    if (this.done !== null) throw new Error('journal: two appends at once');
    this.done = done;
    for (const frame of this.next({ batches, read: null })) this.send(frame);
  }

  private next(content: BatchContent): readonly EngineFrame[] {
    const { log, again } = this;
    if (log.state === 'reading') {
      this.announced = log.announce(content);
      return [this.announced];
    }
    // What is sent again is in the frames that reading again gave.
    if (log.state !== 'unsure') return [log.append(content)];
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
    if (log.state === 'serving' && log.underWay.length === 0) return this.end({ end: 'durable' });
    if (!log.mustLook && log.state !== 'reading') return;
    if (outcome === 'refused') this.end({ end: 'refused' });
    else this.end({ end: 'unknown', error: why ?? new Error('no answer that can be relied on') });
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
    for (const { frame, isAwaited } of log.underWay) if (isAwaited) log.ended(frame, 'unknown');
    this.collect([], (frames) => {
      if (frames instanceof Error) return done(frames);
      if (log.state === 'reading') return done(this.announcedIn(frames));
      if (!log.mustLook) return done(this.isLost ? 'lost' : 'foreign');
      const { found, send } = log.look(frames);
      this.again = send;
      this.isLost = found === 'lost';
      done(found);
    });
  }

  /** Everything up to the end. */
  private collect(before: readonly StoredFrame[], done: (frames: readonly StoredFrame[] | Error) => void): void {
    this.frames(this.log.readsFrom + before.length, (read) => {
      if (read instanceof Error) return done(read);
      const frames = [...before, ...read.frames];
      if (read.isEnd) done(frames);
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
