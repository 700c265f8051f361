import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { type EngineClient, SimEngine } from '../../sim/engine.ts';
import { Loop } from '../../sim/loop.ts';
import { Stream } from '../../sim/random.ts';
import { EngineJournal, type EngineJournalOptions } from '../../src/cluster/engine-journal.ts';
import { EngineLogs } from '../../src/cluster/engine-logs.ts';
import { acceptLoss } from '../../src/cluster/loss.ts';
import { isSamePromise, lossIn } from '../../src/cluster/promises.ts';
import { execute } from '../../src/core/execute.ts';
import type { Batch, Claim, Unclaimed } from '../../src/ports/journal.ts';
import { isClaim } from '../../src/ports/journal.ts';
import { hashOf, LIMITS } from '../support/journal.ts';
import { sendOf } from '../support/shard.ts';

const secret = { salt: new Uint8Array(16), hash: (bytes: Uint8Array) => createHash('sha256').update(bytes).digest() };
const SHARD = 0;
const PROCESS = 1;

describe('snapshots of the log of a shard', () => {
  let loop: Loop;
  let engine: SimEngine;
  let logs: EngineLogs;
  let client: EngineClient;
  let nowMs: number;
  let processes: number;
  let keys: number;
  let isSynchronous: boolean;
  const open = (): void => {
    [loop, nowMs, processes, keys] = [new Loop(), 1_000, 0, 0];
    logs = new EngineLogs(2);
    engine = new SimEngine({
      ...{ loop, random: new Stream(1, 'snapshots'), logs, isSynchronous, leaseMs: 1, lateMs: { min: 5, max: 9 } },
      ...{ wayMs: { min: 1, max: 2 }, runMs: { min: 1, max: 2 }, standbyMs: { min: 1, max: 5 } },
    });
    client = engine.connect();
  };
  beforeEach(() => {
    isSynchronous = true;
    open();
  });

  function until<Result>(ask: (done: (result: Result) => void) => void): Result {
    const results: Result[] = [];
    ask((result) => results.push(result));
    while (results.length === 0) if (!loop.step(loop.nowMs + 60_000)) throw new Error('nothing ends it');
    while (loop.step(loop.nowMs + 20));
    return results[0] as Result;
  }
  const start = (more: Partial<EngineJournalOptions> = {}): EngineJournal => {
    const opened = until<EngineJournal | Error>((done) =>
      EngineJournal.open(
        {
          ...{ engine: client, owner: `node.${++processes}`, secret, shards: 1, processLog: PROCESS },
          ...{ answersWithinMs: 1_000, timers: { setTimeout: () => 0, clearTimeout: () => {} }, monotonicMs: () => 0 },
          ...more,
        },
        done,
      ),
    );
    if (opened instanceof Error) throw opened;
    return opened;
  };
  const claim = (journal: EngineJournal): Claim => {
    const result = until<Claim | Unclaimed>((done) => journal.claim(SHARD, LIMITS, done));
    if (!isClaim(result)) throw result.error;
    return result;
  };
  const append = (log: Claim['log'], batch: Batch): string =>
    until<{ end: string }>((done) => log.append([batch], done)).end;
  const send = ({ state, log }: Claim, bytes = 10): string => {
    const payload = new Uint8Array(bytes).fill(++keys);
    const payloadHash = hashOf(payload);
    const command = sendOf(++nowMs, 't', `k${keys}`, { payload, payloadHash, hashChain: payloadHash });
    return append(log, { shard: SHARD, facts: execute(state, command).facts });
  };
  const snapshot = (one: Claim): Error | null => until((done) => one.snapshot(done));
  const keysOf = ({ state }: Claim): string[] => [...state.messages()].map(({ idemKey }) => idemKey);
  const next = (): Claim => claim(start());

  it('a claim begins with the newest, and reads what came after it; two are kept, and the log before them is not', () => {
    const one = next();
    expect(snapshot(one)).toBe(null);
    expect(engine.kept.list(SHARD)).toEqual([]);
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 4; i++) expect(send(one)).toBe('durable');
      expect([snapshot(one), snapshot(one)]).toEqual([null, null]);
    }
    expect(engine.kept.list(SHARD).map(({ sequence }) => sequence)).toEqual([12, 8]);
    expect(engine.framesFrom(SHARD, 1)[0]?.sequence).toBe(8);
    send(one);
    one.release();
    const reads: number[] = [];
    const { frames } = client;
    client.frames = (shard, from, done) => {
      if (shard === SHARD) reads.push(from);
      frames.call(client, shard, from, done);
    };
    const other = next();
    expect([keysOf(other), reads]).toEqual([Array.from({ length: 13 }, (_, i) => `k${i + 1}`), [12]]);
    expect(other.log.term).toBe(2);
    expect(send(other)).toBe('durable');
  });

  it('more than a piece: payloads of any size, in order', () => {
    const one = next();
    for (let i = 0; i < 6; i++) send(one, 100_000 + i);
    expect(snapshot(one)).toBe(null);
    expect(engine.kept.list(SHARD)[0]?.pieces).toBeGreaterThan(1);
    one.release();
    expect([...next().state.messages()].map(({ payload }) => payload?.byteLength)).toEqual(
      Array.from({ length: 6 }, (_, i) => 100_000 + i),
    );
  });

  it('one that is damaged is passed over for the one before it; with both damaged nothing is served, and it says why', () => {
    const one = next();
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 3; i++) send(one);
      snapshot(one);
    }
    one.release();
    const [newest, older] = engine.kept.list(SHARD);
    engine.kept.damage(SHARD, newest!, 0);
    const other = next();
    expect(keysOf(other)).toHaveLength(9);
    other.release();
    engine.kept.damage(SHARD, older!, 0);
    expect(() => next()).toThrow(
      'log 0 begins with frame 6, and no snapshot reaches it; snapshot 9: body damaged; snapshot 6: body damaged',
    );
  });

  it('one that could not be read again is not counted on: nothing is trimmed for it', () => {
    const one = next();
    send(one);
    snapshot(one);
    send(one);
    const { finish } = client.snapshots;
    (client.snapshots as { finish: typeof finish }).finish = (shard, made, done) => {
      finish(shard, made, (error) => {
        engine.kept.damage(shard, made, 0);
        done(error);
      });
    };
    expect(snapshot(one)?.message).toBe('log 0: snapshot 2: body damaged');
    expect(engine.framesFrom(SHARD, 1)[0]?.sequence).toBe(1);
  });

  it('one that could not be put to its end leaves nothing behind', () => {
    const one = next();
    for (let i = 0; i < 6; i++) send(one, 100_000 + i);
    const { put } = client.snapshots;
    (client.snapshots as { put: typeof put }).put = (log, about, number, bytes, done) =>
      number > 0 ? done(new Error('no room')) : put(log, about, number, bytes, done);
    expect([snapshot(one)?.message, engine.kept.piecesOf(SHARD)]).toEqual(['no room', 0]);
    (client.snapshots as { put: typeof put }).put = put;
    expect([snapshot(one), engine.kept.piecesOf(SHARD)]).toEqual([null, engine.kept.list(SHARD)[0]?.pieces]);
  });

  it('one that cannot be made is tried again after a minute, and holds up that of no other log', () => {
    let ms = 0;
    const tried: number[] = [];
    const events = {
      snapshot: (log: number, error: Error | null): number => tried.push(error === null ? log : -log - 1),
    };
    const journal = start({ snapshotBytes: 10, monotonicMs: () => ms, events });
    const one = claim(journal);
    const { put } = client.snapshots;
    (client.snapshots as { put: typeof put }).put = (log, about, number, bytes, done) =>
      log === SHARD ? done(new Error('no room')) : put(log, about, number, bytes, done);
    send(one);
    const fact = { name: 'started', atMs: ++nowMs, term: journal.processLog.term, shards: 1, limits: LIMITS } as const;
    append(journal.processLog, { shard: null, facts: [fact] });
    const tick = (): void => {
      journal.tick();
      while (loop.step(loop.nowMs + 20));
    };
    for (let i = 0; i < 5; i++) tick();
    expect(tried).toEqual([-SHARD - 1, PROCESS]);
    ms += 60_000;
    (client.snapshots as { put: typeof put }).put = put;
    for (let i = 0; i < 5; i++) tick();
    expect(tried.slice(2)).toEqual([SHARD]);
  });

  it('made as late as one likes, by whoever owned it once: it removes nothing that the next owner needs', () => {
    const one = next();
    for (let i = 0; i < 3; i++) send(one);
    snapshot(one);
    send(one);
    const other = next();
    send(other);
    snapshot(other);
    for (let i = 0; i < 3; i++) send(other);
    expect([snapshot(one), snapshot(one)]).toEqual([null, null]);
    other.release();
    expect(keysOf(next())).toHaveLength(8);
  });

  it('of what is of no shard: revocations, quotas and clocks are there, and the term goes on', () => {
    const started = (journal: EngineJournal): void => {
      const fact = {
        name: 'started',
        atMs: ++nowMs,
        term: journal.processLog.term,
        shards: 1,
        limits: LIMITS,
      } as const;
      expect(append(journal.processLog, { shard: null, facts: [fact] })).toBe('durable');
    };
    const one = start({ snapshotBytes: 10 });
    started(one);
    const revoked = { name: 'revoked', kind: 'nonce', value: 'n1', atMs: nowMs } as const;
    append(one.processLog, { shard: null, facts: [revoked] });
    one.tick();
    while (loop.step(loop.nowMs + 100));
    expect(engine.kept.list(PROCESS)).toMatchObject([{ sequence: 2 }]);
    one.processLog.release();
    const other = start();
    expect([other.contents.processFacts, other.contents.limits, other.processLog.term]).toEqual([[revoked], LIMITS, 2]);
    started(other);
    other.processLog.release();
    expect(start().contents.processFacts).toEqual([revoked]);
  });

  it('the journal makes one by itself when the log is longer than it should be', () => {
    const made: string[] = [];
    const events = { snapshot: (number: number, error: Error | null) => made.push(`${number} ${error}`) };
    const journal = start({ snapshotBytes: 1_000, events });
    const one = claim(journal);
    for (let i = 0; i < 10; i++) {
      send(one, 200);
      journal.tick();
      while (loop.step(loop.nowMs + 100));
    }
    expect(made.length).toBeGreaterThan(1);
    expect(new Set(made)).toEqual(new Set(['0 null']));
    expect(made.length).toBeLessThan(6);
  });

  it('a process begins with a measure of the engine that was soon answered, however long its first question took', () => {
    const heard: { readonly askedMs: number; readonly answeredMs: number }[] = [];
    let monotonicMs = 0;
    const { claim: ask } = client.leases;
    client.leases.claim = (...asked) => {
      monotonicMs += 60;
      ask(...asked);
    };
    (engine.parts as { leaseMs: number }).leaseMs = 150;
    Object.assign(client.leases, { leaseMs: 150 });
    start({ monotonicMs: () => monotonicMs, events: { heard: (time) => heard.push(time) } });
    expect(heard.map(({ askedMs, answeredMs }) => answeredMs - askedMs)).toEqual([0]);
  });

  it('what an owner was promised is in its log: a failover without a standby before it is not passed over unasked', () => {
    isSynchronous = false;
    open();
    expect(() => next()).toThrow('the engine has no standby');
    const lax = { requiresReplica: false };
    const one = claim(start(lax));
    send(one);
    snapshot(one);
    engine.failOver();
    one.release();
    expect(() => claim(start(lax))).toThrow(
      'log 0: what was answered before the failover may be gone: written with system simulated, timeline 1, without a standby, ' +
        'found with system simulated, timeline 2, without a standby. To go on all the same: mailbox cluster accept-loss 0',
    );
    const accept = (): string | null | Error =>
      until((done) =>
        acceptLoss(
          {
            ...{ engine: client, number: SHARD, shard: SHARD, owner: 'somebody', secret, answersWithinMs: 1_000 },
            ...{ timers: { setTimeout: () => 0, clearTimeout: () => {} }, monotonicMs: () => 0 },
          },
          done,
        ),
      );
    expect(accept()).toContain('may be gone');
    expect(accept()).toBe(null);
    const other = claim(start(lax));
    expect(send(other)).toBe('durable');
    other.release();
    engine.failOver();
    expect(send(claim(start({ ...lax, acceptsLoss: [SHARD] })))).toBe('durable');
  });

  it('a standby that went while it was served: said with the next frame', () => {
    const journal = start();
    const one = claim(journal);
    send(one);
    (engine.parts as { isSynchronous: boolean }).isSynchronous = false;
    until((done) =>
      client.promise((promise) => {
        (one.log as unknown as { promised(it: unknown): void }).promised(promise);
        done(null);
      }),
    );
    send(one);
    one.release();
    engine.failOver();
    expect(() => claim(start({ requiresReplica: false }))).toThrow('may be gone');
  });

  it('promises: another database, a primary of before, a failover after answers that waited for nobody', () => {
    const at = (system: string, timeline: number, isReplicated: boolean) => ({ system, timeline, isReplicated });
    const loss = (before: ReturnType<typeof at> | null, now: ReturnType<typeof at>): string =>
      lossIn(3, before, now)?.split(':')[1]?.trim() ?? 'none';
    expect(loss(null, at('a', 9, false))).toBe('none');
    expect(loss(at('a', 1, false), at('a', 1, false))).toBe('none');
    expect(loss(at('a', 1, true), at('a', 2, true))).toBe('none');
    expect(loss(at('a', 1, true), at('b', 1, true))).toBe('another database');
    expect(loss(at('a', 2, true), at('a', 1, true))).toBe('a primary of before a failover');
    expect(loss(at('a', 1, false), at('a', 2, true))).toBe('what was answered before the failover may be gone');
    expect([isSamePromise(null, null), isSamePromise(null, at('a', 1, true))]).toEqual([true, false]);
  });
});
