import { advance } from '../../../src/core/advance.ts';
import type { Command } from '../../../src/core/commands.ts';
import { due } from '../../../src/core/due.ts';
import { execute } from '../../../src/core/execute.ts';
import type { ShardState } from '../../../src/core/state.ts';
import type { Batch } from '../../../src/ports/journal.ts';
import {
  type AppendEnd,
  type Claim,
  isClaim,
  type JournalBackend,
  type Log,
  type Unclaimed,
} from '../../../src/ports/journal.ts';
import type { ProcessFact } from '../../../src/ports/process-facts.ts';
import { digestOf, LIMITS, takenOver } from '../../support/journal.ts';
import type { Place } from './backends.ts';

/** A process on a journal: it claims all shards, says so, decides and appends, one append a log at a time. */
export class Owner {
  readonly place: Place;
  readonly journal: JournalBackend;
  readonly claims: Claim[] = [];
  nowMs: number;

  private constructor(place: Place, journal: JournalBackend, nowMs: number) {
    this.place = place;
    this.journal = journal;
    this.nowMs = nowMs;
  }

  static async open(place: Place, nowMs = 1_000_000): Promise<Owner> {
    return new Owner(place, await place.open(), nowMs);
  }

  /** Takes over: what a process appends first is `started` in its own log and `recovered` in each shard that was there. */
  static async start(place: Place, nowMs?: number): Promise<Owner> {
    const owner = await Owner.open(place, nowMs);
    for (let shard = 0; shard < owner.journal.shards; shard++) owner.claims[shard] = await owner.mustClaim(shard);
    const { term } = owner.journal.processLog;
    const batches = takenOver(owner.states, term ?? 1, owner.nowMs, LIMITS);
    await owner.durably(term === null ? batches.slice(1) : batches);
    return owner;
  }

  get states(): ShardState[] {
    return this.claims.map(({ state }) => state);
  }

  async claim(shard: number): Promise<Claim | Unclaimed> {
    const results: (Claim | Unclaimed)[] = [];
    this.journal.claim(shard, LIMITS, (result) => results.push(result));
    await this.place.until(() => results.length > 0);
    return results[0] as Claim | Unclaimed;
  }

  async mustClaim(shard: number): Promise<Claim> {
    const result = await this.claim(shard);
    if (!isClaim(result)) throw result.error;
    return result;
  }

  /** The shard is let go and claimed again. */
  async again(shard: number): Promise<ShardState> {
    this.claims[shard]?.release();
    const claim = await this.mustClaim(shard);
    this.claims[shard] = claim;
    return claim.state;
  }

  /** Decides, as a service does: what is due first. Nothing is appended yet. */
  decide(shard: number, command: Command): Batch {
    const state = (this.claims[shard] as Claim).state;
    advance(state, command.atMs);
    const facts = [];
    for (let next = due(state, 0); next !== null; next = due(state, 0)) facts.push(...execute(state, next).facts);
    facts.push(...execute(state, command).facts);
    return { shard, facts };
  }

  private logOf({ shard }: Batch): Log {
    return shard === null ? this.journal.processLog : (this.claims[shard] as Claim).log;
  }

  /** Appends, in as many appends as there are logs; how each ended, the answers counted. */
  begin(batches: readonly Batch[]): { readonly ends: AppendEnd[]; readonly logs: number } {
    const clocks: Batch = { shard: null, facts: [{ name: 'clocks', serviceMs: this.nowMs, wallMs: this.nowMs + 5 }] };
    const parts = new Map<number, { log: Log; batches: Batch[] }>();
    for (const batch of batches.filter(({ facts }) => facts.length > 0)) {
      const log = this.logOf(batch);
      const part = parts.get(log.number) ?? { log, batches: [clocks] };
      part.batches.push(batch);
      parts.set(log.number, part);
    }
    const ends: AppendEnd[] = [];
    for (const part of parts.values()) part.log.append(part.batches, (end) => ends.push(end));
    return { ends, logs: parts.size };
  }

  async append(batches: readonly Batch[]): Promise<AppendEnd[]> {
    const { ends, logs } = this.begin(batches);
    await this.place.until(() => ends.length >= logs);
    return ends;
  }

  async durably(batches: readonly Batch[]): Promise<void> {
    for (const end of await this.append(batches)) if (end.end !== 'durable') throw new Error(end.end);
  }

  note(fact: ProcessFact): Batch {
    return { shard: null, facts: [fact] };
  }

  /** What each shard is, as of now. */
  digests(states: readonly ShardState[] = this.states): string[] {
    return states.map((state) => {
      advance(state, this.nowMs);
      return digestOf([state]);
    });
  }
}
