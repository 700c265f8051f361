import { BytesError } from '../journal/bytes.ts';
import type { Secret } from '../journal/frame.ts';
import type { Entry, Head } from '../journal/record-items.ts';
import type { Engine, EnginePromise, FramesRead, StoredSnapshot } from '../ports/engine.ts';
import { Unreadable } from '../ports/journal.ts';
import type { BatchContent } from './batch-framing.ts';
import { BEGINNING, type Place, type ShardLog } from './shard-log.ts';
import { SnapshotReading } from './snapshot-pieces.ts';

/** Of a page that is not the last: one that is known, and one that is new. */
const FRAMES_MIN = 2;

/** What is made of a log while it is read. What does not fit throws. */
export interface Replay {
  /** All of it begins here, perhaps once more. */
  begin(): void;
  /** A record of a snapshot. */
  entry(entry: Entry): void;
  /** The snapshot is whole. */
  restored(head: Head): void;
  frame(content: BatchContent): void;
}

export interface Reading {
  readonly engine: Engine;
  readonly number: number;
  /** What its snapshots are of: null for what is of no shard. */
  readonly shard: number | null;
  readonly secret: Secret;
  /** Claimed, and not granted yet: this does it. */
  readonly log: ShardLog<BatchContent>;
  readonly replay: Replay;
  /** Read so far at most. */
  readonly upTo: number;
}

/** What was read of a log. */
export interface LogRead {
  /** The last promise that it holds. */
  readonly promise: EnginePromise | null;
  /** The snapshot that it began with. */
  readonly snapshot: StoredSnapshot | null;
  /** Of the frames after it. */
  readonly bytes: number;
}

/** An engine that gives nothing and says that there is more would be asked for ever. */
export function readFrames(
  engine: Engine,
  number: number,
  from: number,
  done: (read: FramesRead | Error) => void,
): void {
  engine.frames(number, from, (read) => {
    const isStuck = !(read instanceof Error) && !read.isEnd && read.frames.length < FRAMES_MIN;
    if (!isStuck) return done(read);
    done(new Unreadable(`log ${number}: the engine gives ${read.frames.length} frames, and says there are more`));
  });
}

interface SnapshotRead {
  readonly head: Head;
  readonly promise: EnginePromise | null;
}

/** What bytes are is said of them; what came of them may quote what they hold. */
const wrongIn = (error: unknown): string => (error instanceof BytesError ? error.message : 'what it says cannot be');

/** Checks a snapshot piece by piece. Calls `done` once: with its head and promise, what is wrong with it, or why it could not be read. */
export function readSnapshot(
  { engine, number, shard, secret }: Pick<Reading, 'engine' | 'number' | 'shard' | 'secret'>,
  snapshot: StoredSnapshot,
  take: (entry: Entry) => void,
  done: (read: SnapshotRead | { readonly wrong: string } | Error) => void,
): void {
  const reading = new SnapshotReading(snapshot, shard, secret, take);
  const next = (piece: number): void => {
    engine.snapshots.piece(number, snapshot, piece, (bytes) => {
      if (bytes instanceof Error) return done(bytes);
      let head: Head | null = null;
      try {
        reading.piece(bytes);
        if (piece + 1 === snapshot.pieces) head = reading.done();
      } catch (error) {
        return done({ wrong: wrongIn(error) });
      }
      if (head === null) next(piece + 1);
      else done({ head, promise: reading.promise });
    });
  };
  next(0);
}

/** Reads a log: its newest snapshot that is whole, then the frames after that. */
export class LogReading {
  private readonly reading: Reading;
  private readonly done: (read: LogRead | Error) => void;
  private promise: EnginePromise | null = null;
  private snapshot: StoredSnapshot | null = null;
  private bytes = 0;
  /** What is wrong with those that were passed over. */
  private readonly damaged: string[] = [];

  /** Calls `done` once. */
  static begin(reading: Reading, done: (read: LogRead | Error) => void): void {
    const one = new LogReading(reading, done);
    const { engine, number, upTo } = reading;
    engine.snapshots.list(number, (found) => {
      if (found instanceof Error) one.done(found);
      else one.newest(found.filter(({ sequence }) => sequence <= upTo));
    });
  }

  private constructor(reading: Reading, done: (read: LogRead | Error) => void) {
    this.reading = reading;
    this.done = done;
  }

  private newest([snapshot, ...older]: readonly StoredSnapshot[]): void {
    const { replay } = this.reading;
    replay.begin();
    if (snapshot === undefined) return this.from(BEGINNING);
    readSnapshot(
      this.reading,
      snapshot,
      (entry) => replay.entry(entry),
      (read) => {
        if (read instanceof Error) return this.done(read);
        const wrong = 'wrong' in read ? read.wrong : this.restored(read.head);
        if (wrong !== null) {
          this.damaged.push(`snapshot ${snapshot.sequence}: ${wrong}`);
          return this.newest(older);
        }
        const { head, promise } = read as SnapshotRead;
        this.promise = promise;
        this.snapshot = snapshot;
        this.from({ sequence: head.sequence, term: head.term, hash: Buffer.from(head.hash, 'hex') });
      },
    );
  }

  /** Null, or why what its pieces say is no state. */
  private restored(head: Head): string | null {
    try {
      this.reading.replay.restored(head);
      return null;
    } catch (error) {
      return wrongIn(error);
    }
  }

  private from(place: Place): void {
    const { log } = this.reading;
    if (log.state !== 'claiming') return this.done(new Unreadable(`log ${this.reading.number} was let go of`));
    log.granted(place);
    this.readOn();
  }

  private readOn(): void {
    const { engine, number, log } = this.reading;
    readFrames(engine, number, log.readsFrom, (read) => {
      const error = read instanceof Error ? read : this.take(read);
      if (error !== null) return this.done(error);
      const isEnd = (read as FramesRead).isEnd || log.place.sequence >= this.reading.upTo;
      const { promise, snapshot, bytes } = this;
      if (isEnd) this.done({ promise, snapshot, bytes });
      else this.readOn();
    });
  }

  private take({ frames }: FramesRead): Error | null {
    const { log, replay, upTo, number } = this.reading;
    if (log.state !== 'reading') return new Unreadable(`log ${number} was let go of`);
    const [first] = frames;
    if (log.place.sequence === 0 && first !== undefined && first.sequence > 1)
      return new Unreadable(
        `log ${number} begins with frame ${first.sequence}, and no snapshot reaches it${this.because}`,
      );
    const contents = log.read(frames.filter(({ sequence }) => sequence <= upTo));
    if (contents === null) return new Unreadable(`log ${number} does not hang together${this.because}`);
    for (const { body } of frames) this.bytes += body.byteLength;
    try {
      for (const content of contents) {
        this.promise = content.promise ?? this.promise;
        replay.frame(content);
      }
      return null;
    } catch (error) {
      return error as Error;
    }
  }

  private get because(): string {
    return this.damaged.map((one) => `; ${one}`).join('');
  }
}
