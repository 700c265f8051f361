import type { Fact } from '../src/core/facts.ts';
import { Restoration } from '../src/core/image.ts';
import type { ShardState } from '../src/core/state.ts';
import type { Request } from '../src/service/messages.ts';
import type { Service } from '../src/service/service.ts';
import { Supervisor, type TimerClock } from '../src/supervisor.ts';
import type { SimStore } from './store.ts';

/** What a bug in a shard throws. */
class Struck extends Error {}

export interface ShardKillsParts {
  readonly service: Service;
  readonly store: SimStore;
  /** Simulated timers; none goes off once the process is gone. */
  readonly clock: TimerClock;
  /** A shard is about to fall; */
  readonly falls: (shard: number) => void;
  /** it was made anew. */
  readonly revived: (state: ShardState) => void;
}

/**
 * Kills shards of one process: in the middle of a decision, when memory has what the journal will never see. The shipped
 * supervisor makes them anew from what is on the disk. Everything else that is thrown is no fault of a schedule, and ends the run.
 */
export class ShardKills {
  private readonly parts: ShardKillsParts;
  private readonly supervisor: Supervisor<ShardState>;
  private readonly marked = new Set<number>();
  /** For as long as a kill is on its way up. */
  private killing = false;
  /** The last fact was a purge: perhaps the first of two of one decision. */
  private madeRoom = false;
  /** What the process is asked at the moment. */
  handling: Request | null = null;

  constructor(parts: ShardKillsParts) {
    const { service, clock } = parts;
    this.parts = parts;
    this.supervisor = new Supervisor<ShardState>({
      clock,
      rebuild: (shard, done) =>
        service.whenDurable((durable) => {
          if (durable) this.rebuild(shard, done);
          else done(new Error('journal'), null);
        }),
      revive: (_shard, state) => {
        service.revive(state);
        parts.revived(state);
      },
      parked: () => {},
    });
  }

  /** It dies of its next decision. */
  kill(shard: number): void {
    if (!this.parts.service.down.has(shard)) this.marked.add(shard);
  }

  /** The faults are over: who has not died yet lives on. */
  spare(): void {
    this.marked.clear();
  }

  /** Called with each fact, right after it changed what is in memory. @throws Struck */
  fact({ shard }: ShardState, { name }: Fact): void {
    // What makes room comes before what needs it, in one decision; the acks of a recv are decided one by one.
    const isFirst = !this.madeRoom && !(this.handling?.verb === 'recv' && this.handling.acks.length > 0);
    this.madeRoom = name === 'purged';
    if (!isFirst || !this.marked.delete(shard)) return;
    this.madeRoom = false;
    this.parts.falls(shard);
    this.killing = true;
    throw new Struck();
  }

  /** The effect of the service; there while it is a kill that is thrown. */
  get fell(): ((shard: number, error: unknown) => void) | undefined {
    if (!this.killing) return undefined;
    return (shard, error) => {
      this.killing = false;
      this.supervisor.fell(shard, error);
    };
  }

  /** As `src/journal/worker-replay.ts` does it, in one go. */
  private rebuild(shard: number, done: (error: unknown, state: ShardState | null) => void): void {
    const { service, store, clock } = this.parts;
    const { limits } = service.shards[shard] as ShardState;
    const images = store.imagesOf(shard);
    clock.setTimeout(() => {
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

  stop(): void {
    this.supervisor.stop();
  }
}

const REBUILD_MS = 5;
