import { beforeEach, describe, expect, it } from 'vitest';
import { EngineLogs } from '../../src/cluster/engine-logs.ts';
import { type Place, ShardLog } from '../../src/cluster/shard-log.ts';
import type { AppendOutcome, EngineFrame, StoredFrame } from '../../src/ports/engine.ts';
import { jsonFraming } from '../support/shard-log.ts';

const framing = jsonFraming<string>();

/** A node with one shard of the engine; the test says what becomes of each frame. */
class Node {
  readonly log = new ShardLog({ shard: 0, framing, flightMax: 2, nothing: '' });
  readonly told: string[] = [];
  replayed: readonly string[] | null = null;
  private readonly engine: EngineLogs;
  private readonly name: string;

  constructor(engine: EngineLogs, name: string) {
    this.engine = engine;
    this.name = name;
  }

  /** What it reads, and the announcement that it sends then. */
  claim(): EngineFrame {
    this.log.claim();
    this.log.granted();
    return this.readOn();
  }

  readOn(): EngineFrame {
    this.replayed = this.log.read(this.engine.from(0, this.log.readsFrom));
    return this.log.announce(`started ${this.name}`);
  }

  own(): this {
    this.take(this.claim());
    return this;
  }

  /** The engine takes it, or not, and says so. */
  take(frame: EngineFrame): void {
    const outcome = this.engine.insert(frame) ? 'durable' : 'refused';
    if (outcome === 'durable') while (this.engine.replicatedOf(0) < frame.sequence) this.engine.replicate(0);
    this.hear(frame, outcome);
  }

  hear(frame: EngineFrame, outcome: AppendOutcome): void {
    this.told.push(...this.log.ended(frame, outcome));
  }

  look() {
    return this.log.look(this.engine.from(0, this.log.readsFrom));
  }
}

describe('shard log', () => {
  let engine: EngineLogs;
  let one: Node;
  let other: Node;
  beforeEach(() => {
    engine = new EngineLogs(1);
    one = new Node(engine, 'one');
    other = new Node(engine, 'other');
  });
  const inEngine = (): string[] => engine.logOf(0).map(({ body }) => framing.open(body)!.content);

  it('claimed: an announcement in the next term, served once that is answered, and what the next owner replays', () => {
    one.own();
    expect([one.log.state, one.log.place.term, one.told]).toEqual(['serving', 1, ['started one']]);
    for (const content of ['a', 'b']) one.take(one.log.append(content));
    other.own();
    expect([other.replayed, other.log.place.term]).toEqual([['started one', 'a', 'b'], 2]);
    // The owner before finds out with its next append.
    one.take(one.log.append('c'));
    expect([one.log.state, one.look().found, one.log.state]).toEqual(['unsure', 'foreign', 'absent']);
    expect(inEngine()).toEqual(['started one', 'a', 'b', 'started other']);
  });

  it('two who announce at a time: one goes in, the other reads it and is of a later term', () => {
    const [first, second] = [one.claim(), other.claim()];
    one.take(first);
    other.take(second);
    expect([other.log.state, other.replayed]).toEqual(['reading', []]);
    other.take(other.readOn());
    expect([other.replayed, other.log.place.term]).toEqual([['started one'], 2]);
  });

  it('an announcement of which nobody knows: read like that of anybody, and announced again after it', () => {
    const frame = one.claim();
    engine.insert(frame);
    one.hear(frame, 'unknown');
    one.take(one.readOn());
    expect([one.log.state, one.log.place.term, one.replayed]).toEqual(['serving', 2, ['started one']]);
  });

  it('several under way: each behind the one before; the answer for one is that for all before it', () => {
    one.own();
    const [a, b] = [one.log.append('a'), one.log.append('b')];
    expect(one.log.mayAppend).toBe(false);
    expect(() => one.log.append('c')).toThrow('an append while serving');
    engine.insert(a);
    one.take(b);
    expect([one.told, one.log.underWay]).toEqual([['started one', 'a', 'b'], []]);
    one.hear(a, 'durable');
    expect(one.told).toHaveLength(3);
  });

  it('arrived in the wrong order: what comes too early is refused and sent again, the same bytes', () => {
    one.own();
    const [a, b] = [one.log.append('a'), one.log.append('b')];
    one.take(b);
    expect([one.log.state, one.log.mustLook]).toEqual(['unsure', false]);
    one.take(a);
    expect([one.told.at(-1), one.log.mustLook]).toEqual(['a', true]);
    expect(one.look()).toEqual({ found: 'absent', send: [b] });
    one.take(b);
    expect([one.log.state, inEngine()]).toEqual(['serving', ['started one', 'a', 'b']]);
  });

  it('found by reading: durable only when an append after it is answered', () => {
    one.own();
    const a = one.log.append('a');
    engine.insert(a);
    one.hear(a, 'unknown');
    const { found, send } = one.look();
    expect([found, send.length, one.told]).toEqual(['present', 1, ['started one']]);
    one.take(send[0]!);
    expect([one.told, one.log.state]).toEqual([['started one', 'a', ''], 'serving']);
  });

  it('found by reading, and lost with the primary: sent again behind what is left', () => {
    one.own();
    const a = one.log.append('a');
    engine.insert(a);
    one.hear(a, 'unknown');
    const { send } = one.look();
    engine.failOver();
    one.take(send[0]!);
    expect(one.look()).toEqual({ found: 'absent', send: [a, send[0]] });
    one.take(a);
    one.take(send[0]!);
    expect([one.told, one.log.state]).toEqual([['started one', 'a', ''], 'serving']);
  });

  it('what was durable is gone: halted, for good', () => {
    one.own();
    const lost = new EngineLogs(1);
    const a = one.log.append('a');
    one.hear(a, lost.insert(a) ? 'durable' : 'refused');
    expect([one.log.look(lost.from(0, 1)), one.log.state]).toEqual([{ found: 'lost', send: [] }, 'halted']);
    expect(() => one.log.claim()).toThrow('claim while halted');
  });

  it('what was durable is trimmed by an owner since: it is theirs, and nothing is lost', () => {
    one.own();
    const a = one.log.append('a');
    other.own();
    const b = other.log.append('b');
    other.take(b);
    one.hear(a, 'unknown');
    expect([one.log.look(engine.from(0, b.sequence)), one.log.state]).toEqual([
      { found: 'foreign', send: [] },
      'absent',
    ]);
  });

  it('read and lost before it announces: it begins anew', () => {
    one.own();
    engine.insert(one.log.append('a'));
    const frame = other.claim();
    engine.failOver();
    other.take(frame);
    expect([other.log.read(engine.from(0, other.log.readsFrom)), other.log.state]).toEqual([null, 'absent']);
    other.own();
    expect([other.replayed, other.log.place.term]).toEqual([['started one'], 2]);
  });

  it('a log whose frames do not hang together is not served: order, number, term, hashes, bytes', () => {
    const stored = (before: StoredFrame | null, term: number, sequence = (before?.sequence ?? 0) + 1): StoredFrame => ({
      sequence,
      ...framing.seal({ sequence, term, previous: before?.hash ?? new Uint8Array(32) }, 'x'),
    });
    const first = stored(null, 1);
    const second = stored(first, 1);
    const reads = (...frames: StoredFrame[]): string => {
      const { log } = new Node(engine, 'reader');
      log.claim();
      log.granted();
      return `${log.read(frames)?.join('') ?? 'null'} ${log.state}`;
    };
    expect(reads(first, second, stored(second, 2))).toBe('xxx reading');
    for (const wrong of [
      stored(null, 1, 2),
      stored(first, 1, 3),
      stored(first, 0),
      stored(first, 3),
      stored({ ...first, hash: new Uint8Array(32).fill(1) }, 1),
      { ...second, sequence: 3 },
      { ...second, hash: new Uint8Array(32) },
      { ...second, body: second.body.subarray(1) },
      first,
    ])
      expect(reads(first, wrong)).toBe('null halted');
    expect(reads(second)).toBe('null halted');
  });

  it('claimed with a snapshot: read from the frame that it ends with, which must be there', () => {
    one.own();
    for (const content of ['a', 'b']) one.take(one.log.append(content));
    const { sequence, hash } = engine.logOf(0)[1]!;
    const claim = (place: Place): ShardLog<string> => {
      const { log } = new Node(engine, 'reader');
      log.claim();
      log.granted(place);
      return log;
    };
    const log = claim({ sequence, hash, term: 1 });
    expect([log.readsFrom, log.read(engine.from(0, 2)), log.announce('started').sequence]).toEqual([2, ['b'], 4]);
    const other = claim({ sequence, hash: new Uint8Array(32), term: 1 });
    expect([other.read(engine.from(0, 2)), other.state]).toEqual([null, 'absent']);
  });

  it('handed over: nothing new is taken, and it is let go of when all is durable; or is unsure like any other', () => {
    one.own();
    one.log.handOver();
    expect(one.log.state).toBe('absent');
    one.own();
    const a = one.log.append('a');
    one.log.handOver();
    expect([one.log.state, one.log.mayAppend]).toEqual(['handing_over', false]);
    one.take(a);
    expect([one.log.state, one.told.at(-1)]).toEqual(['absent', 'a']);
    one.own();
    const b = one.log.append('b');
    one.log.handOver();
    one.hear(b, 'unknown');
    expect(one.log.state).toBe('unsure');
  });

  it('a lease that is over: what is under way may still go in, and the next owner finds it', () => {
    one.own();
    const late = one.log.append('late');
    one.log.lapse();
    expect([one.log.state, one.log.underWay]).toEqual(['absent', []]);
    engine.insert(late);
    one.hear(late, 'durable');
    expect(one.told).toEqual(['started one']);
    expect(other.own().replayed).toEqual(['started one', 'late']);
  });
});
