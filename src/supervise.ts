import type { ShardState } from './core/state.ts';
import { fieldsOf, type Log, placeOf } from './observe/log.ts';
import type { Metrics } from './observe/metrics.ts';
import type { Cause, Clock } from './ports.ts';
import type { Service } from './service/service.ts';
import type { Store } from './store.ts';
import { Supervisor } from './supervisor.ts';

interface Parts {
  readonly service: Service;
  readonly store: Store;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Which shards serve has changed. */
  readonly onChange: () => void;
}

/** Makes shards anew that fell, from what the store has, and tells of it: log, metrics, readiness. */
export function supervise({ service, store, clock, metrics, log, onChange }: Parts): {
  readonly fell: (shard: number, error: unknown, cause: Cause | null) => void;
  readonly stop: () => void;
} {
  const fellMs = new Map<number, number>();
  const supervisor = new Supervisor<ShardState>({
    // What it had decided before it fell is on its way to the journal, and is part of it.
    rebuild: (shard, done) =>
      service.whenDurable((durable) => {
        if (durable) store.rebuild(service.shards[shard] as ShardState, done);
        else done(new Error('journal'), null);
      }),
    revive: (shard, state) => {
      service.revive(state);
      metrics.shardRestarts.add(shard);
      log.warn('shard.restarted', { shard, latency_ms: Math.round(performance.now() - (fellMs.get(shard) ?? 0)) });
      onChange();
    },
    parked: (shard, forMs, error) => {
      service.down.add(shard, clock.nowMs() + forMs);
      log.error('shard.parked', { shard, retry_after_ms: forMs, reason: 'it fell again and again', ...placeOf(error) });
      onChange();
    },
  });
  return {
    fell: (shard, error, cause) => {
      fellMs.set(shard, performance.now());
      metrics.internalErrors.add();
      metrics.shardFailures.add(shard);
      log.error('shard.failed', { shard, ...fieldsOf(cause), ...placeOf(error) });
      supervisor.fell(shard, error);
      onChange();
    },
    stop: () => supervisor.stop(),
  };
}
