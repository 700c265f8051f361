import type { Command } from 'commander';
import { examples, printJson } from '../shared.ts';

export function addHash(sim: Command): void {
  const hash = sim
    .command('hash <run...>')
    .description('the hashes of runs: to compare machines, versions of Node, commits');
  examples(hash, 'mailbox sim hash crash-restart crash-restart#4 swarm#17');
  hash.action(async (names: readonly string[]) => {
    const { sourceOf, repeatable } = await import('../../../sim/source.ts');
    printJson(Object.fromEntries(names.map((name) => [name, repeatable(sourceOf(name))({}).run.hash])));
  });
}
