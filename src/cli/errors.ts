import { type Command, CommanderError } from 'commander';
import { remedyOf } from '../api/errors.ts';
import { MailboxError } from '../client/error.ts';
import { echoed, visible } from '../platform/visible.ts';
import { systemSays } from './files.ts';
import { EXIT, say, sayCode } from './shared.ts';
import { UsageError } from './usage.ts';

/** What went wrong, as it is told: as lines for people, or with `--json` as one object with these names. */
interface Told {
  readonly code: string;
  readonly message: string;
  readonly reason?: string | null;
  readonly corr_id?: string | null;
  readonly retryable?: boolean;
  readonly retry_after_ms?: number;
  /** What to do about it. */
  readonly remedy: string;
}

const HELP = '--help shows how';
const FILE =
  'is the path right, seen from where this runs, and may you read and write there? What takes a file takes - for standard input, too';

/** Errors of ours that say that a call or a file was wrong, by their class: most are loaded only when they are needed. */
const WRONG: Readonly<Record<string, readonly [code: string, remedy: string]>> = {
  ConfigError: ['E_CONFIG', '`mailbox config print` shows every setting with its range'],
  KeyringError: ['E_KEYRING', '`mailbox keyring --help` shows how keyrings are made'],
  ScheduleError: ['E_SCHEDULE', 'docs/simulator.md says what a schedule may say'],
  TraceError: ['E_TRACE', 'docs/conformance.md says what a trace is'],
  TlcTraceError: ['E_TRACE', 'leave --tlc out'],
  CounterexampleError: ['E_TRACE', 'give it all of what TLC printed'],
};

function fromServer(error: MailboxError): Told {
  const { code, message, reason, corrId, retryable, retryAfterMs } = error;
  const remedy = remedyOf(code, reason);
  return { code, message, reason, corr_id: corrId, retryable, retry_after_ms: Math.ceil(retryAfterMs), remedy };
}

/** The command that was called, for the hint: commander says it with its errors. */
export class CallError extends CommanderError {
  readonly command: string;

  constructor({ exitCode, code, message }: CommanderError, command: Command, path: string) {
    super(exitCode, code, code === 'commander.excessArguments' ? tooMany(command) : message);
    this.command = path;
  }
}

/** Names what stands there beyond what the command takes: most often a value for a flag that has none. */
function tooMany({ args, registeredArguments, options }: Command): string {
  const extra = args[registeredArguments.length] as string;
  const takesNone = (flag: string | undefined): boolean =>
    options.some(({ long, required, optional }) => long === flag && !required && !optional);
  const flag = process.argv.find((word, i, words) => words[i + 1] === extra && takesNone(word));
  if (flag !== undefined) return `${flag} ${echoed(extra)}: the flag takes no value; it is off where it is left out`;
  const most = registeredArguments.length;
  return `${echoed(extra)}: too many arguments, ${most === 0 ? 'none is' : `at most ${most} are`} taken`;
}

function toldOf(error: unknown): { readonly told: Told; readonly exit: number } {
  if (error instanceof MailboxError) return { told: fromServer(error), exit: EXIT.failed };
  if (error instanceof CallError) {
    const message = error.message.replace(/^error: /, '');
    const hint = / '-[^-']/.test(message) ? '; what begins with a - and is no option goes after --' : '';
    return { told: { code: 'E_USAGE', message, remedy: `${error.command} ${HELP}${hint}` }, exit: EXIT.usage };
  }
  if (error instanceof UsageError)
    return {
      told: { code: error.code, message: error.message, remedy: error.code === 'E_FILE' ? FILE : HELP },
      exit: EXIT.usage,
    };
  const wrong = wronglyCalled(error as NodeJS.ErrnoException);
  return wrong === null
    ? { told: failed(error as NodeJS.ErrnoException), exit: EXIT.failed }
    : { told: wrong, exit: EXIT.usage };
}

/** A file or a setting that cannot be used, or null. */
function wronglyCalled(error: NodeJS.ErrnoException): Told | null {
  const wrong = WRONG[error.constructor.name] ?? WRONG[error.name];
  if (wrong !== undefined) return { code: wrong[0], message: error.message, remedy: wrong[1] };
  // A file that was named and could not be had.
  if (error.path === undefined || error.errno === undefined) return null;
  return { code: 'E_FILE', message: `${visible(error.path)}: ${systemSays(error)}`, remedy: FILE };
}

function failed(error: NodeJS.ErrnoException): Told {
  const { name, message, code } = error;
  if (DEFECTS.includes(name))
    return { code: 'E_DEFECT', message: `${name}: ${message}`, remedy: 'a defect of ours: report it with this line' };
  const told = code === undefined || message.includes(code) ? message : `${code}: ${message}`;
  return { code: 'E_FAILED', message: told, remedy: 'mend what it names, and try again' };
}
const DEFECTS = ['TypeError', 'RangeError', 'ReferenceError'];

/** Tells what went wrong, on standard error; gives the code to leave with. */
export function complain(error: unknown, json: boolean): number {
  if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok;
  // Help that was shown because a command was missing says it all.
  if (error instanceof CommanderError && error.code === 'commander.help') return EXIT.usage;
  const { told, exit } = toldOf(error);
  if (json) say(JSON.stringify(told));
  else sayCode(lines(told).join('\n'), told.code);
  return exit;
}

/** Codes that say nothing to people beyond the message, and those whose message says what to do. */
const PLAIN = ['E_USAGE', 'E_FILE', 'E_FAILED', 'E_CONFIG', 'E_KEYRING', 'E_SCHEDULE', 'E_TRACE'];
/** Those whose messages are ours, and may have several lines. */
const BLOCKS = ['E_USAGE', 'E_CONFIG', 'E_FAILED'];
const HINTLESS = ['E_FILE', 'E_FAILED', 'E_SCHEDULE', 'E_TRACE', 'E_KEYRING', 'E_CONFIG'];

function lines({ code, message, reason, corr_id, retry_after_ms = 0, remedy }: Told): string[] {
  const more = [
    ...(reason == null ? [] : [`reason ${reason}`]),
    ...(corr_id == null ? [] : [`corr_id ${corr_id}`]),
    ...(retry_after_ms > 0 ? [`again in ${(retry_after_ms / 1000).toFixed(1)} s`] : []),
  ];
  const about = more.length === 0 ? '' : ` (${visible(more.join(', '))})`;
  const head = PLAIN.includes(code) ? '' : `${code}: `;
  const text = `${head}${message}${about}`;
  return [BLOCKS.includes(code) ? text : visible(text), ...(HINTLESS.includes(code) ? [] : [`  ${remedy}`])];
}
