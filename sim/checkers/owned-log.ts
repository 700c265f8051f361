import { batchFraming } from '../../src/cluster/batch-framing.ts';
import type { Fact, MessageFact } from '../../src/core/facts.ts';
import type { Limits } from '../../src/core/limits.ts';
import { Reader } from '../../src/journal/bytes.ts';
import { readFrame, type Secret } from '../../src/journal/frame.ts';
import type { EngineFrame, StoredFrame } from '../../src/ports/engine.ts';
import { Breach } from './breach.ts';
import { ShardFacts } from './shard-facts.ts';

/** A frame as whoever reads the log finds it. */
interface Opened {
  readonly sequence: number;
  readonly hash: Uint8Array;
  readonly term: number;
  readonly owner: string;
  /** Facts of the shard in the frames before it. */
  readonly factsBefore: number;
  readonly facts: readonly Fact[];
}

const OWNER_BYTES_MAX = 255;
const isSame = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;

/** What a fact says, whatever the order of its fields. */
function saidBy(fact: Fact): string {
  const fields = Object.entries(fact).map(([name, value]) =>
    value instanceof Uint8Array ? [name, Buffer.from(value).toString('hex')] : [name, value],
  );
  return JSON.stringify(fields.sort(([one], [other]) => (String(one) < String(other) ? -1 : 1)));
}

interface Options {
  readonly shard: number;
  readonly secret: Secret;
  /** All that is visible of it, trimmed or not. */
  readonly frames: () => readonly StoredFrame[];
  /** Facts, in the order of the log, when an owner was told that they are durable; each once. */
  readonly settled: (facts: readonly Fact[]) => void;
}

/**
 * The log that nodes share a shard by: what must be true of it whoever owns it. Read from the very bytes that the engine has, apart from the
 * shipped reader of logs. What an owner was told, and what it takes for durable, is in it for good; a term is of one node; it hangs together.
 */
export class OwnedLog {
  readonly shard: number;
  /** Messages of which some answer said that they were accepted, and that they were acked. */
  readonly accepted = new Set<string>();
  readonly acked = new Set<string>();
  private readonly options: Options;
  private readonly framing: ReturnType<typeof batchFraming>;
  private opened: Opened[] = [];
  private facts: Fact[] = [];
  /** The facts that some owner took for durable. */
  private readonly believed: Fact[] = [];
  /** Hashes of the frames for which an owner was told so, by number. */
  private readonly told = new Map<number, Uint8Array>();

  constructor(options: Options) {
    this.shard = options.shard;
    this.options = options;
    this.framing = batchFraming('checker', options.secret);
  }

  // ---- what is in it

  /** Reads what is new in it, and anew what is another by now. @throws Breach */
  private read(): void {
    const frames = this.options.frames();
    let same = Math.min(this.opened.length, frames.length);
    while (same > 0 && !isSame((this.opened[same - 1] as Opened).hash, (frames[same - 1] as StoredFrame).hash)) same--;
    if (same < this.opened.length) {
      this.facts.length = this.opened[same]?.factsBefore ?? 0;
      this.opened.length = same;
    }
    for (const frame of frames.slice(same)) this.take(frame);
  }

  private take({ sequence, hash, body }: StoredFrame): void {
    const last = this.opened.at(-1);
    const opened = this.framing.open(body);
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    const found = readFrame((at, length) => bytes.subarray(at, at + length), 0, this.options.secret);
    if (opened === null || found.kind !== 'frame') return this.broken('ChainInv', sequence, 'it is no frame');
    const { term, previous, content } = opened;
    const follows =
      sequence === (last?.sequence ?? 0) + 1 &&
      opened.sequence === sequence &&
      isSame(opened.hash, hash) &&
      isSame(previous, last?.hash ?? new Uint8Array(hash.length));
    if (!follows) this.broken('ChainInv', sequence, 'it does not follow the frame before it');
    const owner = new Reader(found.frame.body).text(OWNER_BYTES_MAX) ?? '';
    const isNext = term === (last?.term ?? 0) + 1 || (term === last?.term && owner === last.owner);
    if (!isNext) this.broken('TermInv', sequence, `${owner} in term ${term} after ${last?.owner} in ${last?.term}`);
    const facts = content.batches.flatMap((batch) => (batch.shard === this.shard ? batch.facts : []));
    this.opened.push({ sequence, hash, term, owner, factsBefore: this.facts.length, facts });
    this.facts.push(...facts);
  }

  private broken(rule: 'ChainInv' | 'TermInv' | 'ToldInv', sequence: number, why: string): never {
    throw new Breach(rule, `frame ${sequence} of shard ${this.shard}: ${why}`);
  }

  // ---- what its owners know

  /** An owner was told that this frame is durable. @throws Breach */
  answered({ sequence, hash }: EngineFrame): void {
    const known = this.told.get(sequence);
    if (known !== undefined && !isSame(known, hash))
      this.broken('ToldInv', sequence, 'two were told that it is theirs');
    this.told.set(sequence, hash);
  }

  /** An owner takes these for durable, which are to come after so many others. @throws Breach */
  takenFor(position: number, facts: readonly Fact[]): void {
    this.read();
    for (const [i, fact] of facts.entries()) this.must(position + i, fact);
    const isNews = position + facts.length > this.believed.length;
    if (!isNews) return;
    const news = this.facts.slice(this.believed.length, position + facts.length);
    this.believed.push(...news);
    this.options.settled(news);
  }

  private must(at: number, fact: Fact): void {
    const stored = this.facts[at];
    if (stored !== undefined && saidBy(stored) === saidBy(fact)) return;
    const is = stored === undefined ? 'is not in the log' : `is in the log as ${stored.name} of ${idOf(stored)}`;
    const what = `fact ${at + 1} of shard ${this.shard}, ${fact.name} of ${idOf(fact)}, was durable and ${is}`;
    throw new Breach('ToldInv', what, fact.name === 'recovered' ? null : fact.msgId);
  }

  /** All that some owner was told, or took for durable, is there. @throws Breach */
  end(): void {
    this.read();
    for (const [i, fact] of this.believed.entries()) if (this.facts[i] !== fact) this.must(i, fact);
    for (const [sequence, hash] of this.told) {
      const frame = this.opened[sequence - 1];
      if (frame === undefined || !isSame(frame.hash, hash))
        this.broken('ToldInv', sequence, 'an owner was told of it, and it is gone');
    }
  }

  /** What the shard is to an owner that has read up to this frame. @throws Breach */
  upTo(sequence: number, limits: Limits): ShardFacts {
    this.read();
    const frame = this.opened[sequence - 1];
    const count = frame === undefined ? 0 : frame.factsBefore + frame.facts.length;
    const log = new ShardFacts(this.shard);
    for (const fact of this.facts.slice(0, count)) log.follow(fact, limits);
    log.rollBack();
    return log;
  }

  /** The owner of this has written behind what it had read: all that was promised before it, it must know. @throws Breach */
  proven(log: ShardFacts): void {
    for (const msgId of this.accepted) {
      const message = log.messages.get(msgId);
      if (message !== undefined) message.promised = true;
      else if (!log.isGone(msgId))
        throw new Breach('NoLossInv', 'accepted, and the next owner does not know it', msgId);
    }
    for (const msgId of this.acked) {
      const message = log.messages.get(msgId);
      if (message === undefined) continue;
      log.must('AckFinalProp', message.live.state === 'acked', 'the ack was answered by the owner before', message);
      message.ackPromised = true;
    }
  }
}

const idOf = (fact: Fact): string => (fact as Partial<MessageFact>).msgId ?? 'nobody';
