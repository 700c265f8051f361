import type { Command } from 'commander';
import { withSettings } from './setting-flags.ts';
import { examples } from './shared.ts';

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
  1  refused, for the machine is not as it must be (address taken, data directory in use or damaged, engine not there); or failed; or told twice to end
  2  refused, for what it was given is wrong (flags, variables, configuration, keys, certificates)
A refused start is a line of the log, too: event "server.refused" with reason, setting, exit_code.`;
