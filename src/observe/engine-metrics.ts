import { METRICS } from './metric-table.ts';
import type { Counters, Histogram, SeriesMaker } from './series.ts';

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** What the gauges of a node on an engine look at. */
export interface Shares {
  readonly isOurs: (shard: number) => boolean;
  /** Of the shard that may be answered for the shortest time; 0 without any. */
  readonly leaseLeftMs: () => number;
}

/** What there is to count where nodes share an engine. */
export class EngineMetrics {
  readonly changes: Counters;
  readonly appends: Counters;
  readonly proxied: Counters;
  readonly appendSeconds: Histogram;
  readonly takeoverSeconds: Histogram;
  private readonly make: SeriesMaker;
  private readonly shards: readonly string[];

  constructor(make: SeriesMaker, shards: readonly string[]) {
    this.make = make;
    this.shards = shards;
    this.changes = make.counters('ownership_changes_total', METRICS.ownership_changes_total.labels);
    this.appends = make.counters('engine_append_total', METRICS.engine_append_total.labels);
    this.proxied = make.counters('proxied_total', METRICS.proxied_total.labels);
    this.appendSeconds = make.histogram('engine_append_seconds', SECONDS);
    this.takeoverSeconds = make.histogram('takeover_seconds', SECONDS);
  }

  watch({ isOurs, leaseLeftMs }: Shares): void {
    this.make.gauge('shard_owner', () =>
      this.shards.map((shard) => ({ labels: { shard }, value: Number(isOurs(Number(shard))) })),
    );
    this.make.figure('lease_left_seconds', () => leaseLeftMs() / 1000);
  }
}
