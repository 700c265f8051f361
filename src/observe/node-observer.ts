import type { ServerState } from '../../spec/readiness.machine.ts';
import type { Fact } from '../core/facts.ts';
import type { Message } from '../core/message.ts';
import type { ShardState } from '../core/state.ts';
import type { NodeObserver } from '../node/observer.ts';
import { type Batch, Unreadable } from '../ports/journal.ts';
import type { Cause } from '../ports/observer.ts';
import type { Revoked } from '../ports/process-facts.ts';
import type { EngineMetrics } from './engine-metrics.ts';
import { fieldsOf, type Log, placeOf } from './log.ts';
import type { Metrics } from './metrics.ts';
import { FactObserver } from './observer.ts';

interface Parts {
  readonly metrics: Metrics;
  readonly log: Log;
  /** Looks at clocks and keys. */
  readonly look: () => void;
  readonly onAppended: (batches: readonly Batch[]) => void;
  readonly onFailed: () => void;
  /** With an engine, and for how many ms a shard was being taken over; null when it was not, but fell. */
  readonly engine?: { readonly metrics: EngineMetrics; taken(shard: number): number | null };
}

const NOTE_CHARS_MAX = 200;

/** What happens to a process, in its log and its metrics. */
export class LoggingObserver implements NodeObserver {
  private readonly parts: Parts;
  private readonly facts: FactObserver;
  private appendingMs = 0;
  /** When shards that are being made anew fell. */
  private readonly fellMs = new Map<number, number>();

  constructor(parts: Parts) {
    this.parts = parts;
    this.facts = new FactObserver(parts.metrics, parts.log);
  }

  fact(shard: ShardState, fact: Fact, cause: Cause | null): void {
    this.facts.fact(shard, fact, cause);
  }

  damaged(shard: ShardState, message: Message, cause: Cause | null): void {
    this.facts.damaged(shard, message, cause);
  }

  appending(): void {
    this.appendingMs = performance.now();
  }

  appended(batches: readonly Batch[]): void {
    this.parts.metrics.appendSeconds.observe((performance.now() - this.appendingMs) / 1000);
    this.parts.onAppended(batches);
  }

  failed(error: Error): void {
    this.parts.log.error('journal.failed', { decision: 'denied', reason: error.message });
    this.parts.onFailed();
  }

  state(state: ServerState, missing: readonly string[]): void {
    const { metrics, log } = this.parts;
    metrics.missing = missing;
    log.info('server.state', { state, missing });
  }

  fell(shard: number, error: unknown, cause: Cause | null): void {
    const { metrics, log } = this.parts;
    this.fellMs.set(shard, performance.now());
    metrics.internalErrors.add();
    metrics.shardFailures.add(shard);
    log.error('shard.failed', { shard, ...fieldsOf(cause), ...placeOf(error) });
  }

  revived({ shard }: ShardState): void {
    const { metrics, log, engine } = this.parts;
    const tookMs = this.fellMs.has(shard) ? null : (engine?.taken(shard) ?? null);
    if (engine !== undefined && tookMs !== null) {
      engine.metrics.changes.add(engine.metrics.changes.slot('taken'));
      engine.metrics.takeoverSeconds.observe(tookMs / 1000);
      return log.info('shard.taken', { shard, latency_ms: Math.round(tookMs) });
    }
    metrics.shardRestarts.add(shard);
    log.warn('shard.restarted', { shard, latency_ms: Math.round(performance.now() - (this.fellMs.get(shard) ?? 0)) });
    this.fellMs.delete(shard);
  }

  parked(shard: number, forMs: number, error: unknown): void {
    const { log } = this.parts;
    const reason = error instanceof Unreadable ? error.message : 'it fell again and again';
    log.error('shard.parked', { shard, retry_after_ms: forMs, reason, ...placeOf(error) });
  }

  unsure(shards: readonly number[], error: Error | null): void {
    const { log } = this.parts;
    if (error === null) log.info('journal.sure', { shards });
    else log.warn('journal.unsure', { shards, decision: 'denied', reason: error.message });
  }

  gaveUp(shards: readonly number[], why: string, { message }: Error): void {
    const { log, engine } = this.parts;
    if (engine !== undefined) engine.metrics.changes.add(engine.metrics.changes.slot(why), shards.length);
    if (why === 'handed_over') return log.info('shard.handed_over', { shards });
    log.error('shard.given_up', { shards, why, decision: 'denied', reason: message });
  }

  revoked({ kind, value }: Revoked, cause: Cause, note: string): void {
    const { log } = this.parts;
    log.warn('capability.revoked', {
      ...fieldsOf(cause),
      ...{ route: '/v1/admin/revoke', decision: 'allowed', kind, id: value, note: note.slice(0, NOTE_CHARS_MAX) },
    });
  }

  looked(): void {
    this.parts.look();
  }
}
