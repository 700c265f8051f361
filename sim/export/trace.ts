import type { Fact } from '../../src/core/facts.ts';
import { TraceRecorder } from '../../src/trace/recorder.ts';
import type { ObservedWorld, RunObserver } from '../watch.ts';

/**
 * Writes the durable facts of a run for `mailbox trace check`. Every node keeps its own shards: those of node 1 are numbered on
 * from those of node 0. What holds of one node for all of its shards, the bound of leases, holds for all nodes together.
 */
export class SpecTrace implements RunObserver {
  private readonly commit: string | null;
  private readonly write: (line: string) => void;
  private recorder!: TraceRecorder;
  private shards = 0;
  private isShared = false;

  /** @param commit null where it is not known */
  constructor(commit: string | null, write: (line: string) => void) {
    this.commit = commit;
    this.write = write;
  }

  begin({ setup }: ObservedWorld): void {
    const { nodes, shards, limits, engine = null } = setup;
    this.isShared = engine !== null;
    this.shards = shards;
    this.recorder = new TraceRecorder({
      producer: 'simulator',
      commit: this.commit,
      limits: { ...limits, globalInflight: nodes * limits.globalInflight },
      write: this.write,
    });
  }

  /** A shard that nodes share is one shard, whoever owns it. */
  settled(shard: number, facts: readonly Fact[]): void {
    for (const fact of facts) this.recorder.take(shard, fact);
  }

  synced(node: number, shard: number, facts: readonly Fact[]): void {
    if (this.isShared) return;
    for (const fact of facts) this.recorder.take(node * this.shards + shard, fact);
  }
}
