import type { OwnershipEvent, OwnershipState } from '../../spec/ownership.ts';
import { nextOwnership } from '../../spec/ownership-table.ts';
import type { AppendOutcome, EngineFrame, StoredFrame } from '../ports/engine.ts';
import type { Found } from '../ports/journal.ts';

/** A place in a log: behind this frame. */
export interface Place {
  /** 0 for the beginning. */
  readonly sequence: number;
  readonly term: number;
  readonly hash: Uint8Array;
}
export const BEGINNING: Place = { sequence: 0, term: 0, hash: new Uint8Array(32) };

/** What a frame says besides its content. */
export interface FrameHead {
  readonly sequence: number;
  readonly term: number;
  /** Hash of the frame before. */
  readonly previous: Uint8Array;
}

/** How frames are written and read. */
export interface Framing<Content> {
  /** The same bytes for the same head and content. */
  seal(head: FrameHead, content: Content): { readonly hash: Uint8Array; readonly body: Uint8Array };
  /** Null where these bytes are no frame; the hash is worked out anew. */
  open(body: Uint8Array): (FrameHead & { readonly hash: Uint8Array; readonly content: Content }) | null;
}

/** A frame of ours that is not known to be durable. */
export interface Sent<Content> {
  readonly content: Content;
  readonly frame: EngineFrame;
  /** Whether its answer is still to come. */
  readonly isAwaited: boolean;
}

/** What reading again came to, and what is to be sent because of it. */
export interface Looked {
  readonly found: Found;
  readonly send: readonly EngineFrame[];
}

interface Options<Content> {
  /** The number of the log. */
  readonly shard: number;
  readonly framing: Framing<Content>;
  /** Appends that may be under way at a time. */
  readonly flightMax: number;
  /** A frame that says nothing: with its answer all before it is durable. */
  readonly nothing: Content;
}

const isSame = (one: Uint8Array, other: Uint8Array): boolean =>
  one.length === other.length && one.every((byte, i) => byte === other[i]);

/**
 * One log of an engine at one node, sans-I/O: whoever drives it hands frames to the engine and brings back what it said. An append is a
 * compare-and-set on the frame before, number and hash, so that what a former owner sends too late can go nowhere, and several may be
 * under way at a time. What an owner was told, and nothing it saw, makes a frame durable: the answer for it, or for one after it.
 */
export class ShardLog<Content> {
  protected readonly options: Options<Content>;
  protected now: OwnershipState = 'absent';
  /** While it is read the last frame that was read, and after that the last one that is durable. */
  protected known: Place = BEGINNING;
  /** What is sent and not known to be durable, oldest first. */
  protected flight: readonly Sent<Content>[] = [];

  constructor(options: Options<Content>) {
    this.options = options;
  }

  get state(): OwnershipState {
    return this.now;
  }
  get place(): Place {
    return this.known;
  }
  get underWay(): readonly Sent<Content>[] {
    return this.flight;
  }
  /** Reading begins with the last frame that is known: that it is there says that nothing was lost. */
  get readsFrom(): number {
    return Math.max(1, this.known.sequence);
  }
  /** Whether another append may be sent. */
  get mayAppend(): boolean {
    return this.now === 'serving' && this.flight.length < this.options.flightMax;
  }
  /** Whether all that was sent has ended, so that only reading again tells more. */
  get mustLook(): boolean {
    return this.now === 'unsure' && this.flight.every(({ isAwaited }) => !isAwaited);
  }

  // ---- taking over

  claim(): void {
    this.go('claim');
  }

  denied(): void {
    this.go('denied');
  }

  /** `place`: what is known without reading, from a snapshot. */
  granted(place: Place = BEGINNING): void {
    this.go('granted');
    this.known = place;
  }

  /** Frames that were read, from `readsFrom` on: gives those that are new. Null where it is absent or halted after that. */
  read(frames: readonly StoredFrame[]): readonly Content[] | null {
    const isAnew = this.known.sequence === 0;
    if (!isAnew && !this.isKnown(frames[0])) return this.give('misread');
    const contents: Content[] = [];
    for (const stored of isAnew ? frames : frames.slice(1)) {
      const opened = this.options.framing.open(stored.body);
      if (opened === null || !this.fits(opened, stored)) return this.give('broken');
      this.known = opened;
      contents.push(opened.content);
    }
    return contents;
  }

  private fits(opened: Place & FrameHead, stored: StoredFrame): boolean {
    const { sequence, term, hash } = this.known;
    return (
      opened.sequence === sequence + 1 &&
      stored.sequence === opened.sequence &&
      isSame(opened.previous, hash) &&
      isSame(opened.hash, stored.hash) &&
      (opened.term === term || opened.term === term + 1)
    );
  }

  /**
   * The end is reached: the first frame of the next term, to be sent. Its content must be of this claim alone, so that it cannot be taken for
   * that of another node.
   */
  announce(content: Content): EngineFrame {
    this.go('ended');
    return this.send(content, this.known.term + 1);
  }

  // ---- appending

  /** A frame of the term, to be sent. */
  append(content: Content): EngineFrame {
    if (!this.mayAppend) throw new Error(`shard log ${this.options.shard}: an append while ${this.now}`);
    return this.send(content, this.known.term);
  }

  protected send(content: Content, term: number): EngineFrame {
    const { shard, framing } = this.options;
    const before = this.flight.at(-1)?.frame ?? this.known;
    const head = { sequence: before.sequence + 1, term, previous: before.hash };
    const frame = { shard, sequence: head.sequence, previous: before.hash, ...framing.seal(head, content) };
    this.flight = [...this.flight, { content, frame, isAwaited: true }];
    return frame;
  }

  /** What the engine said of a frame. Gives what is durable now and was not known to be: of what is not awaited it says nothing. */
  ended(frame: EngineFrame, outcome: AppendOutcome): readonly Content[] {
    const at = this.flight.findIndex((sent) => sent.frame === frame && sent.isAwaited);
    if (at < 0) return [];
    if (outcome === 'durable') return this.settle(at + 1);
    this.flight = this.flight.map((sent, i) => (i === at ? { ...sent, isAwaited: false } : sent));
    // What was announced is read like a frame of anybody: the next announcement comes after it.
    if (this.now === 'announcing') this.flight = [];
    if (this.now !== 'unsure') this.go('doubted');
    return [];
  }

  /** The first of what is under way, so many, are durable. A frame names the one before it: its answer counts for all before it. */
  private settle(count: number): readonly Content[] {
    const settled = this.flight.slice(0, count);
    const { frame } = settled.at(-1) as Sent<Content>;
    const term = this.now === 'announcing' ? this.known.term + 1 : this.known.term;
    this.known = { sequence: frame.sequence, term, hash: frame.hash };
    this.flight = this.flight.slice(count);
    if (this.now === 'announcing') this.go('answered');
    else if (this.flight.length === 0 && this.now !== 'serving') this.go('settled');
    return settled.map(({ content }) => content);
  }

  // ---- nobody knows what became of it

  /**
   * Frames that were read again, from `readsFrom` to the end. What is not there is sent again, the same bytes; where all is there, a frame
   * that says nothing is sent after it: that it can be seen does not make it durable, that a frame after it is does.
   */
  look(frames: readonly StoredFrame[]): Looked {
    if (!this.mustLook) throw new Error(`shard log ${this.options.shard}: a look while ${this.now}`);
    const after = this.known.sequence === 0 ? frames : frames.slice(1);
    if (this.known.sequence > 0 && !this.isKnown(frames[0])) {
      // What is trimmed is reached by a snapshot, and never the last of a log: whoever trimmed it wrote behind it.
      const isTrimmed = (frames[0]?.sequence ?? 0) > this.known.sequence;
      return isTrimmed ? this.end('overtaken', 'foreign') : this.end('broken', 'lost');
    }
    const isOurs = after.every(({ hash }, i) => i < this.flight.length && isSame(hash, this.flight[i]!.frame.hash));
    if (!isOurs) return this.end('overtaken', 'foreign');
    const there = after.length;
    if (there === this.flight.length) {
      return { found: 'present', send: [this.send(this.options.nothing, this.known.term)] };
    }
    this.flight = this.flight.map((sent, i) => (i < there ? sent : { ...sent, isAwaited: true }));
    return { found: 'absent', send: this.flight.slice(there).map(({ frame }) => frame) };
  }

  private end(event: 'broken' | 'overtaken', found: Found): Looked {
    this.give(event);
    return { found, send: [] };
  }

  private isKnown(frame: StoredFrame | undefined): boolean {
    return frame?.sequence === this.known.sequence && isSame(frame.hash, this.known.hash);
  }

  // ---- letting go

  /** Nothing new is taken: it is absent when all that is under way is durable. */
  handOver(): void {
    this.go('hand_over');
    if (this.flight.length === 0) this.go('settled');
  }

  /** The lease is over, or nobody can be asked: what is under way may still go in, and is found by whoever reads next. */
  lapse(): void {
    this.give('lapsed');
  }

  private give(event: OwnershipEvent): null {
    this.go(event);
    return null;
  }

  protected go(event: OwnershipEvent): void {
    this.now = nextOwnership(this.now, event);
    if (this.now !== 'absent' && this.now !== 'halted') return;
    this.known = BEGINNING;
    this.flight = [];
  }
}
