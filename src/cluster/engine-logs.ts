import type { EngineFrame, StoredFrame } from '../ports/engine.ts';

const isSame = (one: Uint8Array, other: Uint8Array): boolean =>
  one.length === other.length && one.every((byte, i) => byte === other[i]);

/** What was in the engine, to be put back. */
export interface EngineContents {
  readonly logs: readonly (readonly StoredFrame[])[];
  readonly standby: readonly number[];
}

/**
 * The logs of an engine and how much of each its standby has, for the simulator and the explorer: what a database does with the one
 * statement of an append, without time. What the standby lacks can be seen, and is gone when the primary is.
 */
export class EngineLogs {
  private logs: readonly (readonly StoredFrame[])[];
  private standby: readonly number[];

  constructor(count: number) {
    this.logs = Array.from({ length: count }, () => []);
    this.standby = Array.from({ length: count }, () => 0);
  }

  logOf(shard: number): readonly StoredFrame[] {
    return this.logs[shard] as readonly StoredFrame[];
  }

  /** How many frames of a log survive the primary. */
  replicatedOf(shard: number): number {
    return this.standby[shard] as number;
  }

  /** Compare and set: false where it does not go behind the last frame. */
  insert({ shard, sequence, previous, hash, body }: EngineFrame): boolean {
    const log = this.logOf(shard);
    const last = log.at(-1);
    const fits = sequence === log.length + 1 && (last === undefined || isSame(last.hash, previous));
    if (fits) this.push(shard, { sequence, hash, body });
    return fits;
  }

  protected push(shard: number, frame: StoredFrame): void {
    this.logs = this.logs.with(shard, [...this.logOf(shard), frame]);
  }

  from(shard: number, sequence: number): readonly StoredFrame[] {
    return this.logOf(shard).slice(sequence - 1);
  }

  /** The standby gets one more frame of a log. */
  replicate(shard: number): void {
    const count = this.replicatedOf(shard);
    if (count < this.logOf(shard).length) this.standby = this.standby.with(shard, count + 1);
  }

  /** The primary is lost, and the standby takes its place: what it had not got is gone. */
  failOver(): void {
    this.logs = this.logs.map((log, shard) => log.slice(0, this.replicatedOf(shard)));
  }

  save(): EngineContents {
    return { logs: this.logs, standby: this.standby };
  }

  restore({ logs, standby }: EngineContents): void {
    this.logs = logs;
    this.standby = standby;
  }
}
