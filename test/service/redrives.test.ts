import { describe, expect, it } from 'vitest';
import type { Limits } from '../../src/core/limits.ts';
import { Writer } from '../../src/journal/bytes.ts';
import { writeBatch, writeRecord } from '../../src/journal/record.ts';
import { isProcessFact } from '../../src/journal/record-items.ts';
import { Replica } from '../../src/journal/replica.ts';
import type { Batch } from '../../src/ports/journal.ts';
import type { Caller, RedriveRequest, Reply, Request } from '../../src/service/messages.ts';
import { Service } from '../../src/service/service.ts';
import { limitsOf } from '../support/shard.ts';

const grant = { nonce: 'n', keyId: 'k', keyCreatedMs: 0, expiresS: 1e12, notBeforeS: 0 };
const everyone: Caller = { allowsTopic: () => true, charge: () => 0, isValid: () => true, grant };
const HASH = `b3:${'5'.repeat(64)}`;
const NACK = { verb: 'nack', reason: null, retryAfterMs: null, deadLetter: true } as const;

interface Earlier {
  readonly before?: Bench | null;
  readonly bySnapshot?: boolean;
  /** Who stands behind what the process before had begun. */
  readonly grantee?: Caller | null;
}

/** What a snapshot says of the process. */
function snapshotOf(replica: Replica): Replica {
  const w = new Writer();
  for (const { item } of replica.entries()) if (isProcessFact(item)) writeRecord(w, null, item);
  const again = new Replica();
  again.takeBody(w.buffer.subarray(0, w.length));
  return again;
}

class Bench {
  readonly service: Service;
  nowMs = 1_700_000_000_000;
  private readonly earlier: readonly (readonly Batch[])[];
  private readonly appended: (readonly Batch[])[] = [];
  private synced = 0;
  private drawn = 0;

  /** `before`: the process before, of which the journal kept everything; the next one knows it by a snapshot, or by the log. */
  constructor(limits: Partial<Limits> = {}, { before = null, bySnapshot = false, grantee = everyone }: Earlier = {}) {
    if (before !== null) Object.assign(this, { nowMs: before.nowMs + 3_600_000, drawn: before.drawn });
    this.earlier = before === null ? [] : [...before.earlier, ...before.appended];
    const replica = before === null ? null : this.replica();
    const known = (bySnapshot ? snapshotOf(replica as Replica) : replica)?.processFacts() ?? [];
    this.service = new Service({
      stampsClocks: true,
      shards: replica?.shards ?? Service.empty(1, limitsOf(limits)),
      random: { below: () => 0, token: () => `receipt-${++this.drawn}` },
      integrity: { payloadHashOf: () => HASH, hashChainOf: () => HASH },
      observer: { fact: () => {} },
      effects: {
        append: (batches) => this.appended.push(batches),
        notes: () => [...this.service.redriveChanges()],
      },
    });
    this.service.restoreRedrives(known, () => grantee, this.nowMs);
    const started = { name: 'started', atMs: this.nowMs, term: 1 + (replica?.term ?? 0), shards: 1 } as const;
    this.service.start(this.nowMs, { ...started, limits: limitsOf(limits) });
  }

  /** All that was appended, by way of the bytes of the journal. */
  replica(): Replica {
    const replica = new Replica();
    const w = new Writer();
    for (const batches of [...this.earlier, ...this.appended])
      for (const batch of batches) writeBatch(w, batch, () => false);
    replica.takeBody(w.buffer.subarray(0, w.length));
    return replica;
  }

  ask(request: Request, caller = everyone): Reply {
    let found: Reply | null = null;
    this.service.request(request, caller, this.nowMs, (reply) => {
      found = reply;
    });
    for (; this.synced < this.appended.length; this.synced++) this.service.durable();
    return found as unknown as Reply;
  }

  pass(ms: number): void {
    this.nowMs += ms;
    this.service.tick(this.nowMs);
    for (; this.synced < this.appended.length; this.synced++) this.service.durable();
  }

  /** So many dead letters. */
  dead(count: number, topic = 'a', from = 0): string[] {
    const rest = { payloadHash: null, attrs: {}, corrId: 'c', delayMs: 0, ttlMs: Number.POSITIVE_INFINITY };
    for (let i = 0; i < count; i++)
      this.ask({ verb: 'send', topic, idemKey: `k${from + i}`, payload: new Uint8Array(1), ...rest });
    return this.kill(topic, count);
  }

  kill(topic: string, count: number): string[] {
    const all = { visibilityMs: null, messagesMax: count, bytesMax: 1e9, waitMs: 0, acks: [] };
    const { deliveries = [] } = this.ask({ verb: 'recv', topic, ...all });
    for (const { msgId, receipt } of deliveries) this.ask({ ...NACK, msgId, receipt });
    return deliveries.map(({ msgId }) => msgId);
  }

  redrive(changed: Partial<RedriveRequest> = {}, caller = everyone): Reply {
    const all = { limit: Number.POSITIVE_INFINITY, msgIds: null, reason: null, ratePerS: null, dryRun: false };
    return this.ask({ verb: 'redrive', topic: 'a', ...all, ...changed }, caller);
  }

  show(id: string, caller = everyone) {
    return this.ask({ verb: 'redrive_show', id }, caller);
  }

  get counts() {
    return this.ask({ verb: 'stats', topic: 'a' }).stats;
  }
}

describe('redrives', () => {
  it('task: goes on by itself a step at a time, tells how far it is, and takes no part in what dies later (DL5, B16)', () => {
    const bench = new Bench();
    bench.dead(1000);
    const { redrive } = bench.redrive();
    expect(redrive).toMatchObject({ state: 'running', moved: 256, endedAt: null });
    expect(bench.service.nextWakeMs()).toBeLessThanOrEqual(bench.nowMs);
    bench.kill('a', 100);
    for (let i = 0; i < 3; i++) bench.pass(1);
    expect(bench.show(redrive?.id ?? '').redrive).toMatchObject({ state: 'done', moved: 1000, skipped: 0, failed: 0 });
    expect(bench.counts).toMatchObject({ queued: 900, deadLettered: 100 });
  });

  it('task: at a rate, up to a limit, of a reason, of named ones', () => {
    const bench = new Bench();
    const ids = bench.dead(50);
    const id = bench.redrive({ ratePerS: 10, limit: 12 }).redrive?.id ?? '';
    expect(bench.counts?.queued).toBe(1);
    for (let i = 0; i < 10; i++) bench.pass(100);
    expect(bench.counts?.queued).toBe(11);
    expect(bench.show(id).redrive?.state).toBe('running');
    bench.pass(10_000);
    expect(bench.show(id).redrive).toMatchObject({ state: 'done', moved: 12 });
    expect(bench.redrive({ reason: 'ttl' }).redrive).toMatchObject({ state: 'done', moved: 0 });
    expect(bench.redrive({ msgIds: ids.slice(40, 43) }).redrive).toMatchObject({ state: 'done', moved: 3 });
  });

  it('two people redrive the same dead letters: each is put back once, and what the other has is told as skipped (DL5)', () => {
    const bench = new Bench();
    const ids = bench.dead(1000);
    const [one, other] = [bench.redrive(), bench.redrive({ msgIds: ids })].map(({ redrive }) => redrive?.id ?? '');
    for (let i = 0; i < 12; i++) bench.pass(1);
    const [first, second] = [one, other].map((id) => bench.show(id ?? '').redrive);
    expect([first?.state, second?.state]).toEqual(['done', 'done']);
    expect((first?.moved ?? 0) + (second?.moved ?? 0)).toBe(1000);
    expect(second).toMatchObject({ failed: 0, skipped: 1000 - (second?.moved ?? 0) });
    expect(second?.reasons).toEqual({ not_dead_lettered: second?.skipped });
    expect(bench.counts).toMatchObject({ queued: 1000, deadLettered: 0 });
  });

  it('reasons: what is not moved says why, and how many of each (DL5)', () => {
    const bench = new Bench({ maxRedrives: 1, shardCapacity: 3 });
    const [spent = ''] = bench.dead(1);
    bench.redrive();
    bench.kill('a', 1);
    const [queued = ''] = bench.dead(1, 'a', 1);
    bench.redrive({ msgIds: [queued] });
    const others = [...bench.dead(1, 'b', 2)];
    const msgIds = [spent, queued, ...others, 'none'];
    const { redrive } = bench.redrive({ msgIds });
    expect(redrive).toMatchObject({ moved: 0, skipped: 2, failed: 2 });
    expect(redrive?.reasons).toEqual({ redrives_spent: 1, not_dead_lettered: 1, not_found: 2 });
    expect(redrive?.failures.map(({ why }) => why)).toEqual([
      ...['redrives_spent', 'not_dead_lettered', 'not_found', 'not_found'],
    ]);
  });

  it('dry run: says what would move and moves nothing, as a task and in one go (DL5)', () => {
    const bench = new Bench({ shardCapacity: 4 });
    bench.dead(3);
    bench.dead(3, 'a', 3);
    const before = JSON.stringify(bench.counts);
    expect(bench.redrive({ dryRun: true }).redrive).toMatchObject({
      ...{ state: 'done', dryRun: true, moved: 4, failed: 2, reasons: { no_room: 2 } },
    });
    const dry = { verb: 'reprocess', topic: 'a', limit: 10, msgIds: null, reason: null, ratePerS: null } as const;
    expect(bench.ask({ ...dry, dryRun: true })).toMatchObject({ outcome: 'ok', moved: 4, skipped: 0, failed: 2 });
    expect(JSON.stringify(bench.counts)).toBe(before);
    expect(bench.ask(dry)).toMatchObject({ moved: 4, failed: 2 });
  });

  it('dry run: knows of the share of its tenant what the run itself comes to (DL5, BD5)', () => {
    const bench = new Bench({ shardCapacity: 10, dedupCapacity: 100, tenantShare: 25, tenantReserve: 20 });
    for (let i = 0; i < 5; i++) bench.dead(2, 'a', 2 * i);
    const dry = bench.redrive({ dryRun: true }).redrive;
    expect(dry).toMatchObject({ moved: 8, failed: 2, reasons: { no_room: 2 } });
    expect(bench.redrive().redrive).toMatchObject({ moved: 8, failed: 2, reasons: { no_room: 2 } });
  });

  it('restart: what was begun goes on with the next process, at its rate; what came of it is told as before (DL5, B16)', () => {
    const first = new Bench();
    const [one = ''] = first.dead(40);
    const dry = first.redrive({ msgIds: ['0'.repeat(26), one], dryRun: true }).redrive;
    expect(dry).toMatchObject({ state: 'done', moved: 1, failures: [{ why: 'not_found' }] });
    const id = first.redrive({ ratePerS: 10, limit: 20 }).redrive?.id ?? '';
    first.pass(500);
    const moved = first.show(id).redrive?.moved;
    expect(moved).toBe(6);
    first.dead(5, 'a', 40);
    for (const bySnapshot of [false, true]) {
      const next = new Bench({}, { before: first, bySnapshot });
      expect(next.show(dry?.id ?? '').redrive).toEqual(dry);
      // An hour without a process is no hour of its rate.
      expect(next.show(id).redrive).toMatchObject({ state: 'running', moved: 7 });
      next.pass(99);
      expect(next.show(id).redrive?.moved).toBe(7);
      next.pass(10_000);
      expect(next.show(id).redrive).toMatchObject({ state: 'done', moved: 20 });
      expect(next.counts?.queued).toBe(20);
      const last = new Bench({}, { before: next, bySnapshot });
      expect(last.show(id).redrive).toEqual(next.show(id).redrive);
    }
  });

  it('restart: one whose capability cannot be vouched for any more ends, and one that had died later is no part of it', () => {
    const first = new Bench();
    first.dead(300);
    const slow = first.redrive({ ratePerS: 1 }).redrive?.id ?? '';
    const all = first.redrive().redrive?.id ?? '';
    first.dead(5, 'a', 300);
    const orphan = new Bench({}, { before: first, grantee: null });
    for (const id of [slow, all])
      expect(orphan.show(id).redrive).toMatchObject({ state: 'ended', endedBy: 'cap_auth' });
    const next = new Bench({}, { before: first });
    next.pass(1);
    next.pass(1);
    expect(next.show(all).redrive).toMatchObject({ state: 'done', skipped: 0, failed: 0 });
    expect(next.counts).toMatchObject({ queued: 300, deadLettered: 5 });
  });

  it('ends: cancelled, with its capability, with a drain; what it moved stays moved', () => {
    const bench = new Bench();
    bench.dead(30);
    const slow = { ratePerS: 1 };
    const one = bench.redrive(slow).redrive?.id ?? '';
    expect(bench.ask({ verb: 'redrive_cancel', id: one }).redrive).toMatchObject({ state: 'cancelled', moved: 1 });
    let valid = true;
    const two = bench.redrive(slow, { ...everyone, isValid: () => valid }).redrive?.id ?? '';
    valid = false;
    bench.pass(1000);
    expect(bench.show(two).redrive).toMatchObject({ state: 'ended', endedBy: 'cap_auth', moved: 1 });
    const three = bench.redrive(slow).redrive?.id ?? '';
    const unkept = bench.redrive(slow, { ...everyone, grant: null }).redrive?.id ?? '';
    bench.service.endWaiting(bench.nowMs, true);
    expect(bench.show(three).redrive).toMatchObject({ state: 'running' });
    expect(bench.show(unkept).redrive).toMatchObject({ state: 'ended', endedBy: 'draining' });
    bench.pass(60_000);
    expect(bench.counts).toMatchObject({ queued: 4, deadLettered: 26 });
  });

  it('bounds: sixteen go on at once, the last sixty-four are remembered; those of other topics are not there (D4, AU7)', () => {
    const bench = new Bench({ tenantShare: 0 });
    bench.dead(40);
    const first = bench.redrive({ dryRun: true }).redrive?.id ?? '';
    for (let i = 0; i < 16; i++) expect(bench.redrive({ ratePerS: 1 }).outcome).toBe('ok');
    expect(bench.redrive({ ratePerS: 1 }).outcome).toBe('saturated_redrives');
    bench.service.endWaiting(bench.nowMs, true);
    for (let i = 0; i < 47; i++) bench.redrive({ dryRun: true });
    expect(bench.show(first).outcome).toBe('ok');
    const last = bench.redrive({ dryRun: true }).redrive?.id ?? '';
    expect(bench.show(first).outcome).toBe('not_found');
    const stranger = { ...everyone, allowsTopic: () => false };
    expect(bench.show(last, stranger).outcome).toBe('not_found');
    expect(bench.ask({ verb: 'redrive_cancel', id: last }, stranger).outcome).toBe('not_found');
  });

  it('tenants: a fifth of the sixteen is for those within their share, and what has ended counts no more (BD5)', () => {
    const bench = new Bench();
    for (const topic of ['hog.a', 'hog.b', 'other.a']) bench.dead(40, topic);
    const begin = (topic: string): Reply => bench.redrive({ topic, ratePerS: 1 });
    const ids: string[] = [];
    for (let reply = begin('hog.a'); reply.outcome === 'ok'; reply = begin('hog.a'))
      ids.push(reply.redrive?.id as string);
    expect(ids.length).toBe(13);
    expect(begin('hog.b').outcome).toBe('saturated_tenant');
    for (let i = 0; i < 3; i++) expect(begin('other.a').outcome).toBe('ok');
    expect(begin('other.a').outcome).toBe('saturated_redrives');
    for (const id of ids.slice(0, 2)) bench.ask({ verb: 'redrive_cancel', id });
    expect(begin('hog.b').outcome).toBe('saturated_tenant');
    expect(begin('other.a').outcome).toBe('ok');
  });
});
