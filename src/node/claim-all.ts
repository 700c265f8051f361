import type { Limits } from '../core/limits.ts';
import type { Claim, JournalBackend, Unclaimed } from '../ports/journal.ts';

/** Claims all shards of a journal, and calls back once, with what came of each: by shard. */
export function claimAll(
  journal: JournalBackend,
  limits: Limits,
  done: (results: readonly (Claim | Unclaimed)[]) => void,
): void {
  const results: (Claim | Unclaimed)[] = [];
  let left = journal.shards;
  for (let shard = 0; shard < journal.shards; shard++) {
    journal.claim(shard, limits, (result) => {
      results[shard] = result;
      if (--left === 0) done(results);
    });
  }
}
