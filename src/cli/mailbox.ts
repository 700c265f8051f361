import { Command, CommanderError } from 'commander';
import { programVersion } from '../platform/version.ts';
import { visibleBlock } from '../platform/visible.ts';
import { addCap } from './cap.ts';
import { addCluster } from './cluster.ts';
import { addCompletion } from './completion.ts';
import { addConfig } from './config.ts';
import { addDlq } from './dlq.ts';
import { CallError, complain } from './errors.ts';
import { addExplain } from './explain.ts';
import { addJournal } from './journal.ts';
import { addKeyring } from './keyring.ts';
import { addMessages } from './messages.ts';
import { addModel } from './model.ts';
import { addPeek } from './peek.ts';
import { addServe } from './serve.ts';
import { EXIT } from './shared.ts';
import { addShow } from './show.ts';
import { EndedEarly } from './signals.ts';
import { addSim } from './sim.ts';
import { addTail } from './tail.ts';
import { addTopics } from './topics.ts';
import { addTrace } from './trace.ts';

const program = new Command('mailbox')
  .description('A secure store-and-forward mailbox whose behaviour is an executable formal model.')
  .version(programVersion())
  .configureHelp({ showGlobalOptions: true });

for (const add of [
  addServe,
  addKeyring,
  addCap,
  addMessages,
  addTopics,
  addPeek,
  addShow,
  addTail,
  addDlq,
  addConfig,
  addExplain,
  addJournal,
  addCluster,
  addSim,
  addModel,
  addTrace,
  addCompletion,
])
  add(program);
const everyCommand = (command: Command): Command[] => [command, ...command.commands.flatMap(everyCommand)];
const pathOf = (command: Command): string =>
  command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
for (const command of everyCommand(program)) {
  command.exitOverride((error) => {
    throw new CallError(error, command, pathOf(command));
  });
  // Errors are told in one way, by `complain`; help goes out as it is.
  command.configureOutput({
    outputError: () => {},
    writeErr: (text) => process.stderr.write(visibleBlock(text)),
  });
}

const isServer = process.argv[2] === 'serve';
// The reader has what it wanted (`| head`): no error of ours. A server goes on without one.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (!isServer) process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.failed);
});
process.stderr.on('error', () => {});

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = error instanceof EndedEarly ? EXIT.ok : complain(error, isJsonAsked(process.argv));
  if (isServer && !isHelp(error)) (await import('./refusal.ts')).refuseStart(error, process.exitCode);
}

/** Help and version end a command by an error, too. */
function isHelp(error: unknown): boolean {
  return error instanceof CommanderError && error.exitCode === 0;
}

/** Errors are JSON where results are; what comes after `--` is no option. */
function isJsonAsked(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return args.slice(2, end < 0 ? undefined : end).includes('--json');
}
