import { describe, expect, it } from 'vitest';
import { UNSURE_MS_MAX } from '../../src/node/appending.ts';
import type { Item } from '../../src/node/requests.ts';
import type { Found } from '../../src/ports/journal.ts';
import { type Arrived, FakeEngine, type FakeJournal, failed, unknown } from '../support/fake-journal.ts';
import { FakeNode, topicOf } from '../support/fake-node.ts';

const SHARDS = 3;
/** Appends of one log are kept, and answered by the test; the others are taken at once. */
function holdBack(journal: FakeJournal, log: number): Arrived[] {
  const held: Arrived[] = [];
  journal.onAppend = (arrived) => {
    if (arrived.log === log) held.push(arrived);
    else arrived.answer(arrived.take());
  };
  return held;
}
/** All messages of a shard, as the next process finds them. */
function foundAfter(bench: FakeNode, shard: number): string[] {
  bench.kill();
  const next = new FakeNode(bench.journal.engine);
  next.recv(shard, 'found');
  return (next.answered()[0]?.[1] ?? '').split(' ').slice(1);
}

describe('one log a shard', () => {
  it('taken over: all serve, and what a process before sent is there in a later term', () => {
    const first = new FakeNode();
    expect([first.isOpen, first.missing]).toEqual([true, []]);
    for (let shard = 0; shard < SHARDS; shard++) first.send(shard, `k${shard}`);
    expect(first.answered()).toEqual(['k0', 'k1', 'k2'].map((key) => [key, 'ok']));
    first.kill();
    const next = new FakeNode(first.journal.engine);
    for (let shard = 0; shard < SHARDS; shard++) next.recv(shard, 'r');
    expect(next.answered()).toEqual(['k0', 'k1', 'k2'].map((key) => ['r', `ok ${key}`]));
    expect(next.journal.processLog.term).toBe(2);
  });

  it('an append that takes its time: its replies are held, those who read there too, and nobody else (AC1)', () => {
    const bench = new FakeNode();
    const held = holdBack(bench.journal, 1);
    bench.send(1, 'slow');
    bench.recv(1, 'reads it');
    bench.stats(1, 'counts it');
    bench.send(2, 'else');
    expect(bench.answered()).toEqual([['else', 'ok']]);
    held[0]?.answer(held[0].take());
    held[1]?.answer(held[1].take());
    expect(bench.answered()).toEqual([
      ['slow', 'ok'],
      ['reads it', 'ok slow'],
      ['counts it', 'ok'],
    ]);
  });
});

describe('an append of which nobody knows', () => {
  it('unsure: replies are held, new requests get a 503, the others serve; not there: sent again, and answered', () => {
    const bench = new FakeNode();
    const held = holdBack(bench.journal, 1);
    bench.journal.onRead = (_log, done) => done(new Error('no connection'));
    bench.send(1, 'a');
    held[0]?.answer(unknown());
    bench.send(1, 'b');
    bench.send(2, 'c');
    expect(bench.answered()).toEqual([
      ['b', 'journal'],
      ['c', 'ok'],
    ]);
    expect(bench.missing).toEqual(['shard_1']);
    bench.journal.onRead = null;
    bench.pass(1_000);
    held[1]?.answer(held[1].take());
    expect(bench.answered()).toEqual([['a', 'ok']]);
    expect([bench.seen, bench.missing]).toEqual([['unsure 1', 'sure 1'], []]);
    bench.journal.onAppend = null;
    bench.send(1, 'd');
    expect(bench.answered()).toEqual([['d', 'ok']]);
    expect(foundAfter(bench, 1)).toEqual(['a', 'd']);
  });

  it('there after all: answered when an append after it was, and there once', () => {
    const bench = new FakeNode();
    const held = holdBack(bench.journal, 1);
    bench.send(1, 'a');
    held[0]?.take();
    held[0]?.answer(unknown());
    expect([bench.answered(), held.length, held[1]?.batches]).toEqual([[], 2, []]);
    held[1]?.answer(held[1].take());
    expect(bench.answered()).toEqual([['a', 'ok']]);
    expect(foundAfter(bench, 1)).toEqual(['a']);
  });

  it('never answered: the same after its time', () => {
    const bench = new FakeNode();
    const held = holdBack(bench.journal, 1);
    bench.send(1, 'a');
    held[0]?.take();
    bench.pass(bench.journal.answersWithinMs - 1);
    expect(bench.seen).toEqual([]);
    bench.pass(1);
    held[1]?.answer(held[1].take());
    expect([bench.answered(), bench.seen]).toEqual([[['a', 'ok']], ['unsure 1', 'sure 1']]);
  });

  it('answered twice, or after its time: it counts once', () => {
    const bench = new FakeNode();
    bench.journal.onAppend = (arrived) => {
      const end = arrived.take();
      arrived.answer(end);
      arrived.answer(end);
    };
    for (const key of ['a', 'b', 'c']) bench.send(1, key);
    expect(bench.answered().map(([, outcome]) => outcome)).toEqual(['ok', 'ok', 'ok']);
    const held = holdBack(bench.journal, 1);
    bench.send(1, 'd');
    bench.pass(bench.journal.answersWithinMs);
    held[0]?.answer(held[0].take());
    expect(bench.answered()).toEqual([]);
    bench.journal.onAppend = null;
    held[1]?.answer(held[1].take());
    bench.pass(3_000);
    expect(bench.answered()).toEqual([['d', 'ok']]);
    expect(foundAfter(bench, 1)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('not to be found out for too long: given up with a 503, claimed again, and served as it then is', () => {
    const bench = new FakeNode();
    const held = holdBack(bench.journal, 1);
    bench.send(1, 'before');
    held[0]?.answer(held[0].take());
    bench.answered();
    bench.journal.onRead = () => {};
    bench.send(1, 'a');
    bench.recv(1, 'waits', 60_000);
    held[1]?.take();
    held[1]?.answer(unknown());
    bench.journal.onAppend = null;
    bench.pass(UNSURE_MS_MAX + 2_000);
    expect(bench.answered()).toEqual([
      ['a', 'journal'],
      ['waits', 'journal'],
    ]);
    expect(bench.seen).toEqual(['unsure 1', 'gave up 1: unsure', 'revived 1']);
    // It was written, which nobody was told.
    bench.recv(1, 'r');
    expect(bench.answered()).toEqual([['r', 'ok before a']]);
  });
});

describe('somebody else has written', () => {
  it('refused: held replies get a 503, the shard is claimed again and serves what is there, the others never stop', () => {
    const bench = new FakeNode();
    const { engine } = bench.journal;
    bench.send(1, 'before');
    bench.answered();
    engine.usurp(1);
    bench.send(1, 'a');
    expect(bench.answered()).toEqual([['a', 'journal']]);
    expect(bench.seen).toEqual(['unsure 1', 'gave up 1: not_owner', 'revived 1']);
    bench.send(2, 'else');
    bench.recv(1, 'r');
    expect(bench.answered()).toEqual([
      ['else', 'ok'],
      ['r', 'ok before'],
    ]);
    expect(engine.logs[1]?.map(({ term }) => term)).toEqual([1, 2, 3, 3]);
  });

  it('and keeps the shard: 503 not_owner with a wait, asked for again after longer and longer, served once it is free', () => {
    const bench = new FakeNode();
    bench.journal.onClaim = () => ({ why: 'held', error: new Error('held') });
    bench.journal.engine.usurp(1);
    bench.send(1, 'a');
    bench.send(1, 'b');
    expect(bench.answered()).toEqual([
      ['a', 'journal'],
      ['b', 'not_owner'],
    ]);
    bench.pass(3_100);
    expect(bench.seen.slice(1)).toEqual(['gave up 1: not_owner', 'parked 1 1000', 'parked 1 2000', 'parked 1 4000']);
    expect(bench.missing).toEqual(['shard_1']);
    bench.journal.onClaim = null;
    bench.pass(4_000);
    bench.send(1, 'c');
    expect([bench.answered(), bench.missing]).toEqual([[['c', 'ok']], []]);
  });

  it('a lease that is over: what is held gets a 503, at the next request too, before that is answered; the others serve', () => {
    const bench = new FakeNode();
    bench.journal.onClaim = () => ({ why: 'held', error: new Error('held') });
    const held = holdBack(bench.journal, 1);
    bench.send(1, 'a');
    bench.journal.over = [1];
    const capability = {
      ...{ allowsOp: () => true, allowsTopic: () => true, charge: () => 0, isValid: () => true },
      prepare: (_need: unknown, done: (isKnown: boolean) => void) => done(true),
    } as never;
    const client = { gone: () => false, cut: () => {}, onGone: () => {}, onWritten: () => {} };
    const exchange = { client, capability, leased: [], holders: [], denied: () => {}, causeOf: () => null } as never;
    const asked = (shard: number): Item => ({ capability, request: { verb: 'stats', topic: topicOf(shard) } });
    const outcomes: string[] = [];
    for (const shard of [1, 2])
      bench.node.requests.ask(exchange, asked(shard), ({ outcome }) => outcomes.push(outcome));
    expect([bench.answered(), outcomes]).toEqual([[['a', 'journal']], ['not_owner', 'ok']]);
    expect(bench.seen).toEqual(['gave up 1: not_owner', 'parked 1 1000']);
    // Its answer comes too late to be heard.
    held[0]?.answer(held[0].take());
    bench.journal.over = [2];
    bench.node.wake();
    bench.send(2, 'b');
    expect(bench.answered()).toEqual([['b', 'not_owner']]);
  });

  it('before the process began: it serves without that shard, and takes it when it is free', () => {
    const engine = new FakeEngine(SHARDS);
    let isHeld = true;
    const onClaim = (shard: number) =>
      isHeld && shard === 1 ? ({ why: 'held', error: new Error('held') } as const) : null;
    const bench = new FakeNode(engine, { onClaim });
    bench.send(1, 'a');
    bench.send(2, 'b');
    expect([bench.isOpen, bench.answered(), bench.missing]).toEqual([
      true,
      [
        ['a', 'not_owner'],
        ['b', 'ok'],
      ],
      ['shard_1'],
    ]);
    isHeld = false;
    bench.pass(1_000);
    bench.send(1, 'c');
    expect([bench.answered(), bench.missing]).toEqual([[['c', 'ok']], []]);
  });

  it('while it takes the shard over: not one request is decided in a term that nobody knows of', () => {
    const bench = new FakeNode();
    bench.send(1, 'before');
    bench.answered();
    const held = holdBack(bench.journal, 1);
    bench.journal.engine.usurp(1);
    bench.send(1, 'a');
    held[0]?.answer(held[0].take());
    expect(bench.answered()).toEqual([['a', 'journal']]);
    // It has claimed it, and waits for the append that says so.
    expect(held.at(-1)?.batches.flatMap(({ facts }) => facts.map(({ name }) => name))).toEqual(['clocks', 'recovered']);
    bench.send(1, 'b');
    expect(bench.answered()).toEqual([['b', 'not_owner']]);
    held.at(-1)?.answer(held.at(-1)!.take());
    bench.journal.onAppend = null;
    bench.recv(1, 'r');
    expect(bench.answered()).toEqual([['r', 'ok before']]);
  });
});

describe('shards that are shared out', () => {
  it('handed over: nothing more is admitted, what is under way is waited for, then it is free, and elsewhere until it is wanted', () => {
    const bench = new FakeNode();
    const { journal, node } = bench;
    const held = holdBack(journal, 1);
    const moves = { unwanted: [1], wanted: [] as number[] };
    let isElsewhere = true;
    Object.assign(journal, { unwanted: () => moves.unwanted.splice(0), wanted: () => moves.wanted });
    journal.onClaim = () => (isElsewhere ? { why: 'elsewhere', error: new Error('elsewhere') } : null);
    bench.send(1, 'a');
    bench.recv(1, 'waits', 60_000);
    node.wake();
    bench.send(1, 'b');
    bench.send(2, 'else');
    expect(bench.answered()).toEqual([
      ['b', 'not_owner'],
      ['else', 'ok'],
    ]);
    expect(journal.engine.holders[1]).toBe(journal);
    held[0]?.answer(held[0].take());
    for (const arrived of held.slice(1)) arrived.answer(arrived.take());
    journal.onAppend = null;
    expect(journal.engine.holders[1]).toBe(null);
    expect(bench.answered()[0]).toEqual(['a', 'ok']);
    bench.pass(10_000);
    // Another node has it: nothing is missing here, and it is not asked for.
    expect([bench.missing, bench.seen]).toEqual([[], ['gave up 1: handed_over']]);
    isElsewhere = false;
    moves.wanted = [1];
    node.wake();
    moves.wanted = [];
    bench.recv(1, 'r', 0);
    expect([bench.seen.at(-1), journal.engine.holders[1] === journal]).toEqual(['revived 1', true]);
  });

  it('handed over while nobody knows what became of its append: when that is known; or not at all, when it is given up', () => {
    for (const isFound of [true, false]) {
      const bench = new FakeNode();
      const { journal, node } = bench;
      const held = holdBack(journal, 1);
      let read: (found: Found) => void = () => {};
      journal.onRead = (_log, done) => {
        read = done;
      };
      const unwanted = [1];
      bench.send(1, 'a');
      held[0]?.answer(unknown());
      Object.assign(journal, { unwanted: () => unwanted.splice(0), wanted: () => [] });
      node.wake();
      expect([unwanted, bench.seen]).toEqual([[], ['unsure 1']]);
      journal.onAppend = null;
      journal.onClaim = () => ({ why: 'elsewhere', error: new Error('elsewhere') });
      if (!isFound) journal.engine.usurp(1);
      read(isFound ? 'absent' : 'foreign');
      bench.pass(1_000);
      expect(bench.answered()).toEqual([['a', isFound ? 'ok' : 'journal']]);
      expect([bench.seen.slice(1), journal.engine.holders[1]]).toEqual([
        isFound ? ['sure 1', 'gave up 1: handed_over'] : ['gave up 1: not_owner'],
        null,
      ]);
      // It is served here again, and stays.
      journal.onClaim = null;
      Object.assign(journal, { wanted: () => [1] });
      node.wake();
      bench.pass(10_000);
      expect([bench.seen.at(-1), journal.engine.holders[1] === journal]).toEqual(['revived 1', true]);
    }
  });
});

describe('a log that fails or lies', () => {
  it('failed: of a shard, that shard is claimed again; of the process, the process is of no more use', () => {
    const bench = new FakeNode();
    const held = holdBack(bench.journal, 1);
    bench.send(1, 'a');
    held[0]?.answer(failed());
    bench.journal.onAppend = null;
    expect([bench.answered(), bench.seen]).toEqual([[['a', 'journal']], ['gave up 1: fallen', 'revived 1']]);
    bench.send(1, 'b');
    expect(bench.answered()).toEqual([['b', 'ok']]);
    bench.journal.onAppend = ({ log, take, answer }) => answer(log === SHARDS ? failed() : take());
    bench.node.service.remember({ name: 'revoked', kind: 'nonce', value: 'n', atMs: 0 }, (durable) =>
      bench.answers.push(['revoked', `${durable}`]),
    );
    bench.send(1, 'c');
    expect(bench.answered()).toEqual([
      ['revoked', 'false'],
      ['c', 'journal'],
    ]);
    expect([bench.seen.at(-1), bench.node.readiness.state]).toEqual(['failed: disk', 'failed']);
  });

  it('of the process, not to be found out for longer than a shard is kept: it goes on trying, and is there when the engine is', () => {
    const bench = new FakeNode();
    const held = holdBack(bench.journal, SHARDS);
    bench.journal.onRead = (log, done) => done(log.number === SHARDS ? new Error('no connection') : 'absent');
    bench.node.service.remember({ name: 'revoked', kind: 'nonce', value: 'n', atMs: 0 }, (durable) =>
      bench.answers.push(['revoked', `${durable}`]),
    );
    held[0]?.answer(unknown());
    bench.pass(3 * UNSURE_MS_MAX);
    bench.send(1, 'a');
    expect([bench.answered(), bench.node.readiness.state]).toEqual([[['a', 'ok']], 'ready']);
    bench.journal.onRead = null;
    bench.journal.onAppend = null;
    bench.pass(3_000);
    expect(bench.answered()).toEqual([['revoked', 'true']]);
  });

  it('what it said was durable is gone: halted, named, never gone on with; the others serve', () => {
    const bench = new FakeNode();
    for (const key of ['a', 'b']) bench.send(1, key);
    bench.journal.engine.logs[1]?.pop();
    bench.send(1, 'c');
    expect(bench.answered().at(-1)).toEqual(['c', 'journal']);
    expect(bench.seen).toEqual(['unsure 1', 'gave up 1: halted']);
    expect(bench.missing).toEqual(['shard_1_halted']);
    bench.pass(100_000);
    bench.send(1, 'd');
    bench.send(2, 'e');
    expect(bench.answered()).toEqual([
      ['d', 'journal'],
      ['e', 'ok'],
    ]);
    expect([bench.seen.length, bench.missing]).toEqual([2, ['shard_1_halted']]);
  });

  it('says "durable" and then something else: halted', () => {
    const bench = new FakeNode();
    bench.journal.onAppend = ({ log, take, answer }) => {
      answer(take());
      if (log === 1) answer(failed());
    };
    bench.send(1, 'a');
    expect([bench.answered(), bench.seen]).toEqual([[['a', 'ok']], ['gave up 1: halted']]);
  });

  it('a shard that fell while its log is unsure: made anew when that is known, of what is there', () => {
    const bench = new FakeNode();
    const held = holdBack(bench.journal, 1);
    bench.journal.onRead = (_log, done) => done(new Error('no connection'));
    bench.send(1, 'a');
    held[0]?.take();
    held[0]?.answer(unknown());
    bench.node.service.down.add(1, 0, 'fallen');
    bench.journal.onRead = null;
    bench.pass(1_000);
    held[1]?.answer(held[1].take());
    // Still fallen: that it is known what is durable makes nothing whole.
    expect([bench.answered(), bench.missing]).toEqual([[['a', 'ok']], ['shard_1']]);
  });

  it('drained while an append hangs: the end comes when that is given up', () => {
    const bench = new FakeNode();
    const held = holdBack(bench.journal, 1);
    bench.journal.onRead = () => {};
    bench.send(1, 'a');
    bench.node.drain();
    let isOver = false;
    bench.node.end(() => {
      isOver = true;
    });
    bench.pass(UNSURE_MS_MAX);
    expect([isOver, held.length]).toEqual([false, 1]);
    bench.pass(3_000);
    expect([isOver, bench.answered()]).toEqual([true, [['a', 'journal']]]);
  });
});
