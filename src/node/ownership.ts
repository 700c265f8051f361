import type { Limits } from '../core/limits.ts';
import type { Clock, Timers } from '../ports/clock.ts';
import type { Batch } from '../ports/journal.ts';
import { type Claim, isClaim, type JournalBackend, type Log, type Unclaimed } from '../ports/journal.ts';
import type { Random } from '../ports/random.ts';
import type { WhyDown } from '../service/down-shards.ts';
import { Appending, UNSURE_MS_MAX } from './appending.ts';

/** What the process makes of it. `shards`: those that are in the log. */
interface OwnershipEvents {
  durable(log: number, batches: readonly Batch[]): void;
  unsure(shards: readonly number[], error: Error): void;
  sure(shards: readonly number[]): void;
  /** They are not ours any more, or will not be: they can be claimed again, unless they are halted. */
  gaveUp(log: number, shards: readonly number[], why: WhyDown, error: Error): void;
  /** The log of the process is gone, and the process with it. */
  failed(error: Error): void;
}

/** Why a shard is not ours any more, where that was meant. */
export class HandedOver extends Error {}

interface Parts {
  readonly journal: JournalBackend;
  readonly claims: readonly (Claim | Unclaimed)[];
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly events: OwnershipEvents;
}

/** Which shards of the journal are ours, and what becomes of what is appended for them. What fails fails for a log. */
export class Ownership {
  private readonly parts: Parts;
  private readonly claims: (Claim | null)[];
  /** By number of log. */
  private readonly appending = new Map<number, { readonly log: Log; readonly appends: Appending }>();
  private readonly halted = new Set<number>();

  constructor(parts: Parts) {
    this.parts = parts;
    this.claims = parts.claims.map((result) => (isClaim(result) ? result : null));
    this.use(parts.journal.processLog);
    for (const claim of this.claims) if (claim !== null) this.use(claim.log);
  }

  /** Those that were not to be had when the process began. */
  get refused(): readonly Unclaimed[] {
    return this.parts.claims.filter((result): result is Unclaimed => !isClaim(result));
  }

  termOf(shard: number): number | null {
    return this.claims[shard]?.log.term ?? null;
  }

  append(batches: readonly Batch[], log: number): void {
    const found = this.appending.get(log);
    if (found === undefined) throw new Error(`node: log ${log} is not ours`);
    found.appends.append(batches);
  }

  /** Lets the shard go and claims it again. Nothing of it may be under way. Calls back once. */
  claimAgain(shard: number, limits: Limits, done: (result: Claim | Unclaimed) => void): void {
    const { journal } = this.parts;
    if (this.halted.has(journal.logOf(shard))) {
      return done({ shard, why: 'unreadable', error: new Error(`shard ${shard} is halted`) });
    }
    this.release(shard);
    journal.claim(shard, limits, (result) => {
      if (isClaim(result)) {
        this.claims[shard] = result;
        this.use(result.log);
      }
      done(result);
    });
  }

  /** Those whose time is over: what is under way is waited for no more. */
  lapse(): void {
    for (const shard of this.parts.journal.lapsed?.() ?? []) {
      const number = this.parts.journal.logOf(shard);
      const found = this.appending.get(number);
      if (found === undefined || this.claims[shard] === null) continue;
      found.appends.stop();
      this.giveUp(found.log, this.shardsIn(number), 'not_owner', new Error(`the lease of shard ${shard} is over`));
    }
  }

  /** Nothing of it is under way, and nothing more is admitted: somebody else is to have it. */
  handOver(shard: number): void {
    const log = this.claims[shard]?.log;
    if (log === undefined) return;
    this.appending.get(log.number)?.appends.stop();
    this.giveUp(log, this.shardsIn(log.number), 'not_owner', new HandedOver(`shard ${shard} is handed over`));
  }

  stop(): void {
    for (const { appends } of this.appending.values()) appends.stop();
  }

  private release(shard: number): void {
    const claim = this.claims[shard];
    this.claims[shard] = null;
    claim?.release();
  }

  private use(log: Log): void {
    const { clock, timers, random, events } = this.parts;
    const before = this.appending.get(log.number);
    if (before?.log === log) return;
    before?.appends.stop();
    const shards = this.shardsIn(log.number);
    const appends = new Appending({
      ...{ log, clock, timers, random },
      // One without shards is this process's alone: whoever began anew would only wait for the same engine.
      unsureMsMax: shards.length === 0 ? Number.POSITIVE_INFINITY : UNSURE_MS_MAX,
      events: {
        durable: (batches) => events.durable(log.number, batches),
        unsure: (error) => events.unsure(shards, error),
        sure: () => events.sure(shards),
        lost: (why, error) => this.giveUp(log, shards, why === 'foreign' ? 'not_owner' : 'unsure', error),
        failed: (error) => this.giveUp(log, shards, 'fallen', error),
        halted: (error) => {
          this.halted.add(log.number);
          this.giveUp(log, shards, 'halted', error);
        },
      },
    });
    this.appending.set(log.number, { log, appends });
  }

  private giveUp(log: Log, shards: readonly number[], why: WhyDown, error: Error): void {
    const { journal, events } = this.parts;
    if (log.number === journal.processLog.number) return events.failed(error);
    this.appending.delete(log.number);
    for (const shard of shards) this.release(shard);
    events.gaveUp(log.number, shards, why, error);
  }

  private shardsIn(log: number): readonly number[] {
    const { journal } = this.parts;
    return Array.from({ length: journal.shards }, (_, shard) => shard).filter((shard) => journal.logOf(shard) === log);
  }
}
