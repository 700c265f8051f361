import { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { BodyMemory } from './body-memory.ts';
import { Decompressor, type ExpandFault } from './decompress.ts';
import { type Head, hasBody } from './head.ts';

const EMPTY = Buffer.alloc(0);
/** Bodies shorter than this are not worth counting. */
const SMALL_BYTES = 64 * 1024;
/**
 * Pieces that a body may come in, each of at least one byte. Node makes a buffer of each chunk of a chunked body: 1 MiB of chunks of a
 * byte would stop everyone else for seconds.
 */
export const PIECES_MAX = 2048;

/** Why a body was not read to its end. */
export type BodyFault = ExpandFault | 'too_large' | 'memory' | 'tenant' | 'pieces' | 'timeout';

/** Bounds of one body, and of all that are being read at once (D2, D3, D4). */
export interface BodyRules {
  /** Of the body as sent and as expanded. */
  readonly bytesMax: number;
  /** How many times its size an encoded body may expand to. */
  readonly ratio: number;
  /** Bytes that all bodies being read may hold together. */
  readonly memoryBytesMax: number;
}

/**
 * What may be decided before the body is whole. False while `start` is too little for it; else it calls `then` once, now or
 * later, with whether the body is to be read on. Until then nothing more is read.
 */
export type Peek = (start: Buffer, then: (go: boolean) => void) => boolean;

/** What is counted of one large body, and under whom. */
export interface BodyCount {
  readonly memory: BodyMemory;
  /** Whose it is: asked once there is something to count. */
  readonly tenant: () => string;
}

/** All of the body, or why not; and what says that it is not held any more. */
export type BodyDone = (body: Buffer | BodyFault, giveBack: () => void) => void;
const uncounted = (): void => {};

/**
 * Reads the body of a request, expanding it when it is encoded, and calls back once: with all of it, or with the
 * first rule that it breaks. A client that leaves, and a `peek` that stops, get no callback. What a whole body counts for is counted
 * until it is given back.
 * @returns who is to be told when time is up; null where there is no body to wait for
 */
export function readBody(
  req: IncomingMessage,
  head: Head,
  rules: BodyRules,
  count: BodyCount,
  peek: Peek | null,
  done: BodyDone,
): { late(): void } | null {
  if (!hasBody(head)) {
    req.resume();
    if (peek === null) req.once('end', () => done(EMPTY, uncounted));
    else peek(EMPTY, (go) => go && done(EMPTY, uncounted));
    return null;
  }
  if (peek === null && isShort(head) && req instanceof ServerRequest) {
    const reader = new ShortBody(done);
    if (req.takeBody(reader)) return reader;
  }
  return new BodyReader(req, head, rules, count, peek, done);
}

/** Who takes a body as the parser finds it. */
interface BodyTaker {
  piece(chunk: Buffer): void;
  /** There is no more of it. */
  whole(): void;
}

/**
 * A request whose body may go straight from the parser to whoever reads it. A stream would bring a short body through a buffer and the
 * events of data, end, destruction and close, which take longer than all that is done with it.
 */
export class ServerRequest extends IncomingMessage {
  private taker: BodyTaker | null = null;

  /** From now on the body goes to the taker, and the stream stays empty. False when some of it, or its end, is in the stream already. */
  takeBody(taker: BodyTaker): boolean {
    if (this.complete || this.readableLength > 0 || this.readableFlowing !== null) return false;
    this.taker = taker;
    return true;
  }

  override push(chunk: Buffer | null): boolean {
    const { taker } = this;
    if (taker === null) return super.push(chunk);
    if (chunk === null) taker.whole();
    else taker.piece(chunk);
    return true;
  }

  /** Whether all of its body was taken; null of a request whose body nobody took. */
  get endTaken(): boolean | null {
    return this.taker === null ? null : this.complete;
  }

  /** Node reads on to the end of a body that nobody read: nothing of a taken one is in the stream. */
  _dump(): void {
    if (this.taker === null) dump.call(this);
  }
}

const { _dump: dump } = IncomingMessage.prototype as unknown as { _dump(this: IncomingMessage): void };

// Node lets go of a request that has ended. A property by its types, an accessor in truth: a class could not say it anew.
const ended = Object.getOwnPropertyDescriptor(Readable.prototype, 'readableEnded')?.get as () => boolean;
Object.defineProperty(ServerRequest.prototype, 'readableEnded', {
  configurable: true,
  get(this: ServerRequest): boolean {
    return this.endTaken ?? ended.call(this);
  },
});

/** Its bytes need not be counted: their number is known, and was looked at. */
const isShort = (head: Head): boolean =>
  head.contentLength <= SMALL_BYTES && !head.chunked && head.contentEncoding === undefined;

/** Reads a short body straight from the parser. */
class ShortBody implements BodyTaker {
  private readonly done: BodyDone;
  private first: Buffer = EMPTY;
  private chunks: Buffer[] | null = null;
  private pieces = 0;
  private over = false;

  constructor(done: BodyDone) {
    this.done = done;
  }

  piece(chunk: Buffer): void {
    if (this.over) return;
    if (++this.pieces > PIECES_MAX) this.finish('pieces');
    else if (this.pieces === 1) this.first = chunk;
    else if (this.chunks === null) this.chunks = [this.first, chunk];
    else this.chunks.push(chunk);
  }

  /** What else came with it is read first, as it is behind the end of a stream. */
  whole(): void {
    process.nextTick(finishWhole, this);
  }

  late(): void {
    this.finish('timeout');
  }

  finish(fault: BodyFault | null): void {
    if (this.over) return;
    this.over = true;
    const body = fault ?? (this.chunks === null ? this.first : Buffer.concat(this.chunks));
    this.first = EMPTY;
    this.chunks = null;
    this.done(body, uncounted);
  }
}

const finishWhole = (body: ShortBody): void => body.finish(null);

class BodyReader {
  private readonly req: IncomingMessage;
  private readonly rules: BodyRules;
  private readonly done: BodyDone;
  private readonly decompressor: Decompressor | null;
  private peek: Peek | null;
  private first: Buffer | null = null;
  private chunks: Buffer[] | null = null;
  private bytes = 0;
  private readonly counting: BodyCount;
  private counted = 0;
  private tenant: string | null = null;
  private pieces = 0;
  private over = false;
  /** `peek` has not decided yet. */
  private isWaiting = false;
  /** All of the body is there. */
  private isComplete = false;
  private isLate = false;

  constructor(req: IncomingMessage, head: Head, rules: BodyRules, count: BodyCount, peek: Peek | null, done: BodyDone) {
    this.req = req;
    this.rules = rules;
    this.counting = count;
    this.peek = peek;
    this.done = done;
    const coding = head.contentEncoding;
    this.decompressor =
      coding === undefined
        ? null
        : new Decompressor(
            coding,
            rules,
            (chunk) => this.take(chunk),
            (end) => this.finish(end),
          );
    req.on('data', (chunk: Buffer) => {
      if (this.over) return;
      if (++this.pieces > PIECES_MAX) this.finish('pieces');
      else if (this.decompressor === null) this.take(chunk);
      else this.decompressor.write(chunk);
    });
    req.on('end', () => {
      if (this.over) return;
      if (this.decompressor === null) this.finish(null);
      else this.decompressor.end();
    });
    if (this.decompressor !== null || head.chunked || head.contentLength > SMALL_BYTES) {
      // A request closes when it is whole, too.
      req.once('close', () => {
        if (!req.complete) this.stop();
      });
    }
  }

  private take(chunk: Buffer): void {
    this.bytes += chunk.length;
    if (this.bytes > this.rules.bytesMax) return this.finish('too_large');
    if (this.first === null) this.first = chunk;
    else if (this.chunks === null) this.chunks = [this.first, chunk];
    else this.chunks.push(chunk);
    const fault = this.bytes > SMALL_BYTES ? this.count() : null;
    if (fault !== null) return this.finish(fault);
    if (this.peek !== null && !this.isWaiting) this.look();
  }

  private look(): void {
    const peek = this.peek as Peek;
    this.isWaiting = true;
    if (!peek(this.whole(), (go) => this.decided(go))) this.isWaiting = false;
    else if (this.isWaiting) this.req.pause();
  }

  private decided(go: boolean): void {
    this.isWaiting = false;
    this.peek = null;
    if (!go) return this.stop();
    if (this.isLate) return this.finish('timeout');
    this.req.resume();
    if (this.isComplete) this.finish(null);
  }

  /** It has not come in time. What is being decided is decided first. */
  late(): void {
    if (this.isWaiting) this.isLate = true;
    else this.finish('timeout');
  }

  /** Counts what it holds against what all may hold. */
  private count(): BodyFault | null {
    const { counting, counted, bytes, rules } = this;
    this.tenant ??= counting.tenant();
    this.counted = bytes;
    return counting.memory.take(this.tenant, counted, bytes, rules.memoryBytesMax);
  }

  private whole(): Buffer {
    if (this.chunks === null) return this.first ?? EMPTY;
    this.first = Buffer.concat(this.chunks, this.bytes);
    this.chunks = null;
    return this.first;
  }

  private finish(fault: BodyFault | null): void {
    if (this.over) return;
    if (fault === null && this.peek !== null) {
      // It is whole, and what has to be decided first is not.
      this.isComplete = true;
      if (!this.isWaiting) this.look();
      return;
    }
    const body = fault ?? this.whole();
    this.end();
    if (fault !== null) this.giveBack();
    this.done(body, this.tenant === null ? uncounted : () => this.giveBack());
  }

  private giveBack(): void {
    if (this.tenant !== null) this.counting.memory.giveBack(this.tenant, this.counted);
    this.tenant = null;
  }

  /** Lets go of everything; what still comes is not read. */
  private stop(): void {
    if (this.over) return;
    this.end();
    this.giveBack();
  }

  private end(): void {
    this.over = true;
    this.first = null;
    this.chunks = null;
    this.decompressor?.close();
    if (!this.req.complete) this.req.pause();
  }
}
