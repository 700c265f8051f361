import { Restoration } from '../src/core/image.ts';
import type { Limits } from '../src/core/limits.ts';
import type { ShardState } from '../src/core/state.ts';
import { OneLog, type Replayed } from '../src/journal/one-log.ts';
import type { Batch, Lack } from '../src/ports/journal.ts';
import type { Defect } from './defects.ts';
import type { Loop } from './loop.ts';
import type { NodeTime, Sleeper } from './node-time.ts';
import type { Opened, SimStore } from './store.ts';
import type { Watch } from './watch.ts';

/** A shard is made anew in so much. */
const REBUILD_MS = 5;

export interface JournalParts {
  readonly loop: Loop;
  readonly watch: Watch;
  readonly defect: Defect | null;
}

/** Whose journal it is. */
export interface Keeper extends Sleeper {
  readonly store: SimStore;
  readonly time: NodeTime;
  readonly lack: Lack | null;
  /** An append was heard of: perhaps there is nothing more to do. */
  heard(): void;
}

/** What the processes of a node keep things in: the shipped log over its simulated disk. */
export class NodeJournal {
  private readonly parts: JournalParts;
  private readonly keeper: Keeper;

  constructor(parts: JournalParts, keeper: Keeper) {
    this.parts = parts;
    this.keeper = keeper;
  }

  of({ term, shards, limits, processFacts, clocks, past = null }: Opened): OneLog {
    const { store } = this.keeper;
    return new OneLog({
      ...{ term, shards, contents: { limits, processFacts, clocks, past } },
      log: { append: (batches, done) => this.append(batches, done) },
      replay: (state, limits, done) => this.replay(state.shard, limits, done),
      snapshot: (done) => store.snapshot(done),
      condition: () => this.keeper.lack,
      tick: (nowMs) => store.retry(nowMs),
    });
  }

  private append(batches: readonly Batch[], done: (error: Error | null) => void): void {
    const { loop, defect, watch } = this.parts;
    const { keeper } = this;
    const { generation, index, time } = keeper;
    const hear = (): void => {
      if (generation !== keeper.generation) return;
      if (keeper.isPaused) return loop.at(keeper.pausedUntilMs, 'sync', time.nextId(), () => keeper.live(hear));
      done(null);
      keeper.heard();
    };
    keeper.store.append(batches, (error) => {
      loop.mark('sync', index);
      if (error !== null) return done(error);
      watch.appended(index);
      this.kept(batches);
      if (defect !== 'reply_before_sync') hear();
    });
    // The defect: what must wait for the sync does not.
    if (defect === 'reply_before_sync') loop.after(0, 'wake', time.nextId(), () => keeper.live(hear));
  }

  /** These are durable. */
  kept(batches: readonly Batch[]): void {
    const { watch } = this.parts;
    const { index } = this.keeper;
    for (const { shard, facts } of batches) {
      if (shard === null) watch.noted(index, facts);
      else watch.synced(index, shard, facts);
    }
  }

  /** As `src/journal/worker-replay.ts` does it, in one go. */
  private replay(shard: number, limits: Limits, done: Replayed): void {
    const { store, time } = this.keeper;
    const images = store.imagesOf(shard);
    time.timers().setTimeout(() => {
      let state: ShardState;
      try {
        const restoration = new Restoration(shard, limits);
        for (const image of images) restoration.take(image);
        state = restoration.done();
      } catch (error) {
        return done(error, null);
      }
      done(null, state);
    }, REBUILD_MS);
  }
}
