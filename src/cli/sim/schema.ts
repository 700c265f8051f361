import type { Command } from 'commander';
import { examples, printJson } from '../shared.ts';

export function addSchema(sim: Command): void {
  const schema = sim.command('schema').description('the JSON Schema of a schedule, for editors');
  examples(
    schema,
    'mailbox sim schema > schedule.schema.json',
    '# yaml-language-server: $schema=./schedule.schema.json   # first line of a schedule',
  );
  schema.action(async () => printJson((await import('../../../sim/schema.ts')).scheduleSchema()));
}
