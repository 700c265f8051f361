import type { Command } from 'commander';
import { visible } from '../../platform/visible.ts';
import { examples, print, printJson } from '../shared.ts';

export function addList(sim: Command): void {
  const list = sim
    .command('list')
    .description('the shipped schedules, and what each is about')
    .option('--json', 'print JSON');
  examples(list, 'mailbox sim list');
  list.action(async ({ json }: { json?: true }) => {
    const { readSchedule, shippedNames } = await import('../../../sim/files.ts');
    const rows = shippedNames().map((name) => {
      const { description, violates, setup, faults, goals } = readSchedule(name);
      const kinds = [...new Set(faults.map(({ kind }) => kind))];
      return {
        name,
        description,
        seconds: setup.durationMs / 1000,
        nodes: setup.nodes,
        faults: kinds,
        goals,
        violates,
      };
    });
    if (json) return printJson(rows);
    for (const { name, description, violates } of rows) {
      print(visible(`${name.padEnd(28)}${description}${violates === null ? '' : ` (must violate ${violates})`}`));
    }
  });
}
