import type { Authority } from '../auth/authorize.ts';
import type { Clock } from '../ports/clock.ts';
import type { JournalBackend } from '../ports/journal.ts';
import type { Service } from '../service/service.ts';
import type { Condition } from './readiness.ts';

/** Everything that speaks against writes at the moment (BD3, D7, K5, B8). */
export function conditionsOf(
  service: Service,
  authority: Authority,
  journal: JournalBackend,
  clock: Clock,
): Condition[] {
  const nowMs = clock.nowMs();
  const found: Condition[] = service.drains
    .filling(nowMs)
    .map(({ name, retryAfterMs }) => ({ name, kind: 'saturated', retryAfterMs }));
  const unhealthy = (name: string, retryAfterMs: number) => found.push({ name, kind: 'unhealthy', retryAfterMs });
  for (const { shard, why, retryAfterMs } of service.down.list(nowMs)) {
    // Where shards are shared out, one that another node has is nothing that is missing here.
    if (why === 'not_owner' && journal.wanted !== undefined) continue;
    found.push({ name: why === 'halted' ? `shard_${shard}_halted` : `shard_${shard}`, kind: 'partial', retryAfterMs });
  }
  if (journal.condition !== null) unhealthy(journal.condition, 1_000);
  if (authority.remote?.healthy === false) unhealthy('verifier', 1_000);
  if (authority.keyring?.age(clock.wallMs()) === 'overdue') unhealthy('keyring', 60_000);
  if (service.isFailed) found.push({ name: 'journal', kind: 'failed', retryAfterMs: 1_000 });
  return found;
}
