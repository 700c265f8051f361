import type { Outcome } from '../../spec/vocabulary.ts';
import type { ShardState } from '../core/state.ts';
import { deadLetterOf } from './answers.ts';
import { tryReprocess } from './dry-run.ts';
import type { Caller, DlqListRequest, PurgeRequest, Reply, ReprocessRequest } from './messages.ts';
import { isDone, msLeft, Pace, type Paced } from './paced.ts';
import { JOURNAL_FAILED, type Spine } from './spine.ts';
import { mayTenantTake } from './tenant-share.ts';

/** Dead letters one list, reprocess or purge looks at in one go, so that none of them scans. */
const DLQ_STEP_MAX = 1000;
/** Payload bytes of one page of dead letters; as with recv, the first always goes (LE6). */
const DLQ_PAGE_BYTES = 512 * 1024;
/** Reprocesses at a rate that may go on at once. */
const PACED_MAX = 16;

/**
 * What an admin does with dead letters: looks at them, puts them back, purges them (DL1..DL3). A reprocess is no redrive: what it moves is
 * settled when it is asked for, whoever asked is answered with the last of it, and it ends with them; a redrive goes through the line as it
 * finds it, and on without anybody. They have their pace in common.
 */
export class DeadLetters {
  private readonly spine: Spine;
  private readonly paced = new Set<Paced>();

  constructor(spine: Spine) {
    this.spine = spine;
  }

  reprocess(request: ReprocessRequest, caller: Caller, nowMs: number, reply: (reply: Reply) => void): Reply | null {
    const refusal = this.spine.admit(caller, request.topic, 0, nowMs);
    if (refusal !== null) return refusal;
    const { limit, ratePerS } = request;
    if (request.dryRun === true) return this.tryDry(request, nowMs);
    if (ratePerS !== null && this.paced.size >= PACED_MAX) {
      return { outcome: 'saturated_redrives', retryAfterMs: Math.min(...[...this.paced].map(msLeft)) };
    }
    const tenant = this.spine.tenantOf(request.topic);
    const ofTenant = [...this.paced].filter((one) => one.tenant === tenant);
    if (ratePerS !== null && !mayTenantTake(this.spine.limits, PACED_MAX, this.paced.size, ofTenant.length))
      return { outcome: 'saturated_tenant', retryAfterMs: Math.min(...ofTenant.map(msLeft)) };
    const shard = this.spine.shardFor(request.topic);
    const paced: Paced = {
      ...{ shard, tenant },
      msgIds: this.chosenDead(shard, request, nowMs),
      limit,
      pace: new Pace(ratePerS, nowMs),
      caller,
      reply,
      count: { moved: 0, skipped: 0, failed: 0 },
      tried: 0,
    };
    if (ratePerS !== null) {
      this.paced.add(paced);
      this.move(paced, nowMs);
      return null;
    }
    while (!isDone(paced)) this.reprocessNext(paced, nowMs);
    return { outcome: 'ok', ...paced.count };
  }

  /** What would come of it now: each is decided alone, and no fact of it is made. */
  private tryDry(request: ReprocessRequest, nowMs: number): Reply {
    const shard = this.spine.shardFor(request.topic);
    const count = { moved: 0, skipped: 0, failed: 0 };
    for (const msgId of this.chosenDead(shard, request, nowMs)) {
      if (count.moved >= request.limit) break;
      const outcome = tryReprocess(shard, msgId, count.moved);
      count[outcome === 'skipped' ? 'skipped' : outcome === 'ok' ? 'moved' : 'failed']++;
    }
    return { outcome: 'ok', ...count };
  }

  /** Time has passed: those that go at a rate go on. */
  tick(nowMs: number): void {
    for (const paced of this.paced) this.spine.attempt(() => this.move(paced, nowMs), undefined, paced.caller);
  }

  nextWakeMs(nowMs: number): number {
    let wakeMs = Number.POSITIVE_INFINITY;
    for (const { pace, count } of this.paced) wakeMs = Math.min(wakeMs, pace.nextMs(count.moved, nowMs));
    return wakeMs;
  }

  /** Moves as many as the rate allows by now. */
  private move(paced: Paced, nowMs: number): void {
    if (!paced.caller.isValid(nowMs)) return this.endPaced(paced, 'cap_auth');
    const allowed = paced.pace.allowedBy(nowMs);
    while (paced.count.moved < allowed && !isDone(paced)) this.reprocessNext(paced, nowMs);
    if (isDone(paced)) this.endPaced(paced, 'ok');
  }

  private reprocessNext(paced: Paced, nowMs: number): void {
    const msgId = paced.msgIds[paced.tried++] as string;
    const { outcome } = this.spine.run(paced.shard, { name: 'reprocess', atMs: nowMs, msgId }, paced.caller);
    paced.count[outcome === 'ok' ? 'moved' : outcome === 'skipped' ? 'skipped' : 'failed']++;
  }

  /** Ends those that go at a rate where `which` says so. */
  endIf(which: (paced: Paced) => boolean, outcome: Outcome): void {
    for (const paced of this.paced) if (which(paced)) this.endPaced(paced, outcome);
  }

  private endPaced(paced: Paced, outcome: Outcome): void {
    this.paced.delete(paced);
    this.spine.answer(paced.reply, outcome === 'ok' ? { outcome, ...paced.count } : { outcome });
  }

  cancel(reply: (reply: Reply) => void): void {
    for (const paced of this.paced) if (paced.reply === reply) this.paced.delete(paced);
  }

  /** The journal failed: whoever waits is told so. */
  fail(): void {
    for (const { reply } of this.paced) reply(JOURNAL_FAILED);
    this.paced.clear();
  }

  purge(request: PurgeRequest, caller: Caller, nowMs: number): Reply {
    const refusal = this.spine.admit(caller, request.topic, 0, nowMs);
    if (refusal !== null) return refusal;
    const shard = this.spine.shardFor(request.topic);
    let purged = 0;
    for (const msgId of this.chosenDead(shard, { ...request, reason: null }, nowMs)) {
      const { outcome } = this.spine.run(shard, { name: 'purge', atMs: nowMs, msgId, reason: 'admin' }, caller);
      if (outcome === 'ok') purged++;
    }
    return { outcome: 'ok', purged };
  }

  /** The dead letters a request names, by id or by a bounded look along the topic's line. */
  private chosenDead(
    shard: ShardState,
    by: { topic: string; msgIds: readonly string[] | null; reason: string | null; olderThanMs?: number | null },
    nowMs: number,
  ): string[] {
    this.spine.advance(shard, nowMs);
    const chosen: string[] = [];
    if (by.msgIds !== null) {
      for (const msgId of by.msgIds) {
        const message = shard.find(msgId);
        chosen.push(message !== undefined && message.topic.name === by.topic ? msgId : '');
      }
      return chosen;
    }
    let looked = 0;
    for (const message of shard.topics.get(by.topic)?.dead.after(0) ?? []) {
      if (looked++ >= DLQ_STEP_MAX) break;
      if (by.reason !== null && message.deadReason !== by.reason) continue;
      if (by.olderThanMs != null && message.deadAtMs + by.olderThanMs > nowMs) break;
      chosen.push(message.msgId);
    }
    return chosen;
  }

  list(request: DlqListRequest, caller: Caller, nowMs: number): Reply {
    const refusal = this.spine.admit(caller, request.topic, 0, nowMs);
    if (refusal !== null) return refusal;
    const shard = this.spine.shardFor(request.topic);
    this.spine.advance(shard, nowMs);
    const deadLetters = [];
    let looked = 0;
    let bytes = 0;
    let next: number | null = null;
    let last = request.after;
    for (const message of shard.topics.get(request.topic)?.dead.after(request.after) ?? []) {
      if (deadLetters.length >= request.limit || looked++ >= DLQ_STEP_MAX) {
        next = last;
        break;
      }
      if (request.reason !== null && message.deadReason !== request.reason) {
        last = message.ageNumber;
        continue;
      }
      bytes += message.packedAttrs.length + (request.withPayload ? (message.payload?.length ?? 0) : 0);
      if (bytes > DLQ_PAGE_BYTES && deadLetters.length > 0) {
        next = last;
        break;
      }
      last = message.ageNumber;
      // What is there for its damage was told when it came.
      const isKnown = message.deadReason === 'integrity';
      const withPayload = request.withPayload && !isKnown && this.spine.isShown(shard, message, caller);
      deadLetters.push(deadLetterOf(message, shard.shard, this.spine.instantOf(message.deadAtMs), withPayload));
    }
    return { outcome: 'ok', deadLetters, next };
  }
}
