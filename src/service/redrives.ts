import type { Outcome } from '../../spec/vocabulary.ts';
import { formatMsgId } from '../core/msg-id.ts';
import type { ShardState } from '../core/state.ts';
import { timestampOf } from '../integrity/timestamp.ts';
import { tryReprocess } from './dry-run.ts';
import type { Caller, RedriveReport, RedriveRequest, RedriveWhy, Reply } from './messages.ts';
import type { Spine } from './spine.ts';

/** Redrives that may go on at once, and those that are remembered after their end. */
const RUNNING_MAX = 16;
const REMEMBERED_MAX = 64;
/** Dead letters that one step looks at, so that none holds the others up. */
const STEP_MAX = 256;
/** Failures that are told one by one; the others are counted. */
const FAILURES_MAX = 100;
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
  /** Of a list: how many of it were tried. Of a topic: the number of the last dead letter that was looked at. */
  place = 0;
  /** Those that died later are not part of it: it would never end. */
  readonly lastNumber: number;

  constructor(id: string, request: RedriveRequest, caller: Caller, nowMs: number, lastNumber: number) {
    this.id = id;
    this.request = request;
    this.caller = caller;
    this.startedMs = nowMs;
    this.lastNumber = lastNumber;
  }

  get isFull(): boolean {
    return this.count.moved >= this.request.limit;
  }

  /** How many may have been moved by then. */
  allowedBy(nowMs: number): number {
    const { ratePerS } = this.request;
    return ratePerS === null ? Number.POSITIVE_INFINITY : 1 + Math.floor(((nowMs - this.startedMs) * ratePerS) / 1000);
  }

  /** When the next one may be moved. */
  nextMs(nowMs: number): number {
    const { ratePerS } = this.request;
    return ratePerS === null ? nowMs : this.startedMs + Math.ceil((this.count.moved * 1000) / ratePerS);
  }

  tell(msgId: string, why: RedriveWhy): void {
    this.count[why === 'redrives_spent' || why === 'not_dead_lettered' ? 'skipped' : 'failed']++;
    this.reasons.set(why, (this.reasons.get(why) ?? 0) + 1);
    if (this.failures.length < FAILURES_MAX) this.failures.push({ msgId, why });
  }
}

/**
 * Redrives as tasks (DL5): asked for once, they go on by themselves, at a rate or a step at a time, tell how far they are and why something
 * was not moved, and can be cancelled or tried dry. They end with their capability, their shard's fall and the process; what they moved
 * stays moved.
 */
export class Redrives {
  private readonly spine: Spine;
  private readonly tasks = new Map<string, Redrive>();
  private readonly running = new Set<Redrive>();
  private made = 0;

  constructor(spine: Spine) {
    this.spine = spine;
  }

  start(request: RedriveRequest, caller: Caller, nowMs: number): Reply {
    const { spine } = this;
    const refusal = spine.admit(caller, request.topic, 0, nowMs);
    if (refusal !== null) return refusal;
    if (this.running.size >= RUNNING_MAX) return { outcome: 'saturated_redrives', retryAfterMs: RETRY_MS };
    const shard = spine.shardFor(request.topic);
    spine.advance(shard, nowMs);
    const id = formatMsgId(Math.max(0, spine.instantOf(nowMs)), shard.shard, this.made++, 0);
    const task = new Redrive(id, request, detached(caller), nowMs, shard.lastNumber);
    this.remember(task);
    this.running.add(task);
    this.step(task, nowMs);
    return { outcome: 'ok', redrive: this.report(task) };
  }

  private remember(task: Redrive): void {
    this.tasks.set(task.id, task);
    for (const [id, { state }] of this.tasks) {
      if (this.tasks.size <= REMEMBERED_MAX) return;
      if (state !== 'running') this.tasks.delete(id);
    }
  }

  /** How far it is; one of another topic is none. */
  show(id: string, caller: Caller, nowMs: number): Reply {
    return this.named(id, caller, nowMs, (task) => this.report(task));
  }

  cancel(id: string, caller: Caller, nowMs: number): Reply {
    return this.named(id, caller, nowMs, (task) => {
      if (task.state === 'running') this.end(task, 'cancelled', null, nowMs);
      return this.report(task);
    });
  }

  private named(id: string, caller: Caller, nowMs: number, then: (task: Redrive) => RedriveReport): Reply {
    const retryAfterMs = caller.charge(0, nowMs);
    if (retryAfterMs > 0) return { outcome: 'quota', retryAfterMs };
    const task = this.tasks.get(id);
    if (task === undefined) return NOT_FOUND;
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
    if (!task.caller.isValid(nowMs)) return this.end(task, 'ended', 'cap_auth', nowMs);
    const { spine } = this;
    const shard = spine.shardFor(task.request.topic);
    if (spine.down.has(shard.shard)) return this.end(task, 'ended', 'starting', nowMs);
    spine.advance(shard, nowMs);
    const allowed = task.allowedBy(nowMs);
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

  private end(task: Redrive, state: RedriveReport['state'], why: Outcome | null, nowMs: number): void {
    task.state = state;
    task.endedBy = why;
    task.endedMs = nowMs;
    this.running.delete(task);
  }
}

/** The caller, without the exchange that brought it. */
function detached(caller: Caller): Caller {
  const { cause } = caller;
  return {
    allowsTopic: (topic) => caller.allowsTopic(topic),
    charge: (bytes, nowMs) => caller.charge(bytes, nowMs),
    isValid: (nowMs) => caller.isValid(nowMs),
    ...(cause === undefined ? {} : { cause }),
  };
}
