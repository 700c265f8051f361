import { EngineClock } from '../cluster/engine-clock.ts';
import { EngineJournal, type EngineJournalOptions } from '../cluster/engine-journal.ts';
import { OneStatement } from '../cluster/one-statement.ts';
import { otherHolder } from '../cluster/other-holder.ts';
import { NameInUse, Sharing, type SharingEvents } from '../cluster/sharing.ts';
import type { Settings } from '../config/settings.ts';
import { ConfigError } from '../config/values.ts';
import { useHashKey } from '../core/keyed-hash.ts';
import { blake3 } from '../integrity/blake3.ts';
import type { HolderOf } from '../node/describe.ts';
import type { TellOthers } from '../node/requests.ts';
import type { EngineMetrics } from '../observe/engine-metrics.ts';
import type { Log } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import { systemRandom } from '../platform/system.ts';
import { programVersion } from '../platform/version.ts';
import type { TimeSource } from '../ports/clock.ts';
import type { AppendOutcome, Company, Engine, EngineFrame, SharedRevocation, TakeQuota } from '../ports/engine.ts';
import type { PostgresEngine } from '../postgres/engine.ts';
import type { OpenedStore } from './store.ts';

const ANSWERS_WITHIN_MS = 5_000;
/** A process of this name that has just ended is gone from the engine within so long. */
const NAME_MS = 4_000;
const NAME_AGAIN_MS = 200;
/** What is given back is waited for so long: it ends by itself. */
const LEAVE_MS = 2_000;

/** What an engine is refused for, where that is not what was given. */
class EngineRefused extends Error {
  readonly setting: string;

  constructor(message: string, setting = 'engine') {
    super(message);
    this.setting = setting;
  }
}

/** An engine that is connected to, of which nothing was asked yet. */
export type Connected = PostgresEngine;

/** @throws ConfigError where what was given is wrong; Error in one line where the engine is not what it must be */
export async function connectEngine(settings: Settings): Promise<Connected | null> {
  const { engine: url, engine_cluster: cluster, engine_schema: schema } = settings;
  if (url === null) return null;
  // Loaded only where it is asked for.
  const { PostgresEngine } = await import('../postgres/engine.ts');
  const { EngineRefusal } = await import('../postgres/refusal.ts');
  try {
    return await PostgresEngine.open({ url, cluster, schema, answersWithinMs: ANSWERS_WITHIN_MS });
  } catch (error) {
    if (!(error instanceof EngineRefusal)) throw error;
    throw error.isOfGiven ? new ConfigError(error.message, 'engine') : new EngineRefused(error.message);
  }
}

interface EngineStoreOptions {
  readonly settings: Settings;
  readonly engine: Connected;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly time: TimeSource;
  /** Where other nodes reach this one, unless a setting says so. */
  readonly url: string;
  /** There is something for the node to look at. */
  readonly wake: () => void;
  /** What the journal lacks has changed. */
  readonly onRoom: () => void;
  /** The process is of no more use. */
  readonly failed: (error: Error) => void;
  /** Capabilities ended, wherever that was said. */
  readonly revoked: (revocations: readonly SharedRevocation[]) => void;
  readonly ended: AbortSignal;
}

/** The shards of a cluster, as one of its nodes has them. */
export interface EngineStore extends OpenedStore {
  readonly clock: EngineClock;
  readonly metrics: EngineMetrics;
  /** Of this process: its leases are in this name. */
  readonly owner: string;
  /** For how long shards of ours may still be answered for, where that is shortest; 0 without any. */
  readonly leaseLeftMs: () => number;
  /** Who serves what, as it was last seen. */
  readonly company: () => Company;
  /** The name of the other node that has this shard, as far as is known. */
  readonly holderOf: HolderOf;
  /** Changes whenever that was looked at. */
  onCompany: () => void;
  /** All that was revoked so far holds here after this, and what this node alone knows of at the others. @throws Error, in one line */
  catchUp(own: Iterable<SharedRevocation>): Promise<void>;
  readonly tellOthers: TellOthers;
  readonly takeQuota: TakeQuota;
  /** The node serves: it says that it is there, and claims what is for it. */
  begin(): void;
  /** It is going to end: others are to have what it has. */
  retire(): void;
  /** The shard is served here from now on. */
  taken(shard: number): number | null;
}

/** Joins the cluster, and opens what this node's last process left. @throws Error, in one line; ConfigError */
export async function openEngineStore(options: EngineStoreOptions): Promise<EngineStore> {
  const { settings, engine, log, time, ended } = options;
  useHashKey([systemRandom.below(2 ** 32) | 0, systemRandom.below(2 ** 32) | 0]);
  const metrics = options.metrics.forEngine();
  const clock = new EngineClock(time);
  const claimedMs = new Map<number, number>();
  let company: Company = { members: [], holders: [], revoked: 0 };
  /** Until the start is over: those that the others know of. */
  let told: Set<string> | null = new Set();
  const revoked = (revocations: readonly SharedRevocation[]): void => {
    for (const { kind, value } of revocations) told?.add(`${kind} ${value}`);
    options.revoked(revocations);
  };
  const seen = (now: Company): void => {
    company = now;
    store.onCompany();
  };
  const sharing = await joined(options, { seen, revoked });
  const { shards, salt, topicHash } = engine.cluster;
  const { owner } = sharing.member;
  const journal = await openedJournal({
    ...{ engine: new OneStatement(measured(engine, metrics)), owner, shards, sharing, processLog: sharing.log },
    ...{ secret: { salt, hash: blake3 }, keysTopics: topicHash !== 0, answersWithinMs: ANSWERS_WITHIN_MS },
    ...{ timers: globalThis as never, monotonicMs: () => time.monotonicMs() },
    requiresReplica: settings.engine_require_replica,
    events: {
      heard: (at) => clock.measured(at),
      lapsed: options.wake,
      conditionChanged: options.onRoom,
      claiming: (shard) => claimedMs.set(shard, time.monotonicMs()),
      snapshot: (number, error) => {
        if (error === null) options.metrics.snapshots.add();
        else log.error('journal.snapshot_failed', { reason: `log ${number}: ${error.message}` });
      },
    },
  }).catch(async (error) => {
    sharing.stop();
    await left(engine, sharing);
    throw new EngineRefused((error as Error).message);
  });
  engine.watchPromise((promise) => journal.promised(promise));
  ended.throwIfAborted();
  const { name, url } = sharing.member;
  log.info('engine.joined', { node: name, url, engine: engine.where, shards, term: journal.processLog.term });
  const leaseLeftMs = (): number => {
    const left = Array.from({ length: shards }, (_, shard) => journal.leaseLeftMs(shard)).filter((ms) => ms > 0);
    return left.length === 0 ? 0 : Math.min(...left);
  };
  const store: EngineStore = {
    ...{ journal, clock, metrics, owner, leaseLeftMs, company: () => company, onCompany: () => {} },
    holderOf: (shard) => otherHolder(company, shard, owner)?.name ?? null,
    begin: () => sharing.begin(),
    catchUp: async (own) => {
      await settled((done) => sharing.catchUp(done));
      for (const { kind, value } of own)
        if (told?.has(`${kind} ${value}`) === false)
          await settled((done) => engine.members.revoke({ kind, value }, done));
      told = null;
    },
    tellOthers: ({ kind, value }, done) => engine.members.revoke({ kind, value }, (error) => done(error === null)),
    takeQuota: engine.members.takeQuota,
    retire: () => sharing.retire(shards),
    taken: (shard) => {
      const sinceMs = claimedMs.get(shard);
      claimedMs.delete(shard);
      return sinceMs === undefined ? null : time.monotonicMs() - sinceMs;
    },
    close: async () => {
      journal.letGo();
      await left(engine, sharing);
    },
  };
  return store;
}

/** Takes the name of the node. @throws Error, in one line, where another process has it */
async function joined(options: EngineStoreOptions, events: SharingEvents): Promise<Sharing> {
  const { settings, engine, log, time, ended } = options;
  const name = settings.node_name as string;
  const owner = `${name}.${systemRandom.token(8)}`;
  const member = { name, owner, url: settings.node_url ?? options.url, version: programVersion() };
  const join = (): Promise<Sharing | Error> =>
    new Promise((resolve) =>
      Sharing.join(
        {
          ...{ engine, member, shards: engine.cluster.shards, timers: globalThis as never },
          monotonicMs: () => time.monotonicMs(),
          events: {
            ...{ ...events, moved: options.wake, replaced: options.failed },
            dismissed: (gone) => log.warn('engine.dismissed', { node: nodeOf(gone), reason: 'its connection is gone' }),
          },
        },
        resolve,
      ),
    );
  const endMs = time.monotonicMs() + NAME_MS;
  for (;;) {
    const result = await join();
    if (result instanceof Sharing) return result;
    const isOver = !(result instanceof NameInUse) || time.monotonicMs() > endMs || ended.aborted;
    if (isOver) {
      engine.close();
      throw new EngineRefused(result.message, result instanceof NameInUse ? 'node_name' : 'engine');
    }
    await new Promise((resolve) => setTimeout(resolve, NAME_AGAIN_MS));
  }
}

/** It is there no more; said behind what is given back, on the same connection. */
async function left(engine: Connected, { member }: Sharing): Promise<void> {
  await new Promise<void>((resolve) => {
    setTimeout(resolve, LEAVE_MS).unref();
    engine.members.leave(member, () => resolve());
  });
  engine.close();
}

/** The name of a node in that of one of its processes. */
const nodeOf = (owner: string): string => owner.replace(/\.[^.]*$/, '');

/** @throws Error, in one line */
const settled = (ask: (done: (error: Error | null) => void) => void): Promise<void> =>
  new Promise((resolve, reject) =>
    ask((error) => (error === null ? resolve() : reject(new EngineRefused(error.message)))),
  );

const openedJournal = (options: EngineJournalOptions): Promise<EngineJournal> =>
  new Promise((resolve, reject) =>
    EngineJournal.open(options, (opened) => (opened instanceof Error ? reject(opened) : resolve(opened))),
  );

/** The engine, its appends counted and timed. */
function measured(engine: Engine, { appends, appendSeconds }: EngineMetrics): Engine {
  const slots = new Map<AppendOutcome, number>();
  const count = (outcome: AppendOutcome): void => {
    const slot = slots.get(outcome) ?? appends.slot(outcome);
    slots.set(outcome, slot);
    appends.add(slot);
  };
  return {
    ...{ leases: engine.leases, members: engine.members, snapshots: engine.snapshots },
    promise: (done) => engine.promise(done),
    frames: (shard, from, done) => engine.frames(shard, from, done),
    append: (frames: readonly EngineFrame[], done) => {
      const fromMs = performance.now();
      engine.append(frames, (outcomes, why) => {
        appendSeconds.observe((performance.now() - fromMs) / 1000);
        for (const outcome of outcomes) count(outcome);
        done(outcomes, why);
      });
    },
  };
}
