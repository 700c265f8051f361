import { createHash } from 'node:crypto';
import type { EngineClient, SimEngine } from '../../sim/engine.ts';
import { integrity } from '../../sim/integrity.ts';
import type { Stream } from '../../sim/random.ts';
import { freshKey, Keyring } from '../../src/auth/keyring.ts';
import { EngineJournal } from '../../src/cluster/engine-journal.ts';
import { OneStatement } from '../../src/cluster/one-statement.ts';
import { Sharing } from '../../src/cluster/sharing.ts';
import { claimAll } from '../../src/node/claim-all.ts';
import { MailboxNode } from '../../src/node/node.ts';
import type { Timers } from '../../src/ports/clock.ts';
import { UNBOUNDED } from '../../src/service/memory-budget.ts';
import type { Caller, Reply, Request } from '../../src/service/messages.ts';
import { limitsOf } from './shard.ts';

const START_MS = 1_800_000_000_000;
const everyone: Caller = { allowsTopic: () => true, charge: () => 0, isValid: () => true };
const secret = {
  salt: new Uint8Array(16),
  hash: (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest()),
};
const keyring = new Keyring([freshKey('k1', START_MS)]);

/** What becomes of its leases: they are renewed; or are not, and are given up in time; or nobody minds that they are over. */
export const KEEPS = ['renewed', 'given up', 'overstayed'] as const;
export type Keeps = (typeof KEEPS)[number];
/** So that snapshots are made all the time. */
const SNAPSHOT_BYTES = 3_000;

interface EngineNodeOptions {
  /** Appends of several shards share a statement. */
  readonly gathers: boolean;
  readonly keeps: Keeps;
  /** Nodes find out who is to have what, and do not take all they can. */
  readonly shares?: boolean;
  /** Most worlds find out what comes of an engine without a standby, and begin on one. */
  readonly requiresReplica?: boolean;
}

/** The machine of one shipped node, whose processes come one after the other, on a simulated engine that others share. */
export class EngineNode {
  readonly name: string;
  readonly client: EngineClient;
  /** What its processes were seen to do about their shards. */
  readonly seen = new Map<string, number>();
  private readonly engine: SimEngine;
  private readonly random: Stream;
  private readonly number: number;
  private readonly shards: number;
  private readonly gathers: boolean;
  private readonly keeps: Keeps;
  private process = 0;
  private readonly shares: boolean;
  private readonly requiresReplica: boolean;
  private node: MailboxNode | null = null;
  private journal: EngineJournal | null = null;
  private sharing: Sharing | null = null;
  private isOpen = false;
  private isStarting = false;
  private dueMs = Number.POSITIVE_INFINITY;

  constructor(
    engine: SimEngine,
    random: Stream,
    number: number,
    shards: number,
    { gathers, keeps, shares = false, requiresReplica = false }: EngineNodeOptions,
  ) {
    this.requiresReplica = requiresReplica;
    this.shares = shares;
    this.gathers = gathers;
    this.keeps = keeps;
    this.engine = engine;
    this.random = random;
    this.number = number;
    this.name = `node${number}`;
    this.shards = shards;
    this.client = engine.connect();
    this.start();
  }

  private get nowMs(): number {
    return START_MS + this.engine.parts.loop.nowMs;
  }

  /** What is of this process is not heard by the next. */
  private own<Args extends unknown[]>(run: (...args: Args) => void): (...args: Args) => void {
    const { process } = this;
    return (...args) => {
      if (process === this.process) run(...args);
    };
  }

  private timers(): Timers {
    return {
      setTimeout: (run, ms) => {
        const timer = { run };
        this.engine.after(
          Math.ceil(ms),
          this.own(() => timer.run()),
        );
        return timer;
      },
      clearTimeout: (timer) => {
        (timer as { run: () => void }).run = () => {};
      },
    };
  }

  private note(what: string): void {
    this.seen.set(what, (this.seen.get(what) ?? 0) + 1);
  }

  start(): void {
    const { number, shards, client: engine } = this;
    this.isStarting = true;
    const owner = `node${number}.${++this.process}`;
    if (!this.shares) return this.open(owner, null);
    const member = { name: this.name, owner, url: `http://node${number}`, version: '1' };
    const events = {
      moved: this.own(() => this.node?.wake()),
      dismissed: () => this.note('dismissed'),
      replaced: this.own(() => this.kill()),
    };
    const options = { engine, member, shards, timers: this.timers(), events };
    Sharing.join(
      { ...options, monotonicMs: () => this.engine.parts.loop.nowMs },
      this.own((joined) => {
        if (joined instanceof Error) return this.again();
        this.sharing = joined;
        this.open(owner, joined);
      }),
    );
  }

  private again(): void {
    this.engine.after(
      100,
      this.own(() => this.start()),
    );
  }

  private open(owner: string, sharing: Sharing | null): void {
    const { shards, number } = this;
    const client = this.gathers ? new OneStatement(this.client) : this.client;
    const processLog = sharing?.log ?? shards + number;
    const timers = this.keeps === 'renewed' ? this.timers() : { setTimeout: () => 0, clearTimeout: () => {} };
    EngineJournal.open(
      {
        ...{ engine: client, owner, secret, shards, processLog, answersWithinMs: 300, timers },
        ...(sharing === null ? {} : { sharing }),
        monotonicMs: this.keeps === 'overstayed' ? () => 0 : () => this.engine.parts.loop.nowMs,
        snapshotBytes: SNAPSHOT_BYTES,
        requiresReplica: this.requiresReplica,
        acceptsLoss: Array.from({ length: shards + number + 1 }, (_, log) => log),
        events: {
          lapsed: this.own(() => this.node?.wake()),
          conditionChanged: this.own(() => this.node?.roomChanged()),
          snapshot: this.own((_log: number, error: Error | null) =>
            this.note(error === null ? 'snapshot' : 'no snapshot'),
          ),
        },
      },
      this.own((journal) => {
        // The lease of the process before may still run.
        if (journal instanceof Error) {
          sharing?.stop();
          return this.again();
        }
        this.journal = journal;
        claimAll(
          journal,
          limitsOf({ maxAttempts: 1000 }),
          this.own((claims) => this.serve(journal, claims)),
        );
      }),
    );
  }

  private serve(journal: EngineJournal, claims: Parameters<Parameters<typeof claimAll>[2]>[0]): void {
    const clock = { nowMs: () => this.nowMs, wallMs: () => this.nowMs, instantOf: (atMs: number) => atMs };
    const node = new MailboxNode({
      ...{ journal, claims, clock, random: this.random, overwrites: false, integrity, authority: {} },
      settings: {
        limits: limitsOf({ maxAttempts: 1000 }),
        streamsMax: 4,
        memory: UNBOUNDED,
        cacheTtlMs: 1000,
        keyring,
      },
      timers: this.timers(),
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
      wakeAt: (atMs) => this.wakeAt(atMs),
    });
    this.node = node;
    node.open(() => {
      this.isOpen = true;
      this.note('opened');
      this.sharing?.begin();
    });
  }

  private wakeAt(atMs: number): void {
    this.dueMs = atMs;
    this.engine.after(
      Math.ceil(atMs - this.nowMs),
      this.own(() => {
        if (this.dueMs > this.nowMs) return;
        this.dueMs = Number.POSITIVE_INFINITY;
        this.node?.wake();
      }),
    );
  }

  /** Nothing is answered while no process serves, or when it dies first. */
  ask(request: Request, done: (reply: Reply) => void): void {
    this.node?.service.request(request, everyone, this.nowMs, this.own(done));
    this.node?.wake();
  }

  /** No process of it is there. */
  get isAway(): boolean {
    return this.journal === null && this.sharing === null && !this.isStarting;
  }

  /** The shards that it serves. */
  get serves(): readonly number[] {
    const { node } = this;
    if (node === null || !this.isOpen) return [];
    return Array.from({ length: this.shards }, (_, shard) => shard).filter((shard) => !node.service.down.has(shard));
  }

  /** The next process begins at once. */
  kill(): void {
    this.die();
    this.start();
  }

  /** It is gone, and no process comes after it until `start`. */
  die(): void {
    this.end();
    this.client.cut(this.random.pick(['not_applied', 'applied', 'applied_later']));
  }

  private end(): void {
    this.node?.stop();
    this.sharing?.stop();
    this.journal?.close();
    this.node = null;
    this.journal = null;
    this.sharing = null;
    this.isOpen = false;
    this.isStarting = false;
    this.process++;
  }

  /** It ends as it should: what it has is given back. */
  leave(): void {
    const { node, journal, sharing } = this;
    node?.drain();
    const over = this.own(() => {
      journal?.letGo();
      if (sharing !== null) this.client.members.leave(sharing.member, () => {});
      this.end();
      this.client.cut('applied');
    });
    node?.end(() => this.engine.after(0, over));
  }
}
