import type { Command } from 'commander';
import { loadConfig, shown } from '../config/load.ts';
import { flagsOf, withSettings } from './serve.ts';
import { print, printJson } from './shared.ts';

export function addConfig(program: Command): void {
  const config = program.command('config').description('the effective configuration');
  const load = (options: Record<string, unknown>) =>
    loadConfig(flagsOf(options), process.env, options['config'] as string | undefined);
  withSettings(config.command('check').description('refuse what serve would refuse')).action((options) => {
    load(options);
    print('configuration: ok');
  });
  const show = withSettings(config.command('print').description('every setting, its value and where it came from'));
  show.option('--json', 'print JSON').action((options) => {
    const rows = shown(load(options));
    if (options.json) return printJson(rows);
    for (const { name, value, origin } of rows) print(`${name.padEnd(20)}${value.padEnd(20)}${origin}`);
  });
}
