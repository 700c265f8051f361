import { describe, expect, it } from 'vitest';
import type { MessageFact } from '../../src/core/facts.ts';
import { formatMsgId } from '../../src/core/msg-id.ts';
import { type Audit, audit } from '../../src/journal/audit.ts';
import { Writer } from '../../src/journal/bytes.ts';
import { beginFrame, NO_HASH, readFrame, sealFrame } from '../../src/journal/frame.ts';
import { FILE_HEADER_BYTES, filesOf, PAYLOADS, snapshotFile, windowOf } from '../../src/journal/layout.ts';
import { hashOf, JournalBench, SALT, sha256 } from '../support/journal.ts';

const INTEGRITY = { payloadHashOf: hashOf, hashChainOf: (_t: string, _a: number, _k: string, hash: string) => hash };
const auditOf = (bench: JournalBench): Audit => audit(bench.disk, { hash: sha256, integrity: INTEGRITY });

/** A journal with a life of its own: processes one after the other, segments, snapshots, payloads in files. */
function lived(seed: number, processes = 3, steps = 60, payloadBytes = 300): JournalBench {
  const bench = new JournalBench(seed);
  for (let process = 0; process < processes; process++) {
    bench.open();
    bench.start();
    bench.queue.run(bench.random);
    for (let i = 0; i < steps; i++) {
      bench.step(3, payloadBytes);
      bench.queue.run(bench.random);
    }
    bench.disk.kill();
  }
  return bench;
}

/** A snapshot with another first frame, made as if it had been written so. */
function resealed(bench: JournalBench, sequence: number, change: (body: Buffer) => void): void {
  const file = snapshotFile(sequence);
  const secret = { salt: SALT, hash: sha256 };
  const range = windowOf(bench.disk, file);
  const w = new Writer();
  let previous = NO_HASH;
  for (let at = FILE_HEADER_BYTES; ; ) {
    const found = readFrame(range, at, secret);
    if (found.kind !== 'frame') break;
    const body = Buffer.from(found.frame.body);
    if (at === FILE_HEADER_BYTES) change(body);
    beginFrame(w);
    w.raw(body);
    const { sequence: number, term } = found.frame;
    previous = sealFrame(w, at, { sequence: number, term, previous }, secret);
    const bytes = new Uint8Array(w.buffer.subarray(0, w.length));
    bench.disk.now({ op: 'write', file, at, bytes, durable: true });
    at += found.frame.bytes;
  }
}

describe('audit', () => {
  it('what the lifecycle decided is lawful, over processes, segments and snapshots (journal rule 10)', () => {
    let snapshots = 0;
    for (let seed = 1; seed <= 6; seed++) {
      const bench = lived(seed);
      const found = auditOf(bench);
      expect(found.problems, `seed ${seed}`).toEqual([]);
      expect(found.frames).toBe(found.last - found.first + 1);
      expect(found.facts).toBeGreaterThan(50);
      snapshots += found.snapshots;
    }
    expect(snapshots).toBeGreaterThan(6);
  });

  it('a journal that is not there: no problem, and no frame', () => {
    expect(auditOf(new JournalBench(1))).toMatchObject({ problems: [], frames: 0, last: 0 });
  });

  it('a snapshot that is whole and says something else than the log: named (journal rule 6)', () => {
    const bench = lived(3);
    const newer = filesOf(bench.disk).snapshots.at(-1) as number;
    resealed(bench, newer, (body) => {
      const topic = body.indexOf('\x02t1');
      expect(topic).toBeGreaterThan(0);
      body[topic + 1] = 'u'.charCodeAt(0);
    });
    const why = 'does not say what the log says';
    expect(auditOf(bench).problems).toEqual([{ file: snapshotFile(newer), at: 0, why }]);
  });

  it('a payload file that is damaged or gone: named with its message (IN1)', () => {
    for (const harm of ['flip', 'remove'] as const) {
      const bench = lived(5);
      const [name] = bench.disk.files(PAYLOADS);
      const file = `${PAYLOADS}/${name}`;
      if (harm === 'remove') bench.disk.now({ op: 'remove', file });
      else bench.disk.now({ op: 'write', file, at: 3, bytes: new Uint8Array([0x5a, 0xa5, 0x5a]), durable: true });
      const { problems } = auditOf(bench);
      expect(problems[0]).toMatchObject({ file });
      expect(problems[0]?.why).toMatch(harm === 'remove' ? /^missing, of 0/ : /^does not match its hash, of 0/);
    }
  });
});

/** One message, as far in its life as asked, then a fact that no lifecycle decides; gives what the audit says. */
function verdictOn(lawless: (known: { msgId: string; receipt: string; atMs: number }) => MessageFact, leased: boolean) {
  const bench = new JournalBench(9);
  bench.open();
  bench.start();
  bench.queue.run();
  const atMs = 2_000_000;
  const topic = 't0';
  const payload = Buffer.from('hello');
  const payloadHash = hashOf(payload);
  const sent = bench.run(0, {
    name: 'send',
    ...{ atMs, tsMs: atMs, topic, idemKey: 'k', payload, payloadHash, hashChain: payloadHash, attrs: {} },
    ...{ corrId: 'c', delayMs: 0, ttlMs: Number.POSITIVE_INFINITY, random: 77 },
  });
  const { msgId } = sent[0] as MessageFact;
  const receipt = 'r'.repeat(22);
  const lease = {
    visibilityMs: 50,
    bytesMax: Number.POSITIVE_INFINITY,
    inflightElsewhere: 0,
    tenantInflightElsewhere: 0,
  };
  if (leased) bench.run(0, { name: 'recv', atMs, topic, receipt, ...lease });
  bench.queue.run();
  bench.journal.append([{ shard: 0, facts: [lawless({ msgId, receipt, atMs })] }], () => {});
  bench.queue.run();
  return auditOf(bench).problems;
}

describe('lawful', () => {
  const gone = { to: 'redelivered', reason: null, lastError: null } as const;
  const cases: [string, boolean, Parameters<typeof verdictOn>[0], string][] = [
    [
      'ack after the deadline (LE3)',
      true,
      ({ msgId, atMs }) => ({ name: 'acked', atMs: atMs + 50, msgId, settledUntilMs: atMs + 350 }),
      'ack is lease_lost here',
    ],
    [
      'settled receipts forgotten too early (LE4)',
      true,
      ({ msgId, atMs }) => ({ name: 'acked', atMs, msgId, settledUntilMs: atMs + 1 }),
      'settledUntilMs is 2000001, the lifecycle decides 2000300',
    ],
    [
      'expiry before the deadline (RT3)',
      true,
      ({ msgId, atMs }) => ({
        name: 'expired',
        atMs: atMs + 49,
        msgId,
        notBeforeMs: atMs + 49,
        ...gone,
        lastError: 'expired',
      }),
      'expire is lease_lost here',
    ],
    [
      'a backoff beyond its bound (RT1)',
      true,
      ({ msgId, atMs }) => ({
        name: 'expired',
        atMs: atMs + 50,
        msgId,
        notBeforeMs: atMs + 9e9,
        ...gone,
        lastError: 'expired',
      }),
      'notBeforeMs is',
    ],
    [
      'a message put off for longer than a nack may (RT1)',
      true,
      ({ msgId, atMs }) => ({
        ...{ name: 'nacked', atMs, msgId, notBeforeMs: atMs + 43_200_001, ...gone },
        ...{ lastError: null, settledUntilMs: atMs + 300 },
      }),
      'it comes back in 43200001 ms, a nack may ask for 0 to 43200000',
    ],
    [
      'a dead letter with attempts left (RT1)',
      true,
      ({ msgId, atMs }) => ({
        ...{ name: 'expired', atMs: atMs + 50, msgId, notBeforeMs: atMs + 50 },
        ...{ to: 'dead_lettered', reason: 'max_attempts', lastError: 'expired' },
      }),
      'to is "dead_lettered", the lifecycle decides "redelivered"',
    ],
    [
      'a lease that lasts longer than the factor (LE5)',
      false,
      ({ msgId, atMs }) => ({ name: 'received', atMs, msgId, receipt: 'x', visibilityMs: 50, leaseEndsMs: atMs + 9e9 }),
      'leaseEndsMs is',
    ],
    [
      'a purge of what is no dead letter (DL3)',
      false,
      ({ msgId, atMs }) => ({
        ...{ name: 'purged', atMs, msgId, reason: 'admin' },
        ...{ payloadHash: hashOf(Buffer.from('hello')), hashChain: hashOf(Buffer.from('hello')) },
      }),
      'purge is skipped here',
    ],
    [
      'a second send in the window of the first (ID1)',
      false,
      ({ atMs }) => sentFact({ atMs }),
      'send is duplicate here',
    ],
    [
      'a payload that is not what its hash says (T1)',
      false,
      ({ atMs }) => sentFact({ atMs, idemKey: 'other', payload: Buffer.from('hullo') }),
      'payload_hash',
    ],
    [
      'a hash chain that is not its own (T2)',
      false,
      ({ atMs }) => sentFact({ atMs, idemKey: 'other', hashChain: hashOf(Buffer.from('x')) }),
      'hash_chain',
    ],
    [
      'a fact before the one before it (TM1)',
      true,
      ({ msgId, atMs }) => ({ name: 'acked', atMs: atMs - 1, msgId, settledUntilMs: atMs + 299 }),
      'acked at 1999999, but it is 2000000 already',
    ],
  ];

  it.each(cases)('refused: %s', (_, leased, lawless, says) => {
    const problems = verdictOn(lawless, leased);
    expect(problems).toEqual([
      { file: 'log-000000000000001', at: expect.any(Number), why: expect.stringContaining(says) },
    ]);
  });
});

const ID_AFTER_FIRST = (atMs: number): string => formatMsgId(atMs, 0, 5, 1);
function sentFact(more: Partial<Extract<MessageFact, { name: 'sent' }>> & { atMs: number }): MessageFact {
  const payload = Buffer.from('hello');
  const { atMs } = more;
  return {
    name: 'sent',
    ...{ msgId: ID_AFTER_FIRST(atMs), topic: 't0', idemKey: 'k', payload, payloadHash: hashOf(payload) },
    ...{ hashChain: hashOf(payload), attrs: {}, corrId: 'c', notBeforeMs: atMs },
    ...{ ttlAtMs: Number.POSITIVE_INFINITY, idemUntilMs: atMs + 300 },
    ...more,
  };
}
