import { describe, expect, it } from 'vitest';
import type { Limits } from '../../src/core/limits.ts';
import type { Batch } from '../../src/ports/journal.ts';
import type { Feed, FeedConsumer } from '../../src/service/feeds.ts';
import type {
  Caller,
  FactView,
  FeedRequest,
  PeekRequest,
  Reply,
  Request,
  TopicsRequest,
} from '../../src/service/messages.ts';
import { Service } from '../../src/service/service.ts';
import { SortedNames } from '../../src/service/sorted-names.ts';
import fc from '../support/properties.ts';
import { limitsOf } from '../support/shard.ts';

const only = (prefix: string): Caller => ({
  allowsTopic: (topic) => topic.startsWith(prefix),
  charge: () => 0,
  isValid: () => true,
  reach: prefix,
});
const everyone = only('');
const START_MS = 1_700_000_000_000;

class Bench {
  readonly service: Service;
  readonly appended: (readonly Batch[])[] = [];
  nowMs = START_MS;
  private drawn = 0;
  private synced = 0;

  constructor(limits: Partial<Limits> = {}, { shards = 4, recentFacts = 1000 } = {}) {
    this.service = new Service({
      shards: Service.empty(shards, limitsOf(limits)),
      random: { below: () => 0, token: () => `receipt-${++this.drawn}` },
      integrity: { payloadHashOf: (p) => `b3:${p.join('.')}`, hashChainOf: () => 'b3:chain' },
      observer: { fact: () => {} },
      effects: { append: (batches) => this.appended.push(batches) },
      recentFacts,
    });
    this.service.start(this.nowMs);
  }

  ask(request: Request, caller = everyone): Reply {
    let found: Reply | null = null;
    this.service.request(request, caller, this.nowMs, (reply) => {
      found = reply;
    });
    this.sync();
    return found as unknown as Reply;
  }

  pass(ms: number): void {
    this.nowMs += ms;
    this.service.tick(this.nowMs);
  }

  sync(): void {
    for (; this.synced < this.appended.length; this.synced++) this.service.durable();
  }

  send(topic: string, idemKey: string): string {
    const rest = { payloadHash: null, attrs: {}, corrId: 'c', delayMs: 0, ttlMs: Number.POSITIVE_INFINITY };
    return this.ask({ verb: 'send', topic, idemKey, payload: new Uint8Array([1, 2]), ...rest }).msgId as string;
  }

  lease(topic: string, messagesMax = 1) {
    const rest = { visibilityMs: null, bytesMax: 1e6, waitMs: 0, acks: [] };
    return this.ask({ verb: 'recv', topic, messagesMax, ...rest }).deliveries ?? [];
  }

  topics(changed: Partial<TopicsRequest> = {}, caller = everyone) {
    return this.ask({ verb: 'topics', prefix: '', limit: 100, cursor: null, ...changed }, caller);
  }

  peek(topic: string, changed: Partial<PeekRequest> = {}, caller = everyone) {
    const all = { state: null, limit: 100, cursor: null, withPayload: false };
    return this.ask({ verb: 'peek', topic, ...all, ...changed }, caller);
  }

  feed(changed: Partial<FeedRequest> = {}, caller = everyone): Reader {
    const all = { topic: null, prefix: '', after: null, waitMs: Number.POSITIVE_INFINITY };
    const reader = new Reader();
    this.service.feed({ ...all, ...changed }, caller, this.nowMs, reader);
    return reader;
  }
}

/** Takes what it is told when the test says so. */
class Reader implements FeedConsumer {
  opening: Reply | null = null;
  feed: Feed | null = null;
  end: string | null = null;
  readonly pieces: (readonly FactView[])[] = [];
  opened(reply: Reply, feed: Feed): void {
    this.opening = reply;
    this.feed = feed;
  }
  tell(facts: readonly FactView[]): void {
    this.pieces.push(facts);
  }
  ended(outcome: string): void {
    this.end = outcome;
  }
  get told() {
    return this.pieces.flat().map(({ told }) => ('msgId' in told ? `${told.fact} ${told.idemKey}` : 'gap'));
  }
}

const idsOf = (reply: Reply) => reply.peeked?.rows.map(({ idemKey }) => idemKey);

describe('viewing', () => {
  it('names: as a sorted set has them, whatever is added and removed in whatever order', () => {
    const name = fc.string({ unit: fc.constantFrom('a', 'b', '.'), minLength: 1, maxLength: 6 });
    const step = fc.tuple(fc.boolean(), name);
    fc.assert(
      fc.property(fc.array(step, { maxLength: 1500, size: 'max' }), name, (steps, from) => {
        const names = new SortedNames();
        const model = new Set<string>();
        for (const [adds, one] of steps) {
          if (adds) names.add(one);
          else names.remove(one);
          if (adds) model.add(one);
          else model.delete(one);
        }
        expect(names.size).toBe(model.size);
        expect([...names.from(from)]).toEqual([...model].sort().filter((one) => one >= from));
      }),
      { numRuns: 30 },
    );
  });

  it('topics: pages by name, of a prefix, of what the caller may see; each topic once (B15)', () => {
    const bench = new Bench();
    const all = Array.from({ length: 1300 }, (_, i) => `t${String((i * 7919) % 1300).padStart(4, '0')}`);
    for (const topic of all) bench.send(topic, 'k');
    bench.lease('t0003');
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Reply = bench.topics({ cursor, limit: 100 });
      expect(page.topics?.rows.length).toBeLessThanOrEqual(100);
      seen.push(...(page.topics?.rows.map(({ topic }) => topic) ?? []));
      cursor = page.topics?.next ?? null;
    } while (cursor !== null);
    expect(seen).toEqual(all.toSorted());
    const some = bench.topics({ prefix: 't00', limit: 1000 }, only('t000')).topics?.rows;
    expect(some?.map(({ topic }) => topic)).toEqual(all.toSorted().slice(0, 10));
    expect(some?.[3]).toMatchObject({ topic: 't0003', depth: 1, queued: 0, leased: 1 });
    expect(bench.topics({ prefix: 't01' }, only('t000')).topics).toMatchObject({ rows: [], next: null });
    expect(bench.topics({ cursor: 't.t0001', prefix: 't1' })).toMatchObject({ outcome: 'schema' });
    expect(bench.topics({ cursor: 'm.0.0.1.any.a' })).toMatchObject({ outcome: 'schema' });
  });

  it('topics: one of which nothing is remembered is listed no more, and nothing of it stays', () => {
    const bench = new Bench({ tReplayMs: 1000 });
    for (let i = 0; i < 2000; i++) {
      bench.send(`gone-${i}`, 'k');
      const [lease] = bench.lease(`gone-${i}`);
      bench.ask({ verb: 'ack', msgId: lease?.msgId ?? '', receipt: lease?.receipt ?? '' });
      bench.nowMs += 10;
      bench.service.tick(bench.nowMs);
      bench.sync();
    }
    const names = bench.topics({ limit: 1000 }).topics?.rows.map(({ topic }) => topic) ?? [];
    expect(names.length).toBeLessThan(150);
    expect(names).toContain('gone-1999');
    // Kept within a bound while they came and went.
    const { index } = (bench.service as unknown as { spine: { index: { namesFrom(name: string): Iterable<string> } } })
      .spine;
    expect([...index.namesFrom('')].length).toBeLessThan(700);
  });

  it('peek: no lease, no receipt, attempts and order as they were; states and pages (B15, DL4, AU7)', () => {
    const bench = new Bench({ maxAttempts: 1 });
    for (let i = 0; i < 10; i++) bench.send('a', `k${i}`);
    const leases = bench.lease('a', 3);
    const nack = { reason: 'no', retryAfterMs: null, deadLetter: true };
    bench.ask({ verb: 'nack', msgId: leases[0]?.msgId ?? '', receipt: leases[0]?.receipt ?? '', ...nack });
    bench.ask({ verb: 'ack', msgId: leases[1]?.msgId ?? '', receipt: leases[1]?.receipt ?? '' });
    const rows = bench.peek('a', { withPayload: true }).peeked?.rows ?? [];
    expect(rows.map(({ idemKey, state }) => `${idemKey} ${state}`).slice(0, 3)).toEqual([
      'k0 dead_lettered',
      'k2 leased',
      'k3 queued',
    ]);
    expect(rows[0]).toMatchObject({ attempt: 1, epoch: 1, reason: 'rejected', lastError: 'no' });
    expect(rows[1]?.payload).toEqual(new Uint8Array([1, 2]));
    expect(JSON.stringify(rows)).not.toContain('receipt-');
    expect(idsOf(bench.peek('a', { state: 'leased' }))).toEqual(['k2']);
    expect(bench.peek('a', { state: 'leased' }).peeked?.next).toBeNull();
    expect(idsOf(bench.peek('a', { state: 'dead_lettered' }))).toEqual(['k0']);
    const first = bench.peek('a', { limit: 4 });
    expect(idsOf(bench.peek('a', { limit: 100, cursor: first.peeked?.next ?? '' }))).toEqual([
      'k5',
      'k6',
      'k7',
      'k8',
      'k9',
    ]);
    expect(bench.lease('a').map(({ idemKey, attempt }) => [idemKey, attempt])).toEqual([['k3', 1]]);
    expect(bench.peek('nothing').peeked).toEqual({ rows: [], next: null });
  });

  it('peek: a page looks at a bounded number of messages, and the pages together find all', () => {
    const bench = new Bench({ shardCapacity: 20_000, globalInflight: 20_000 });
    for (let i = 0; i < 6000; i++) bench.send('a', `k${i}`);
    bench.lease('a', 5000);
    const pages: number[] = [];
    const found = new Set<string>();
    for (let cursor: string | null = null; pages.length === 0 || cursor !== null; ) {
      const page: Reply = bench.peek('a', { cursor, limit: 400, state: 'queued' });
      pages.push(idsOf(page)?.length ?? 0);
      for (const id of idsOf(page) ?? []) found.add(id);
      cursor = page.peeked?.next ?? null;
    }
    expect(pages).toEqual([0, 400, 400, 200]);
    expect(found.size).toBe(1000);
  });

  it('cursors: of another topic, another state, nothing at all 400; of before a restart or a shard made anew 410', () => {
    const bench = new Bench();
    for (let i = 0; i < 3; i++) bench.send('a', `k${i}`);
    const cursor = bench.peek('a', { limit: 1 }).peeked?.next as string;
    expect(bench.peek('b', { cursor })).toMatchObject({
      outcome: 'schema',
      message: expect.stringContaining('begin again'),
    });
    expect(bench.peek('a', { cursor, state: 'queued' })).toMatchObject({ outcome: 'schema' });
    expect(bench.peek('a', { cursor: cursor.replace('.1.any', '.999.any') })).toMatchObject({ outcome: 'schema' });
    expect(bench.peek('a', { cursor: 'x' })).toMatchObject({ outcome: 'schema' });
    const later = new Bench();
    later.nowMs += 1;
    later.service.start(later.nowMs);
    expect(later.peek('a', { cursor })).toMatchObject({ outcome: 'cursor_gone' });
    const shard = bench.service.shards.find(({ topics }) => topics.has('a'));
    bench.service.revive(shard as NonNullable<typeof shard>);
    expect(bench.peek('a', { cursor })).toMatchObject({ outcome: 'cursor_gone' });
    expect(idsOf(bench.peek('a'))).toEqual(['k0', 'k1', 'k2']);
  });

  it('show: what happened and why, complete from the send on; not there and out of scope are one answer, at one price (AU7)', () => {
    const bench = new Bench({ maxAttempts: 2 });
    const msgId = bench.send('a', 'k');
    const [first] = bench.lease('a');
    bench.ask({
      ...{ verb: 'nack', msgId, receipt: first?.receipt ?? '', reason: 'busy', retryAfterMs: 0, deadLetter: false },
    });
    const [second] = bench.lease('a');
    const during = bench.ask({ verb: 'show', msgId });
    expect(during.shown?.message).toMatchObject({ state: 'leased', attempt: 2, payloadBytes: 2, payload: null });
    bench.ask({ verb: 'ack', msgId, receipt: second?.receipt ?? '' });
    const { shown } = bench.ask({ verb: 'show', msgId });
    expect(shown?.timeline.map(({ told }) => told.fact)).toEqual(['sent', 'received', 'nacked', 'received', 'acked']);
    expect(shown?.timeline[2]?.told).toMatchObject({ state: 'redelivered', lastError: 'busy', attempt: 1 });
    expect(shown).toMatchObject({ isComplete: true, from: shown?.timeline[0]?.cursor });
    expect(JSON.stringify(shown)).not.toContain('receipt-');
    let charged = 0;
    const charge = (): number => {
      charged++;
      return 0;
    };
    const stranger = { ...only('b'), charge };
    const refused = bench.ask({ verb: 'show', msgId }, stranger);
    const unknown = bench.ask({ verb: 'show', msgId: `${msgId.slice(0, -1)}Z` }, stranger);
    expect(charged).toBe(2);
    expect([refused.outcome, unknown.outcome]).toEqual(['not_found', 'not_found']);
    // Long over, and still known by its facts.
    bench.nowMs += 3_600_000;
    bench.service.tick(bench.nowMs);
    bench.sync();
    expect(bench.ask({ verb: 'show', msgId }).shown).toMatchObject({ message: null, isComplete: true });
  });

  it('show: what is no longer remembered is said to be missing', () => {
    const bench = new Bench({}, { recentFacts: 16 });
    const msgId = bench.send('a', 'k');
    for (let i = 0; i < 15; i++) bench.send('b', `k${i}`);
    expect(bench.ask({ verb: 'show', msgId }).shown?.isComplete).toBe(true);
    bench.send('b', 'one more');
    const { shown } = bench.ask({ verb: 'show', msgId });
    expect(shown).toMatchObject({ isComplete: false, timeline: [] });
    bench.send('b', 'and another');
    expect(bench.ask({ verb: 'show', msgId }).shown?.from).not.toBe(shown?.from);
  });

  it('durable: nothing is shown or told before it is (AC1, B10)', () => {
    const bench = new Bench();
    const reader = bench.feed();
    const answers: string[] = [];
    const rest = { payloadHash: null, attrs: {}, corrId: 'c', delayMs: 0, ttlMs: Number.POSITIVE_INFINITY };
    const send = { verb: 'send', topic: 'a', idemKey: 'k', payload: new Uint8Array(1), ...rest } as const;
    bench.service.request(send, everyone, bench.nowMs, () => answers.push('send'));
    for (const request of [
      { verb: 'topics', prefix: '', limit: 9, cursor: null },
      { verb: 'peek', topic: 'a', state: null, limit: 9, cursor: null, withPayload: false },
    ] as const)
      bench.service.request(request, everyone, bench.nowMs, () => answers.push(request.verb));
    expect([answers, reader.told]).toEqual([[], []]);
    bench.sync();
    expect([answers, reader.told]).toEqual([['send', 'topics', 'peek'], ['sent k']]);
  });

  it('looks change nothing: the shards are byte for byte what they were, whatever was asked of whatever state (AU7)', () => {
    const act = fc.tuple(fc.nat(6), fc.nat(2), fc.nat(30));
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60, size: 'max' }), fc.nat(4000), (acts, passed) => {
        const bench = new Bench({ maxAttempts: 2, defaultVisibilityMs: 1000, backoffBaseMs: 10, backoffMaxMs: 100 });
        for (const [what, which, n] of acts) {
          const topic = `t${which}`;
          if (what < 3) bench.send(topic, `k${n}`);
          const [lease] = what === 3 || what === 4 ? bench.lease(topic) : [];
          if (lease !== undefined && what === 4) bench.ask({ verb: 'ack', msgId: lease.msgId, receipt: lease.receipt });
          if (what === 5) bench.pass(n * 100);
          bench.sync();
        }
        // Something may be due: a look does not see to that either.
        bench.nowMs += passed;
        const before = imageOf(bench);
        bench.topics();
        for (let i = 0; i < 3; i++) {
          for (const state of [null, 'queued', 'leased', 'redelivered', 'dead_lettered'] as const)
            for (const { msgId } of bench.peek(`t${i}`, { state, withPayload: true }).peeked?.rows ?? [])
              bench.ask({ verb: 'show', msgId });
        }
        bench.feed();
        expect(imageOf(bench)).toBe(before);
      }),
      { numRuns: 60 },
    );
  });

  // ---- the feed

  it('peek: bytes of payloads and attributes bound a page as they bound a recv; the pages together have all (BD0)', () => {
    const bench = new Bench();
    const send = (idemKey: string, bytes: number, attrs = {}) => {
      const rest = { payloadHash: null, attrs, corrId: 'c', delayMs: 0, ttlMs: Number.POSITIVE_INFINITY };
      return bench.ask({ verb: 'send', topic: 'b', idemKey, payload: new Uint8Array(bytes), ...rest });
    };
    const wide = Object.fromEntries(Array.from({ length: 32 }, (_, i) => [`a${i}`, 'x'.repeat(1024)]));
    for (let i = 0; i < 6; i++) expect(send(`k${i}`, 200 * 1024).outcome).toBe('ok');
    for (let i = 6; i < 46; i++) expect(send(`k${i}`, 0, wide).outcome).toBe('ok');
    expect(send('large', 700 * 1024).outcome).toBe('ok');
    for (const [withPayload, most] of [[true, 8] as const, [false, 4] as const]) {
      const seen: unknown[] = [];
      let pages = 0;
      for (let cursor: string | null = null; pages === 0 || cursor !== null; pages++) {
        const page: Reply = bench.peek('b', { withPayload, limit: 1000, cursor });
        const { rows = [], next = null } = page.peeked ?? {};
        const sizes = rows.map(({ payload, attrs }) => (payload?.byteLength ?? 0) + JSON.stringify(attrs).length);
        if (rows.length > 1) expect(sizes.reduce((sum, size) => sum + size)).toBeLessThanOrEqual(512 * 1024);
        seen.push(...rows.map(({ idemKey }) => idemKey));
        cursor = next;
      }
      expect(seen).toEqual([...Array.from({ length: 46 }, (_, i) => `k${i}`), 'large']);
      expect(pages).toBeGreaterThan(2);
      expect(pages).toBeLessThanOrEqual(most);
    }
  });

  it('feed: facts in order from any cursor that is there, of a topic or a prefix, of what the caller may see (B10)', () => {
    const bench = new Bench();
    bench.send('a.1', 'k1');
    bench.send('b.1', 'k2');
    bench.lease('a.1');
    expect(bench.feed().told).toEqual(['sent k1', 'sent k2', 'received k1']);
    expect(bench.feed({ topic: 'b.1' }).told).toEqual(['sent k2']);
    expect(bench.feed({ prefix: 'a.' }).told).toEqual(['sent k1', 'received k1']);
    expect(bench.feed({}, only('b')).told).toEqual(['sent k2']);
    expect(bench.feed({ topic: 'a.1' }, only('b')).opening).toMatchObject({ outcome: 'cap_scope' });
    const reader = bench.feed();
    const cursor = reader.pieces[0]?.[0]?.cursor as string;
    expect(bench.feed({ after: cursor }).told).toEqual(['sent k2', 'received k1']);
    const now = bench.feed({ after: 'now' });
    expect(now.told).toEqual([]);
    bench.send('a.1', 'k3');
    expect(now.told).toEqual(['sent k3']);
    expect(bench.feed({ after: 'x-1' }).opening).toMatchObject({ outcome: 'cursor_gone' });
    expect(bench.feed({ after: cursor.replace(/\d+$/, '99') }).opening).toMatchObject({ outcome: 'schema' });
  });

  it('feed: a reader that is too slow holds nothing, and is told that it missed something', () => {
    const bench = new Bench({}, { recentFacts: 16 });
    const reader = bench.feed({ after: 'now' });
    bench.send('a', 'k0');
    expect(reader.told).toEqual(['sent k0']);
    for (let i = 1; i <= 40; i++) bench.send('a', `k${i}`);
    expect(reader.pieces).toHaveLength(1);
    bench.service.feedReady(reader.feed as Feed, bench.nowMs);
    const rest = reader.told.slice(1);
    expect(rest[0]).toBe('gap');
    expect(rest.slice(1)).toEqual(Array.from({ length: 16 }, (_, i) => `sent k${25 + i}`));
    expect(bench.feed({ after: reader.pieces[0]?.[0]?.cursor ?? '' }).opening).toMatchObject({
      outcome: 'cursor_gone',
      message: expect.stringMatching(/after=[0-9a-z]+-25$/),
    });
  });

  it('feed: ends after wait_ms without anything, with its capability, with a drain, with the journal', () => {
    const bench = new Bench();
    const brief = bench.feed({ waitMs: 0 });
    const patient = bench.feed({ waitMs: 1000 });
    let valid = true;
    const revoked = bench.feed({}, { ...everyone, isValid: () => valid });
    const steady = bench.feed();
    bench.service.tick(bench.nowMs);
    expect([brief.end, patient.end]).toEqual(['ok', null]);
    expect(bench.service.nextWakeMs()).toBeLessThanOrEqual(bench.nowMs + 1000);
    bench.pass(1000);
    expect(patient.end).toBe('ok');
    valid = false;
    bench.service.endWaiting(bench.nowMs);
    expect([revoked.end, steady.end]).toEqual(['cap_auth', null]);
    bench.service.endWaiting(bench.nowMs, true);
    expect(steady.end).toBe('draining');
    const failing = bench.feed();
    bench.service.journalFailed();
    expect(failing.end).toBe('journal');
    expect(bench.feed().opening).toMatchObject({ outcome: 'journal' });
  });

  it('feed: as many as streams leave room for, each step an operation of its quota (D4, AU2)', () => {
    const bench = new Bench();
    bench.service.streamsMax = 2;
    let waitMs = 0;
    const reader = bench.feed({ after: 'now' }, { ...everyone, charge: () => waitMs });
    const other = bench.feed();
    expect(bench.feed().opening).toMatchObject({ outcome: 'saturated_streams' });
    bench.service.closeFeed(other.feed as Feed);
    bench.send('a', 'k1');
    bench.service.feedReady(reader.feed as Feed, bench.nowMs);
    waitMs = 500;
    bench.send('a', 'k2');
    expect(reader.told).toEqual(['sent k1']);
    waitMs = 0;
    bench.pass(499);
    expect(reader.told).toEqual(['sent k1']);
    bench.pass(1);
    expect(reader.told).toEqual(['sent k1', 'sent k2']);
  });

  it('feed: by topic or prefix it counts under its tenant, and leaves the reserve to the others (BD5)', () => {
    const bench = new Bench();
    bench.service.streamsMax = 10;
    const open = (asked: object) => bench.feed({ topic: null, ...asked }).opening?.outcome;
    for (let i = 0; i < 8; i++) expect(open(i % 2 === 0 ? { prefix: 'hog.' } : { topic: 'hog.a' })).toBe('ok');
    expect(open({ prefix: 'hog.a' })).toBe('saturated_tenant');
    expect(open({ topic: 'other.a' })).toBe('ok');
    // Of several tenants, or of all: together they are one.
    expect(open({ prefix: '' })).toBe('ok');
    expect(open({ topic: 'other.b' })).toBe('saturated_streams');
  });
});

/** Everything that a shard is, times and orders included. */
function imageOf({ service, appended }: Bench): string {
  const seen = new Map<object, number>();
  const text = JSON.stringify(service.shards, (_, value) => {
    if (value instanceof Map) return [...value];
    if (value instanceof Float64Array) return Array.from(value, String);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    const known = seen.get(value);
    if (known !== undefined) return `#${known}`;
    seen.set(value, seen.size);
    return value;
  });
  return `${appended.length} ${text}`;
}
