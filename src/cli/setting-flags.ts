import { type Command, Option } from 'commander';
import { flagOf } from '../config/load.ts';
import { SETTING_NAMES, SETTINGS } from '../config/settings.ts';

/** Adds a flag for every setting. */
export function withSettings(command: Command): Command {
  command.option('--config <file>', 'TOML file of settings');
  for (const name of SETTING_NAMES) {
    const { kind, about } = SETTINGS[name];
    // True when it is there: only variables and files have a value to give.
    const isSwitch = kind.says === 'true or false';
    const option = isSwitch
      ? new Option(flagOf(name), about)
      : new Option(`${flagOf(name)} <value>`, `${about} (${kind.says})`);
    command.addOption(option);
  }
  command.addOption(new Option('--metrics <value>', 'the same as --metrics-bind').conflicts('metricsBind'));
  return command;
}

/** The flags given, by setting. */
export function flagsOf(options: Readonly<Record<string, unknown>>): Record<string, string> {
  const flags: Record<string, string> = {};
  for (const name of SETTING_NAMES) {
    const value = options[name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())];
    if (value !== undefined) flags[name] = String(value);
  }
  if (options['metrics'] !== undefined) flags['metrics_bind'] = String(options['metrics']);
  return flags;
}
