import { beforeEach, describe, expect, it } from 'vitest';
import { OneStatement } from '../../src/cluster/one-statement.ts';
import type { AppendOutcome, Engine, EngineFrame } from '../../src/ports/engine.ts';

const frameOf = (shard: number, sequence = 1, bytes = 1): EngineFrame => ({
  ...{ shard, sequence, previous: new Uint8Array(32), hash: new Uint8Array(32), body: new Uint8Array(bytes) },
});

describe('one statement at a time', () => {
  let statements: { readonly logs: readonly number[]; readonly answer: (...outcomes: AppendOutcome[]) => void }[];
  let reads: number[];
  let said: string[];
  let engine: OneStatement;
  beforeEach(() => {
    statements = [];
    reads = [];
    said = [];
    const inner: Engine = {
      leases: {
        ...{ leaseMs: 1, claim: () => {}, renewAll: () => {}, release: () => {}, watch: () => () => {} },
        dismiss: () => {},
      },
      members: {
        join: () => {},
        beat: () => {},
        leave: () => {},
        revoke: () => {},
        revocations: () => {},
        takeQuota: () => {},
      },
      snapshots: {
        ...{ list: () => {}, piece: () => {}, put: () => {}, finish: () => {}, discard: () => {}, trim: () => {} },
      },
      promise: () => {},
      append: (frames, done) => {
        const answer = (...outcomes: AppendOutcome[]): void => done(outcomes, new Error('why'));
        statements.push({ logs: frames.map(({ shard }) => shard), answer });
      },
      frames: (shard) => reads.push(shard),
    };
    engine = new OneStatement(inner);
  });
  const append = (frame: EngineFrame, then: () => void = () => {}): void =>
    engine.append([frame], ([outcome], why) => {
      said.push(`${frame.shard} ${outcome}${why === null ? '' : ` ${why.message}`}`);
      then();
    });
  const logs = (): readonly (readonly number[])[] => statements.map((statement) => statement.logs);

  it('what comes while one is under way shares the next, and each log hears of its own', () => {
    for (const shard of [0, 1, 2, 3]) append(frameOf(shard));
    expect(logs()).toEqual([[0]]);
    statements[0]?.answer('durable');
    expect([logs(), said]).toEqual([[[0], [1, 2, 3]], ['0 durable']]);
    statements[1]?.answer('durable', 'refused', 'durable');
    expect(said.slice(1)).toEqual(['1 durable', '2 refused why', '3 durable']);
  });

  it('what is appended because of an answer waits for the answers of all', () => {
    append(frameOf(9));
    for (const shard of [0, 1]) append(frameOf(shard), () => append(frameOf(shard, 2)));
    statements[0]?.answer('durable');
    statements[1]?.answer('durable', 'durable');
    expect(logs()).toEqual([[9], [0, 1], [0, 1]]);
  });

  it('a frame a log: a second one waits, and what is behind it does', () => {
    append(frameOf(9));
    for (const shard of [0, 1, 0, 2]) append(frameOf(shard));
    statements[0]?.answer('durable');
    statements[1]?.answer('durable', 'durable');
    expect(logs()).toEqual([[9], [0, 1], [0, 2]]);
  });

  it('so many frames and bytes at most, unless one alone is more', () => {
    append(frameOf(99));
    for (let shard = 0; shard < 70; shard++) append(frameOf(shard));
    append(frameOf(70, 1, 9 << 20));
    append(frameOf(71));
    for (let i = 0; i < 4; i++) statements[i]?.answer(...statements[i]!.logs.map(() => 'durable' as const));
    expect(logs().map(({ length }) => length)).toEqual([1, 64, 6, 1, 1]);
  });

  it('a log that is given up waits no more: the next statement goes, and a late answer is told all the same; reading is no giving up', () => {
    append(frameOf(0));
    append(frameOf(1));
    engine.giveUp(1);
    for (const shard of [1, 0]) engine.frames(shard, 1, () => {});
    expect(logs()).toEqual([[0]]);
    engine.giveUp(0);
    expect([reads, logs()]).toEqual([
      [1, 0],
      [[0], [1]],
    ]);
    append(frameOf(2));
    statements[0]?.answer('durable');
    expect([said, logs()]).toEqual([['0 durable'], [[0], [1]]]);
    statements[1]?.answer('durable');
    expect(logs()).toEqual([[0], [1], [2]]);
  });
});
