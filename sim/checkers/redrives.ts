import type { MessageFact } from '../../src/core/facts.ts';
import { FAILURES_MAX, type ProcessFact, REDRIVES_MAX } from '../../src/ports/process-facts.ts';
import type { RedriveNamedRequest, RedriveReport, RedriveRequest, Reply } from '../../src/service/messages.ts';
import type { Ask } from '../call.ts';
import type { Capability } from '../capabilities.ts';
import type { NodeClock } from '../clock.ts';
import { type AuthorityChecker, allowsTopic } from './authority.ts';
import { Breach } from './breach.ts';
import type { Expected } from './expected.ts';

/** A redrive that a client was told of. */
interface Task {
  readonly ask: RedriveRequest;
  readonly capability: Capability;
  readonly startedMs: number;
  /** Processes that had begun by then. */
  readonly starts: number;
  /** As it was told last. */
  last: RedriveReport;
  /** What it had moved when it was first seen that its capability has ended; null while it has not. */
  endedWith: number | null;
  readonly asker: Asker | null;
}

/** Whoever asked for dead letters of a topic to be put back, bit by bit. */
interface Asker {
  readonly topic: string;
  readonly capability: Capability;
  /** What died later it does not put back, unless it names it. */
  readonly untilMs: number;
}

const sumOf = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);
const must = (holds: boolean, why: string): void => {
  if (!holds) throw new Breach('DL5', why);
};

/**
 * Redrives as tasks (DL5): what is told of one only grows, is never more than was asked for, outlives the process, and is told to nobody
 * who may not know of it; nothing is put back when the capability behind it has ended.
 */
export class RedrivesChecker {
  private readonly authority: AuthorityChecker;
  private readonly clock: NodeClock;
  /** They go on with the next process; where somebody else verifies capabilities they do not. */
  private readonly isKept: boolean;
  private readonly tasks = new Map<string, Task>();
  private readonly askers = new Set<Asker>();
  /** Whoever asks just now. */
  private asking: Asker | null = null;
  /** Failures that are journaled, by redrive. */
  private readonly journaled = new Map<string, number>();
  private starts = 0;
  private falls = 0;

  constructor(authority: AuthorityChecker, clock: NodeClock, isKept: boolean) {
    this.authority = authority;
    this.clock = clock;
    this.isKept = isKept;
  }

  restarted(): void {
    this.starts++;
  }

  fell(): void {
    this.falls++;
  }

  /** By the clock of the wall, which was set, capabilities may have counted again meanwhile. */
  wallSet(): void {
    for (const task of this.tasks.values()) task.endedWith = null;
  }

  // ---- what is asked

  /** Such a request came: what it asks for may go on from here, whatever becomes of the process. */
  asked(ask: Ask, capability: Capability): void {
    this.asking = null;
    if (ask.verb !== 'redrive' && ask.verb !== 'reprocess') return;
    const isLong = ask.verb === 'redrive' ? !ask.dryRun : ask.ratePerS !== null;
    if (!isLong || !allowsTopic(capability, ask.topic)) return;
    // A reprocess names at once what it will put back, and that may have died again by then.
    const isOpen = ask.verb === 'redrive' && ask.msgIds === null;
    const untilMs = isOpen ? this.clock.nowMs() : Number.POSITIVE_INFINITY;
    this.asking = { topic: ask.topic, capability, untilMs };
    this.askers.add(this.asking);
  }

  /** It is over, and puts nothing back any more. */
  private leave({ state }: RedriveReport, asker: Asker | null): void {
    if (state !== 'running' && asker !== null) this.askers.delete(asker);
  }

  begun(ask: RedriveRequest, capability: Capability, step: readonly MessageFact[]): Expected {
    const moves = step.some(({ name }) => name === 'reprocessed');
    must(!ask.dryRun || !moves, 'a dry run puts a dead letter back');
    const { starts } = this;
    const startedMs = this.clock.nowMs();
    const asker = this.asking;
    const seen = ({ redrive }: Reply): string | null => {
      if (redrive === undefined) return 'it tells nothing';
      if (redrive.topic !== ask.topic || redrive.dryRun !== ask.dryRun) return 'it tells of another';
      const task = { ask, capability, startedMs, starts, last: redrive, endedWith: null, asker };
      this.leave(redrive, asker);
      this.tasks.set(redrive.id, task);
      return tooMuch(task, redrive, startedMs, starts);
    };
    return { rule: 'DL5', outcomes: ['ok', 'saturated_redrives'], seen };
  }

  /** How far one is, or its end. */
  named({ verb, id }: RedriveNamedRequest, capability: Capability, isDraining: boolean): Expected {
    const task = this.tasks.get(id);
    if (task === undefined) return { rule: 'DL5', outcomes: ['ok', 'not_found'] };
    if (!allowsTopic(capability, task.ask.topic)) return { rule: 'LE3', outcomes: ['not_found'] };
    const isLost = !this.isKept && task.starts < this.starts;
    const isForgotten = this.tasks.size > REDRIVES_MAX;
    const nowMs = this.clock.nowMs();
    const { starts, falls } = this;
    const hasEnded = this.isKept && this.authority.against(task.capability) !== null;
    const isRevoked = this.authority.isRevoked(task.capability.nonce) && !isDraining;
    const seen = ({ redrive }: Reply): string | null => {
      if (redrive === undefined || redrive.id !== id) return 'it tells of another';
      if (verb === 'redrive_cancel' && redrive.state === 'running') return 'it was cancelled, and is running';
      if (isRevoked && redrive.state === 'running') return 'its capability is revoked, and it is running';
      if (redrive.endedBy === 'draining' && this.isKept) return 'it ended with a drain, and is to go on';
      if (redrive.endedBy === 'starting' && falls === 0) return 'it ended with a shard, and none fell';
      const wrong = tooMuch(task, redrive, nowMs, starts) ?? lessThan(redrive, task.last);
      task.last = redrive;
      this.leave(redrive, task.asker);
      task.endedWith = hasEnded ? (task.endedWith ?? redrive.moved) : null;
      const goesOn = task.endedWith !== null && redrive.moved > task.endedWith;
      return goesOn ? `${task.endedWith} were moved when its capability had ended, and now ${redrive.moved}` : wrong;
    };
    return { rule: 'DL5', outcomes: isLost || isForgotten ? ['ok', 'not_found'] : ['ok'], seen };
  }

  // ---- what is done

  /** A dead letter was put back, and nobody asks for it just now: somebody must have before. Another's word may count for longer. @throws Breach */
  putBack(topic: string | undefined, deadAtMs: number): void {
    if (!this.isKept) return;
    const isAskedFor = [...this.askers].some(
      ({ topic: its, capability, untilMs }) =>
        its === topic && deadAtMs <= untilMs && this.authority.against(capability) === null,
    );
    must(isAskedFor, 'put back, and nobody asked for it whose capability still counts');
  }

  /** What the process keeps of itself is durable. @throws Breach */
  noted(facts: readonly ProcessFact[]): void {
    for (const fact of facts) {
      if (fact.name !== 'redrive_went') continue;
      const told = (this.journaled.get(fact.id) ?? 0) + fact.failures.length;
      this.journaled.set(fact.id, told);
      must(told <= sumOf(fact.reasons), `${told} failures are journaled of ${sumOf(fact.reasons)}`);
    }
  }
}

/** What is more than was asked for, or than there can be; null for nothing. */
function tooMuch(task: Task, report: RedriveReport, nowMs: number, starts: number): string | null {
  const { limit, ratePerS } = task.ask;
  const { moved, skipped, failed, failures } = report;
  if (moved > limit) return `${moved} are moved of ${limit}`;
  if (failures.length !== Math.min(FAILURES_MAX, skipped + failed))
    return `${failures.length} failures are told of ${skipped + failed}`;
  if (ratePerS === null) return null;
  // One at once, with each process anew.
  const most = 1 + starts - task.starts + Math.floor(((nowMs - task.startedMs) * ratePerS) / 1000);
  return moved > most ? `${moved} are moved, and by its rate ${most} may be` : null;
}

/** What was told before and is taken back; null for nothing. */
function lessThan(now: RedriveReport, before: RedriveReport): string | null {
  for (const count of ['moved', 'skipped', 'failed'] as const)
    if (now[count] < before[count]) return `${before[count]} were ${count}, and now ${now[count]}`;
  if (before.state === 'running') return null;
  const says = ({ state, endedBy, moved, skipped, failed }: RedriveReport): string =>
    [state, endedBy, moved, skipped, failed].join(' ');
  return says(now) === says(before) ? null : `it was over, ${says(before)}, and now ${says(now)}`;
}
