import { EngineJournal } from '../../src/cluster/engine-journal.ts';
import { OneStatement } from '../../src/cluster/one-statement.ts';
import { blake3 } from '../../src/integrity/blake3.ts';
import { Appending } from '../../src/node/appending.ts';
import { systemRandom } from '../../src/platform/system.ts';
import type { Batch, Claim, Unclaimed } from '../../src/ports/journal.ts';
import { isClaim } from '../../src/ports/journal.ts';
import { PostgresEngine, type PostgresOptions } from '../../src/postgres/engine.ts';
import { LIMITS } from './journal.ts';

export interface ProcessOptions extends PostgresOptions {
  readonly shards: number;
  /** Logs of its own begin there: another number for each node. */
  readonly node: number;
  readonly requiresReplica?: boolean;
  readonly acceptsLoss?: readonly number[];
}
const numberOf = ({ facts }: Batch): number => (facts[0] as { serviceMs: number }).serviceMs;

/** What a mailbox process does about its logs, the shipped parts of it: it claims, renews, appends numbers, and drives each append to its end. */
export class PostgresProcess {
  readonly engine: PostgresEngine;
  readonly journal: EngineJournal;
  /** By shard: what was answered, and what became of it besides. */
  readonly answered: number[][];
  readonly seen: string[] = [];
  private readonly claims = new Map<number, { readonly claim: Claim; readonly appends: Appending }>();
  private readonly idle = new Map<number, () => void>();

  static async start(options: ProcessOptions): Promise<PostgresProcess> {
    const engine = await PostgresEngine.open(options);
    const answersWithinMs = options.answersWithinMs ?? 5_000;
    return new Promise((resolve, reject) => {
      EngineJournal.open(
        {
          ...{ engine: new OneStatement(engine), owner: `node${options.node}.${systemRandom.token(8)}` },
          ...{ secret: { salt: engine.cluster.salt, hash: blake3 }, timers: globalThis, answersWithinMs },
          ...{
            shards: options.shards,
            processLog: options.shards + options.node,
            monotonicMs: () => performance.now(),
          },
          requiresReplica: options.requiresReplica ?? true,
          ...(options.acceptsLoss === undefined ? {} : { acceptsLoss: options.acceptsLoss }),
        },
        (opened) => {
          if (!(opened instanceof Error)) return resolve(new PostgresProcess(engine, opened));
          engine.close();
          reject(opened);
        },
      );
    });
  }

  private constructor(engine: PostgresEngine, journal: EngineJournal) {
    this.engine = engine;
    this.journal = journal;
    this.answered = Array.from({ length: journal.shards }, () => []);
  }

  /** @throws Error where it is not ours */
  async claim(shard: number): Promise<void> {
    const result = await new Promise<Claim | Unclaimed>((resolve) => this.journal.claim(shard, LIMITS, resolve));
    if (!isClaim(result)) throw result.error;
    const over = (what: string): void => {
      this.seen.push(`${shard} ${what}`);
      this.claims.delete(shard);
      this.idle.get(shard)?.();
    };
    const appends = new Appending({
      ...{ log: result.log, random: systemRandom, timers: globalThis as never },
      clock: { nowMs: () => performance.now(), wallMs: () => 0 },
      events: {
        durable: (batches) => {
          this.answered[shard]?.push(...batches.map(numberOf));
          this.idle.get(shard)?.();
        },
        unsure: () => this.seen.push(`${shard} unsure`),
        sure: () => this.seen.push(`${shard} sure`),
        lost: (why) => over(`lost: ${why}`),
        failed: ({ message }) => over(`failed: ${message}`),
        halted: () => over('halted'),
      },
    });
    this.claims.set(shard, { claim: result, appends });
  }

  /** Resolves when it has come to its end, whichever. */
  append(shard: number, number: number): Promise<void> {
    const found = this.claims.get(shard);
    if (found === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      this.idle.set(shard, resolve);
      found.appends.append([{ shard: null, facts: [{ name: 'clocks', serviceMs: number, wallMs: number }] }]);
    });
  }

  get owned(): number {
    return this.claims.size;
  }

  /** Nothing goes on by itself; what is under way may still go in. */
  stop(): void {
    for (const { appends } of this.claims.values()) appends.stop();
    this.journal.close();
    this.engine.close();
    for (const wake of this.idle.values()) wake();
  }
}
