import type { Command } from 'commander';
import { loadConfig, shown } from '../config/load.ts';
import { flagsOf, withSettings } from './setting-flags.ts';
import { examples, print, printJson } from './shared.ts';
import { type Column, table } from './table.ts';

export function addConfig(program: Command): void {
  const config = program.command('config').description('the effective configuration');
  const load = (options: Record<string, unknown>) =>
    loadConfig(flagsOf(options), process.env, options['config'] as string | undefined);
  withSettings(config.command('check').description('refuse what serve would refuse')).action((options) => {
    load(options);
    print('configuration: ok');
  });
  const schema = config.command('schema').description('the JSON Schema of a configuration file, for editors');
  examples(
    schema,
    'mailbox config schema > mailbox.schema.json',
    '#:schema ./mailbox.schema.json   # first line of mailbox.toml',
  );
  schema.action(async () => printJson((await import('../config/schema.ts')).configurationSchema()));
  const show = withSettings(config.command('print').description('every setting, its value and where it came from'));
  show.option('--json', 'print JSON').action((options) => {
    const rows = shown(load(options));
    if (options.json) return printJson(rows);
    for (const line of table(COLUMNS, rows)) print(line);
  });
  show.addHelpText('after', '\nlive: `kill -HUP` takes over a new value; the others need a restart.');
  examples(show, 'mailbox config print --config mailbox.toml', 'mailbox config print --json');
}

const COLUMNS: readonly Column<ReturnType<typeof shown>[number]>[] = [
  { head: 'setting', of: ({ name }) => name },
  { head: 'value', of: ({ value }) => value },
  { head: 'from', of: ({ origin }) => origin },
  { head: 'default', of: ({ default: fallback }) => fallback },
  { head: 'live', of: ({ live }) => (live ? 'live' : '') },
  { head: 'allowed', of: ({ allowed }) => allowed },
];
