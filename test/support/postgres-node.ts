import { freshKey, Keyring } from '../../src/auth/keyring.ts';
import { EngineClock } from '../../src/cluster/engine-clock.ts';
import { EngineJournal } from '../../src/cluster/engine-journal.ts';
import { OneStatement } from '../../src/cluster/one-statement.ts';
import { blake3 } from '../../src/integrity/blake3.ts';
import { integrity } from '../../src/integrity/hash-chain.ts';
import { claimAll } from '../../src/node/claim-all.ts';
import { MailboxNode } from '../../src/node/node.ts';
import { systemRandom, systemTime } from '../../src/platform/system.ts';
import type { Timers } from '../../src/ports/clock.ts';
import { PostgresEngine, type PostgresOptions } from '../../src/postgres/engine.ts';
import { UNBOUNDED } from '../../src/service/memory-budget.ts';
import type { Caller, Reply, Request } from '../../src/service/messages.ts';
import { limitsOf } from './shard.ts';

const everyone: Caller = { allowsTopic: () => true, charge: () => 0, isValid: () => true };
const keyring = new Keyring([freshKey('k1', Date.now())]);
/** So that snapshots are made while it is looked at. */
const SNAPSHOT_BYTES = 20_000;
const AGAIN_MS = 100;
const LIMITS = limitsOf({ maxAttempts: 1_000, shardCapacity: 10_000 });

export interface NodeOptions extends PostgresOptions {
  readonly shards: number;
  readonly number: number;
}

/** The machine of one shipped node on a real engine, whose processes come one after the other. */
export class PostgresNode {
  readonly seen = new Map<string, number>();
  private readonly options: NodeOptions;
  private process = 0;
  private engine: PostgresEngine | null = null;
  private journal: EngineJournal | null = null;
  private node: MailboxNode | null = null;
  private wakeTimer: NodeJS.Timeout | undefined;

  constructor(options: NodeOptions) {
    this.options = options;
    this.start();
  }

  private note(what: string): void {
    this.seen.set(what, (this.seen.get(what) ?? 0) + 1);
  }

  /** What is of this process is not heard by the next. */
  private own<Args extends unknown[]>(run: (...args: Args) => void): (...args: Args) => void {
    const { process } = this;
    return (...args) => {
      if (process === this.process) run(...args);
    };
  }

  private readonly timers: Timers = {
    setTimeout: (run, ms) => setTimeout(this.own(run), ms),
    clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
  };

  private start(): void {
    this.process++;
    const again = this.own(() => this.timers.setTimeout(() => this.open(), AGAIN_MS));
    this.open = this.own(() => {
      const opened = this.own((engine: PostgresEngine) => this.use(engine, again));
      PostgresEngine.open(this.options).then(opened, again);
    });
    this.open();
  }
  private open: () => void = () => {};

  private use(engine: PostgresEngine, again: () => void): void {
    const { shards, number } = this.options;
    this.engine = engine;
    const clock = new EngineClock({ monotonicMs: systemTime.monotonicMs, wallMs: systemTime.wallMs });
    EngineJournal.open(
      {
        ...{ engine: new OneStatement(engine), owner: `node${number}.${systemRandom.token(8)}`, shards },
        ...{ secret: { salt: engine.cluster.salt, hash: blake3 }, processLog: shards + number, answersWithinMs: 1_000 },
        ...{ timers: this.timers, monotonicMs: systemTime.monotonicMs, snapshotBytes: SNAPSHOT_BYTES },
        requiresReplica: false,
        events: {
          heard: (time) => clock.measured(time),
          lapsed: this.own(() => this.node?.wake()),
          snapshot: this.own((_log: number, error: Error | null) =>
            this.note(error === null ? 'snapshot' : 'no snapshot'),
          ),
        },
      },
      this.own((journal) => {
        if (!(journal instanceof Error)) return this.claim(journal, clock);
        // The lease of the process before may still run.
        engine.close();
        again();
      }),
    );
  }

  private claim(journal: EngineJournal, clock: EngineClock): void {
    this.journal = journal;
    claimAll(
      journal,
      LIMITS,
      this.own((claims) => this.serve(journal, claims, clock)),
    );
  }

  private serve(
    journal: EngineJournal,
    claims: Parameters<Parameters<typeof claimAll>[2]>[0],
    clock: EngineClock,
  ): void {
    const node = new MailboxNode({
      ...{
        journal,
        claims,
        clock,
        timers: this.timers,
        random: systemRandom,
        overwrites: false,
        integrity,
        authority: {},
      },
      settings: { limits: LIMITS, streamsMax: 4, memory: UNBOUNDED, cacheTtlMs: 1_000, keyring },
      observer: {
        fact: () => {},
        failed: () => {
          this.note('failed');
          this.kill();
        },
        unsure: (_shards, error) => this.note(error === null ? 'sure' : 'unsure'),
        gaveUp: (_shards, why) => this.note(`gave up: ${why}`),
        revived: () => this.note('revived'),
      },
      wakeAt: (atMs) => {
        clearTimeout(this.wakeTimer);
        this.wakeTimer = setTimeout(
          this.own(() => this.node?.wake()),
          Math.max(0, atMs - clock.nowMs()),
        );
      },
    });
    this.node = node;
    node.open(() => this.note('opened'));
  }

  /** Null when no process serves, or it dies first. */
  ask(request: Request): Promise<Reply | null> {
    const { node } = this;
    if (node === null) return Promise.resolve(null);
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(null), 15_000);
      const done = (reply: Reply | null): void => {
        clearTimeout(timer);
        resolve(reply);
      };
      this.died.push(() => done(null));
      node.service.request(request, everyone, node.clock.nowMs(), this.own(done));
      node.wake();
    });
  }
  private died: (() => void)[] = [];

  /** The next process begins at once. */
  kill(): void {
    this.stop();
    this.start();
  }

  stop(): void {
    this.process++;
    clearTimeout(this.wakeTimer);
    this.node?.stop();
    this.node = null;
    this.journal?.close();
    this.engine?.close();
    for (const tell of this.died.splice(0)) tell();
  }
}
