import { describe, it } from 'vitest';
import { KINDS } from './backends.ts';
import { sameWorkOver } from './same-work.ts';

describe('journal: the same work over every backend', () => {
  it('answer by answer, shard by shard, over claims, snapshots and restarts', async () => {
    const reached = await sameWorkOver(KINDS, Number(process.env['RUNS'] ?? 6));
    reached.atLeast({ steps: 25, facts: 60, restarts: 2, claims: 1, snapshots: 1 });
  });
});
