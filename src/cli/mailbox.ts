import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { KeyringError } from '../auth/keyring.ts';
import { MailboxError } from '../client/error.ts';
import { ConfigError } from '../config/values.ts';
import { addCap } from './cap.ts';
import { addConfig } from './config.ts';
import { addDlq } from './dlq.ts';
import { addJournal } from './journal.ts';
import { addKeyring } from './keyring.ts';
import { addMessages } from './messages.ts';
import { addModel } from './model.ts';
import { refuseStart } from './refusal.ts';
import { addServe } from './serve.ts';
import { EXIT, UsageError } from './shared.ts';
import { EndedEarly } from './signals.ts';
import { addSim } from './sim.ts';
import { addTrace } from './trace.ts';

/** package.json is one level up from what is built, two from the sources. */
function version(): string {
  for (const up of ['../package.json', '../../package.json']) {
    try {
      return (JSON.parse(readFileSync(new URL(up, import.meta.url), 'utf8')) as { version: string }).version;
    } catch {}
  }
  return 'unknown';
}

const program = new Command('mailbox')
  .description('A secure store-and-forward mailbox whose behaviour is an executable formal model.')
  .version(version())
  .showHelpAfterError('(--help shows how)')
  .configureHelp({ showGlobalOptions: true })
  .exitOverride();

for (const add of [
  addServe,
  addKeyring,
  addCap,
  addMessages,
  addDlq,
  addConfig,
  addJournal,
  addSim,
  addModel,
  addTrace,
])
  add(program);
const everyCommand = (command: Command): Command[] => [command, ...command.commands.flatMap(everyCommand)];
for (const command of everyCommand(program)) command.exitOverride().showHelpAfterError('(--help shows how)');

const isServer = process.argv[2] === 'serve';
// The reader has what it wanted (`| head`): no error of ours. A server goes on without one.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (!isServer) process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.failed);
});
process.stderr.on('error', () => {});

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
  if (isServer && !isHelp(error)) refuseStart(error, process.exitCode);
}

/** Help and version end a command by an error, too. */
function isHelp(error: unknown): boolean {
  return error instanceof CommanderError && error.exitCode === 0;
}

/** One line about what went wrong, and the code to leave with. */
function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return isHelp(error) ? EXIT.ok : EXIT.usage;
  if (error instanceof EndedEarly) return EXIT.ok;
  if (error instanceof UsageError || error instanceof ConfigError || error instanceof KeyringError) {
    process.stderr.write(`${error.message}\n`);
    return EXIT.usage;
  }
  if (error instanceof MailboxError) {
    const again = error.retryable ? ' (may succeed later)' : '';
    process.stderr.write(`${error.code}: ${error.message}${again}\n`);
    return EXIT.failed;
  }
  if ((error as Error).constructor.name === 'ScheduleError') {
    process.stderr.write(`${(error as Error).message}\n`);
    return EXIT.usage;
  }
  const { code, message } = error as NodeJS.ErrnoException;
  process.stderr.write(`${code === undefined ? '' : `${code}: `}${message}\n`);
  return EXIT.failed;
}
