import { EngineJournal } from '../src/cluster/engine-journal.ts';
import type { EngineLog } from '../src/cluster/engine-log.ts';
import { OneStatement } from '../src/cluster/one-statement.ts';
import { Sharing } from '../src/cluster/sharing.ts';
import type { Limits } from '../src/core/limits.ts';
import type { Secret } from '../src/journal/frame.ts';
import { claimAll } from '../src/node/claim-all.ts';
import type { Timers } from '../src/ports/clock.ts';
import { type Claim, isClaim, type JournalBackend, type Unclaimed } from '../src/ports/journal.ts';
import type { Taken } from './checkers/owner.ts';
import { EPOCH_MS, type NodeClock } from './clock.ts';
import { CUTS, type EngineClient, type SimEngine } from './engine.ts';
import { type Loop, RECORDS } from './loop.ts';
import { type Hears, ProcessEngine } from './process-engine.ts';
import type { Draws } from './random.ts';
import type { EngineSetup } from './setup.ts';
import { frameHashOf } from './store.ts';
import type { Watch } from './watch.ts';

/** What all frames of a simulated engine are sealed with. */
export const ENGINE_SECRET: Secret = { salt: new Uint8Array(16).fill(7), hash: frameHashOf };
/** An engine that could not be opened is asked again. */
export const AGAIN_MS = 100;

interface EngineStoreParts {
  readonly index: number;
  readonly loop: Loop;
  readonly clock: NodeClock;
  readonly random: Draws;
  readonly watch: Watch;
  readonly shards: number;
  readonly setup: EngineSetup;
}

/** One process of a node, as far as the engine goes. */
interface OfProcess {
  readonly generation: number;
  readonly hears: Hears;
  readonly timers: Timers;
  readonly limits: Limits;
  /** A lease is over, or there is something to claim or to hand over. */
  readonly moved: () => void;
  /** The name of the node is another process's. */
  readonly replaced: () => void;
}

type Opens = (journal: JournalBackend, claims: readonly (Claim | Unclaimed)[]) => void;

/** What the processes of a node keep things in: the shipped logs over the engine that all nodes share. */
export class EngineStore {
  readonly client: EngineClient;
  private readonly parts: EngineStoreParts;
  private journal: EngineJournal | null = null;
  private sharing: Sharing | null = null;

  constructor(engine: SimEngine, parts: EngineStoreParts) {
    this.parts = parts;
    this.client = engine.connect();
  }

  /** Calls `done` once, with what was claimed of it. */
  open(process: OfProcess, done: Opens, failed: () => void): void {
    const { index, clock, shards, watch } = this.parts;
    const { generation, timers, moved, replaced } = process;
    const engine = this.engineOf(process);
    const member = {
      name: `node${index}`,
      owner: `node${index}.${generation}`,
      url: `http://node${index}`,
      version: '1',
    };
    const monotonicMs = (): number => clock.monotonicMs();
    Sharing.join(
      { engine, member, shards, timers, monotonicMs, events: { moved, replaced, seen: () => watch.heard(index) } },
      (sharing) => {
        if (sharing instanceof Error) return failed();
        this.sharing = sharing;
        this.openJournal(process, engine, sharing, done, () => {
          sharing.stop();
          failed();
        });
      },
    );
  }

  private engineOf({ hears }: OfProcess): OneStatement {
    const { index, watch, loop } = this.parts;
    const engine = new ProcessEngine(this.client, hears, (frames, outcomes) => {
      loop.mark('engine', index);
      for (const [i, frame] of frames.entries()) {
        const outcome = outcomes[i];
        loop.record(RECORDS.engine, frame.shard, OUTCOMES.indexOf(outcome ?? 'unknown'));
        if (outcome === 'durable') watch.toldBy(index, frame);
      }
    });
    return new OneStatement(engine);
  }

  private openJournal(
    { timers, moved, limits }: OfProcess,
    engine: OneStatement,
    sharing: Sharing,
    done: Opens,
    failed: () => void,
  ): void {
    const { index, clock, shards, setup, watch } = this.parts;
    const { owner } = sharing.member;
    EngineJournal.open(
      {
        ...{ engine, owner, sharing, secret: ENGINE_SECRET, shards, processLog: sharing.log, timers },
        ...{ answersWithinMs: setup.answersMs, snapshotBytes: setup.snapshotBytes, requiresReplica: false },
        monotonicMs: () => clock.monotonicMs(),
        events: {
          lapsed: moved,
          heard: ({ engineMs, ...times }) => {
            const byMs = clock.measured({ ...times, engineMs: engineMs + EPOCH_MS });
            watch.gained(index, byMs);
          },
          snapshot: (_log, error) => {
            if (error === null) watch.compacted();
          },
        },
      },
      (opened) => {
        if (opened instanceof Error) return failed();
        this.journal = opened;
        claimAll(opened, limits, (claims) => done(this.watched(opened), claims));
      },
    );
  }

  /** Its process serves: it says that it is there, and asks what is for it to have. */
  begin(): void {
    this.sharing?.begin();
  }

  /** Its process is going to end: others are to have what it has. */
  retire(): void {
    this.sharing?.retire(this.parts.shards);
  }

  /** It ends as it should: what it still has is given back. */
  letGo(): void {
    const { journal, sharing } = this;
    journal?.letGo();
    if (sharing !== null) this.client.members.leave(sharing.member, () => {});
  }

  /** The same journal, of which it is seen what is claimed of it. */
  private watched(journal: EngineJournal): JournalBackend {
    const { index, watch } = this.parts;
    return {
      contents: journal.contents,
      shards: journal.shards,
      logs: journal.logs,
      processLog: journal.processLog,
      get condition() {
        return journal.condition;
      },
      logOf: (shard) => journal.logOf(shard),
      lapsed: () => journal.lapsed(),
      wanted: () => journal.wanted(),
      unwanted: () => journal.unwanted(),
      tick: () => journal.tick(),
      claim: (shard, limits, done) =>
        journal.claim(shard, limits, (result) => {
          if (isClaim(result)) watch.claimed(index, takenBy(result));
          done(result);
        }),
    };
  }

  /** The process is gone: what it had asked for is executed, or is not, or will be. */
  crash(): void {
    this.sharing?.stop();
    this.journal?.close();
    this.sharing = null;
    this.journal = null;
    this.client.cut(this.parts.random.pick(CUTS));
  }
}

const OUTCOMES = ['durable', 'refused', 'unknown', 'failed'] as const;

export const takenBy = ({ shard, log, state }: Claim): Taken => {
  const { term, sequence } = log as EngineLog;
  return { shard, term, sequence, state };
};
