import { type Command, Option } from 'commander';
import { flagOf } from '../config/load.ts';
import { SETTING_NAMES, SETTINGS } from '../config/settings.ts';
import { examples } from './shared.ts';

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
  return command;
}

/** The flags given, by setting. */
export function flagsOf(options: Readonly<Record<string, unknown>>): Record<string, string> {
  const flags: Record<string, string> = {};
  for (const name of SETTING_NAMES) {
    const value = options[name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())];
    if (value !== undefined) flags[name] = String(value);
  }
  return flags;
}

export function addServe(program: Command): void {
  const command = withSettings(program.command('serve').description('run the mailbox'));
  command.option(
    '--accept-torn-tail',
    'drop a damaged last frame of the journal; what it held may have been acknowledged',
  );
  command.option(
    '--trace <file>',
    'write what becomes durable as a trace, to a new file (`mailbox trace check` reads it)',
  );
  examples(
    command,
    'mailbox serve',
    'mailbox serve --data /var/lib/mailbox --keyring keyring.json --bind 0.0.0.0:9410',
    'mailbox serve --profile micronode',
  );
  command.addHelpText('after', EXIT_CODES);
  // Loaded here, so that the other commands start without the server.
  command.action(async (options: Record<string, unknown>) => (await import('./server.ts')).serve(options));
}

const EXIT_CODES = `
Exit codes:
  0  told to end by SIGTERM or SIGINT, and ended
  1  refused, for the machine is not as it must be (address taken, data directory in use or damaged); or failed; or told twice to end
  2  refused, for what it was given is wrong (flags, variables, configuration, keys, certificates)
A refused start is a line of the log, too: event "server.refused" with reason, setting, exit_code.`;
