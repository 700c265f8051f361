import type { Outcome } from '../../spec/vocabulary.ts';
import { formatMsgId, shardOf } from '../core/msg-id.ts';
import type { ShardState } from '../core/state.ts';
import { timestampOf } from '../integrity/timestamp.ts';
import {
  FAILURES_MAX,
  type Grant,
  type ProcessFact,
  REDRIVE_WHYS,
  REDRIVES_MAX,
  type RedriveBegun,
  type RedriveWent,
  type RedriveWhy,
} from '../ports/process-facts.ts';
import { tryReprocess } from './dry-run.ts';
import type { Caller, RedriveReport, RedriveRequest, Reply } from './messages.ts';
import { Pace } from './paced.ts';
import type { Spine } from './spine.ts';
import { mayTenantTake } from './tenant-share.ts';

/** Redrives that may go on at once. */
const RUNNING_MAX = 16;
/** Dead letters that one step looks at, so that none holds the others up. */
const STEP_MAX = 256;
const RETRY_MS = 1_000;
const NOT_FOUND: Reply = { outcome: 'not_found' };

/** A redrive on its way: what is left to try, and what came of it so far. */
class Redrive {
  readonly id: string;
  readonly request: RedriveRequest;
  readonly caller: Caller;
  readonly startedMs: number;
  readonly count = { moved: 0, skipped: 0, failed: 0 };
  readonly reasons = new Map<RedriveWhy, number>();
  readonly failures: { readonly msgId: string; readonly why: RedriveWhy }[] = [];
  state: RedriveReport['state'] = 'running';
  endedBy: Outcome | null = null;
  endedMs: number | null = null;
  /** As in `RedriveWent`. */
  place = 0;
  readonly pace: Pace;
  /** What it has come to since it was journaled last, and failures that are journaled. */
  isChanged = false;
  private failuresTold = 0;
  /** Those that died later are not part of it: it would never end. */
  readonly lastNumber: number;

  constructor(id: string, request: RedriveRequest, caller: Caller, nowMs: number, lastNumber: number) {
    this.id = id;
    this.request = request;
    this.caller = caller;
    this.startedMs = nowMs;
    this.pace = new Pace(request.ratePerS, nowMs);
    this.lastNumber = lastNumber;
  }

  get isFull(): boolean {
    return this.count.moved >= this.request.limit;
  }

  /** When the next one may be moved. */
  nextMs(nowMs: number): number {
    return this.pace.nextMs(this.count.moved, nowMs);
  }

  /** What is journaled of its begin; null where its capability cannot be remembered. */
  begun(): RedriveBegun | null {
    const { id, startedMs: atMs, lastNumber, caller } = this;
    const { verb: _, ...of } = this.request;
    const { grant = null } = caller;
    return grant === null ? null : { name: 'redrive_begun', id, atMs, ...of, lastNumber, grant };
  }

  /** What is journaled of how far it is. */
  went(): RedriveWent {
    const { id, state, endedBy, endedMs, place, count, failures, failuresTold } = this;
    this.isChanged = false;
    this.failuresTold = failures.length;
    const reasons = REDRIVE_WHYS.map((why) => this.reasons.get(why) ?? 0);
    const fresh = failures.slice(failuresTold);
    return { name: 'redrive_went', id, state, endedBy, endedMs, place, moved: count.moved, reasons, failures: fresh };
  }

  /** As it was journaled. */
  take({ state, endedBy, endedMs, place, moved, reasons, failures }: RedriveWent): void {
    Object.assign(this, { state, endedBy, endedMs, place, failuresTold: failures.length });
    this.failures.push(...failures);
    this.count.moved = moved;
    for (const [i, why] of REDRIVE_WHYS.entries()) this.add(why, reasons[i] ?? 0);
  }

  tell(msgId: string, why: RedriveWhy): void {
    this.add(why, 1);
    if (this.failures.length < FAILURES_MAX) this.failures.push({ msgId, why });
  }

  private add(why: RedriveWhy, count: number): void {
    if (count === 0) return;
    this.count[why === 'redrives_spent' || why === 'not_dead_lettered' ? 'skipped' : 'failed'] += count;
    this.reasons.set(why, (this.reasons.get(why) ?? 0) + count);
  }
}

/**
 * Redrives as tasks (DL5): asked for once, they go on by themselves, at a rate or a step at a time, tell how far they are and why something
 * was not moved, and can be cancelled or tried dry. They end with their capability and their shard's fall; what they moved stays moved. Where
 * the journal outlives a process they go on with the next one.
 */
export class Redrives {
  private readonly spine: Spine;
  private readonly tasks = new Map<string, Redrive>();
  private readonly running = new Set<Redrive>();
  /** Those that are journaled. */
  private readonly kept = new WeakSet<Redrive>();
  private made = 0;

  constructor(spine: Spine) {
    this.spine = spine;
  }

  start(request: RedriveRequest, caller: Caller, nowMs: number): Reply {
    const { spine } = this;
    const refusal = spine.admit(caller, request.topic, 0, nowMs);
    if (refusal !== null) return refusal;
    if (this.running.size >= RUNNING_MAX) return { outcome: 'saturated_redrives', retryAfterMs: RETRY_MS };
    if (!mayTenantTake(spine.limits, RUNNING_MAX, this.running.size, this.runningOf(spine.tenantOf(request.topic))))
      return { outcome: 'saturated_tenant', retryAfterMs: RETRY_MS };
    const shard = spine.shardFor(request.topic);
    spine.advance(shard, nowMs);
    const id = formatMsgId(Math.max(0, spine.instantOf(nowMs)), shard.shard, this.made++, 0);
    const task = new Redrive(id, request, detached(caller), nowMs, shard.lastNumber);
    this.remember(task);
    this.running.add(task);
    const begun = spine.outlives ? task.begun() : null;
    if (begun !== null) {
      this.kept.add(task);
      spine.commit.note(begun);
    }
    this.step(task, nowMs);
    this.note(task);
    return { outcome: 'ok', redrive: this.report(task) };
  }

  private runningOf(tenant: string): number {
    let count = 0;
    for (const { request } of this.running) if (this.spine.tenantOf(request.topic) === tenant) count++;
    return count;
  }

  private remember(task: Redrive): void {
    this.tasks.set(task.id, task);
    for (const [id, { state }] of this.tasks) {
      if (this.tasks.size <= REDRIVES_MAX) return;
      if (state !== 'running') this.tasks.delete(id);
    }
  }

  // ---- over restarts

  /** How far they are, for the next append; what came of them goes into the same one. */
  *changes(): Generator<ProcessFact> {
    for (const task of this.running) if (task.isChanged && this.kept.has(task)) yield task.went();
  }

  /** It has ended, or begun: that must be durable before anybody is told. */
  private note(task: Redrive): void {
    if (this.kept.has(task) && task.isChanged) this.spine.commit.note(task.went());
  }

  /** What the process before had begun; those that were not done go on. */
  restore(
    facts: readonly ProcessFact[],
    callerOf: (grant: Grant, topic: string) => Caller | null,
    nowMs: number,
  ): void {
    for (const fact of facts) {
      if (fact.name === 'redrive_begun') this.begun(fact, callerOf);
      if (fact.name === 'redrive_went') this.tasks.get(fact.id)?.take(fact);
    }
    for (const task of this.tasks.values()) {
      if (task.state !== 'running') continue;
      this.running.add(task);
      task.pace.resume(task.count.moved, nowMs);
      // Nobody stands behind it any more.
      if (!task.caller.isValid(nowMs)) this.end(task, 'ended', 'cap_auth', nowMs);
    }
  }

  private begun(fact: RedriveBegun, callerOf: (grant: Grant, topic: string) => Caller | null): void {
    const { name: _, id, lastNumber, atMs, grant, ...of } = fact;
    const caller = callerOf(grant, of.topic) ?? NOBODY;
    const task = new Redrive(id, { verb: 'redrive', ...of }, caller, atMs, lastNumber);
    this.remember(task);
    this.kept.add(task);
  }

  // ---- looked at

  /** How far it is; one of another topic is none. */
  has(id: string): boolean {
    return this.tasks.has(id);
  }

  show(id: string, caller: Caller, nowMs: number): Reply {
    return this.named(id, caller, nowMs, (task) => this.report(task));
  }

  cancel(id: string, caller: Caller, nowMs: number): Reply {
    return this.named(id, caller, nowMs, (task) => {
      if (task.state === 'running') this.end(task, 'cancelled', null, nowMs);
      return this.report(task);
    });
  }

  /** Whoever has the shard may know of it. */
  private elsewhere(id: string, nowMs: number): Reply | null {
    const { down } = this.spine;
    return down.why(shardOf(id)) === 'not_owner' ? down.refusal(shardOf(id), nowMs) : null;
  }

  private named(id: string, caller: Caller, nowMs: number, then: (task: Redrive) => RedriveReport): Reply {
    const retryAfterMs = caller.charge(0, nowMs);
    if (retryAfterMs > 0) return { outcome: 'quota', retryAfterMs };
    const task = this.tasks.get(id);
    if (task === undefined) return this.elsewhere(id, nowMs) ?? NOT_FOUND;
    if (!caller.allowsTopic(task.request.topic)) return { ...NOT_FOUND, outOfScope: true };
    // What it moved must be durable before anybody is told so.
    this.spine.shardFor(task.request.topic);
    return { outcome: 'ok', redrive: then(task) };
  }

  private report(task: Redrive): RedriveReport {
    const { id, request, state, count, endedBy, startedMs, endedMs, reasons, failures } = task;
    const at = (ms: number): string => timestampOf(this.spine.instantOf(ms));
    return {
      ...{ id, topic: request.topic, dryRun: request.dryRun, state, ...count, endedBy },
      ...{ reasons: Object.fromEntries(reasons), failures: [...failures] },
      startedAt: at(startedMs),
      endedAt: endedMs === null ? null : at(endedMs),
    };
  }

  // ---- time

  tick(nowMs: number): void {
    for (const task of this.running) {
      if (task.nextMs(nowMs) > nowMs) continue;
      this.spine.attempt(() => this.step(task, nowMs), undefined, task.caller);
    }
  }

  nextWakeMs(nowMs: number): number {
    let wakeMs = Number.POSITIVE_INFINITY;
    for (const task of this.running) wakeMs = Math.min(wakeMs, task.nextMs(nowMs));
    return wakeMs;
  }

  private step(task: Redrive, nowMs: number): void {
    task.isChanged = true;
    if (!task.caller.isValid(nowMs)) return this.end(task, 'ended', 'cap_auth', nowMs);
    const { spine } = this;
    const shard = spine.shardFor(task.request.topic);
    if (spine.down.has(shard.shard)) return this.end(task, 'ended', 'starting', nowMs);
    spine.advance(shard, nowMs);
    const allowed = task.pace.allowedBy(nowMs);
    for (const msgId of this.chosen(task, shard)) {
      if (msgId !== null) this.move(task, shard, msgId, nowMs);
      if (task.isFull) return this.end(task, 'done', null, nowMs);
      if (task.count.moved >= allowed) return;
    }
    if (this.isThrough(task, shard)) this.end(task, 'done', null, nowMs);
  }

  /** What one step tries; null for one that was looked at and is not asked for. */
  private *chosen(task: Redrive, shard: ShardState): Generator<string | null> {
    const { msgIds, topic, reason } = task.request;
    if (msgIds !== null) {
      for (let i = 0; i < STEP_MAX && task.place < msgIds.length; i++) yield msgIds[task.place++] as string;
      return;
    }
    const line = shard.topics.get(topic)?.dead;
    const some: [string, number, boolean][] = [];
    for (const message of line?.after(task.place) ?? []) {
      if (some.length >= STEP_MAX || message.ageNumber > task.lastNumber) break;
      some.push([message.msgId, message.ageNumber, reason === null || message.deadReason === reason]);
    }
    for (const [msgId, number, isAsked] of some) {
      task.place = number;
      yield isAsked ? msgId : null;
    }
  }

  private isThrough({ request, place, lastNumber }: Redrive, shard: ShardState): boolean {
    if (request.msgIds !== null) return place >= request.msgIds.length;
    const [next] = shard.topics.get(request.topic)?.dead.after(place) ?? [];
    return next === undefined || next.ageNumber > lastNumber;
  }

  private move(task: Redrive, shard: ShardState, msgId: string, nowMs: number): void {
    const message = shard.find(msgId);
    if (message === undefined || message.topic.name !== task.request.topic) return task.tell(msgId, 'not_found');
    const outcome = task.request.dryRun
      ? tryReprocess(shard, msgId, task.count.moved)
      : this.spine.run(shard, { name: 'reprocess', atMs: nowMs, msgId }, task.caller).outcome;
    if (outcome === 'not_found') task.tell(msgId, 'not_found');
    else if (outcome === 'skipped') {
      task.tell(msgId, message.state === 'dead_lettered' ? 'redrives_spent' : 'not_dead_lettered');
    } else if (outcome !== 'ok') task.tell(msgId, 'no_room');
    else task.count.moved++;
  }

  // ---- ends

  /** Ends those that `which` names. */
  endIf(
    which: (task: { readonly caller: Caller; readonly topic: string }) => boolean,
    why: Outcome,
    nowMs: number,
  ): void {
    for (const task of [...this.running]) {
      if (which({ caller: task.caller, topic: task.request.topic })) this.end(task, 'ended', why, nowMs);
    }
  }

  /** Nothing more is done here; those that are journaled go on with the next process, the others end. */
  leave(why: Outcome, nowMs: number): void {
    for (const task of [...this.running]) {
      if (!this.kept.has(task)) this.end(task, 'ended', why, nowMs);
      this.running.delete(task);
    }
  }

  private end(task: Redrive, state: RedriveReport['state'], why: Outcome | null, nowMs: number): void {
    task.state = state;
    task.endedBy = why;
    task.endedMs = nowMs;
    task.isChanged = true;
    this.running.delete(task);
    this.note(task);
  }
}

/** The caller, without the exchange that brought it. */
function detached(caller: Caller): Caller {
  const { cause } = caller;
  return {
    allowsTopic: (topic) => caller.allowsTopic(topic),
    charge: (bytes, nowMs) => caller.charge(bytes, nowMs),
    isValid: (nowMs) => caller.isValid(nowMs),
    grant: caller.grant ?? null,
    ...(cause === undefined ? {} : { cause }),
  };
}

const NOBODY: Caller = { allowsTopic: () => false, charge: () => 0, isValid: () => false };
