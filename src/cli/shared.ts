import type { Command } from 'commander';
import { MailboxClient } from '../client/client.ts';
import type { Wait } from '../client/error.ts';
import { nodeFetch } from '../client/node.ts';
import { clientVariables } from '../config/load.ts';
import { durationMs } from '../config/values.ts';
import { echoed, visible, visibleBlock } from '../platform/visible.ts';
import { coloured, showsColours } from './colours.ts';
import { readText } from './files.ts';
import { standardInput } from './standard.ts';
import { UsageError } from './usage.ts';

export { UsageError } from './usage.ts';

/** Exit codes of every command: done; a task that failed or a verdict that is no; wrongly called, or a file that cannot be read. */
export const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

/** A result, for people or as JSON: whatever is in it does nothing to a terminal. */
export const print = (text: string): void => {
  process.stdout.write(`${visibleBlock(text)}\n`);
};

/** A line for people, with this word of it in the colour of what it says, where that can be seen. */
export const printStated = (line: string, word: string): void => {
  const shown = visibleBlock(line);
  process.stdout.write(`${showsColours(process.stdout, process.env) ? coloured(shown, word) : shown}\n`);
};

/** What is no result: beside it, on standard error. */
export const say = (text: string): void => {
  process.stderr.write(`${visibleBlock(text)}\n`);
};

/** The same of an error, its code in colour. */
export const sayCode = (text: string, code: string): void => {
  const shown = visibleBlock(text);
  process.stderr.write(`${showsColours(process.stderr, process.env) ? coloured(shown, code) : shown}\n`);
};

/** Each field in a row of its own; one that has no value has no row. */
export function printFields(fields: object, width = 14): void {
  for (const [name, value] of Object.entries(fields))
    if (value !== null)
      print(visible(`${name.padEnd(width)}${typeof value === 'string' ? value : JSON.stringify(value)}`));
}

export const printJson = (value: unknown): void => print(JSON.stringify(value, null, 2));

/** Adds an example to a command's help. */
export const examples = (command: Command, ...lines: readonly string[]): Command =>
  command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`);

/** Reads an option that is a whole number; `range` says which where that depends on other options, too. */
export function wholeNumber(
  name: string,
  min: number,
  max: number,
  range = `${min}..${max}`,
): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^[0-9]{1,16}$/.test(text) || value < min || value > max) {
      throw new UsageError(`${name} ${echoed(text)}: must be a whole number ${range}`);
    }
    return value;
  };
}

/** What every command that talks to a server goes by. */
export interface Connecting {
  readonly url?: string;
  readonly uds?: string;
  readonly ca?: string;
  readonly cap?: string;
  readonly json?: true;
  /** How long it may wait altogether to try again; only of what may be tried again. */
  readonly retryFor?: number;
}

/** The client of `MAILBOX_URL`, `MAILBOX_CA` and `MAILBOX_CAP`, which flags override; `unix:PATH` is a URL, too. */
export function clientOf(options: Connecting): MailboxClient {
  const { MAILBOX_URL, MAILBOX_CA, MAILBOX_CAP } = clientVariables();
  const capability = options.cap ?? MAILBOX_CAP;
  if (capability === undefined) throw new UsageError('capability: none; set MAILBOX_CAP or give --cap');
  if (!/^[!-~]+$/.test(capability))
    throw new UsageError(`${options.cap === undefined ? 'MAILBOX_CAP' : '--cap'}: no capability; is it whole?`);
  const given = options.url ?? MAILBOX_URL ?? 'http://127.0.0.1:9410';
  const socketPath = options.uds ?? (given.startsWith(UNIX) ? given.slice(UNIX.length) : undefined);
  const url = socketPath === undefined ? given : 'http://mailbox';
  if (!/^https?:/.test(url) || !URL.canParse(url)) {
    const from = options.url === undefined ? 'MAILBOX_URL' : '--url';
    throw new UsageError(`${from} ${echoed(given)}: must be http://HOST:PORT, https://HOST:PORT or unix:PATH`);
  }
  const caFile = options.ca ?? MAILBOX_CA;
  const ca = caFile === undefined ? undefined : readText(options.ca === undefined ? 'MAILBOX_CA' : '--ca', caFile);
  const fetching = socketPath === undefined && ca === undefined ? {} : { fetch: nodeFetch({ socketPath, ca }) };
  return new MailboxClient({
    ...{ url, capability, ...fetching, retryForMs: options.retryFor ?? RETRY_FOR_MS },
    onWait: (wait) => say(options.json === true ? JSON.stringify(waiting(wait)) : waitingLine(wait)),
  });
}
const UNIX = 'unix:';
const RETRY_FOR_MS = 60_000;

const waiting = ({ error, ms, leftMs }: Wait) => ({
  ...{ event: 'waiting', wait_ms: Math.ceil(ms), left_ms: Math.ceil(leftMs), code: error.code },
  ...{ reason: error.reason, corr_id: error.corrId },
});
const waitingLine = ({ error, ms }: Wait): string =>
  `${error.code}${error.reason === null ? '' : ` (${error.reason})`}: trying again in ${(ms / 1000).toFixed(1)} s; --retry-for 0s does not wait`;

/** Options of every command that talks to a server. */
export const connecting = (command: Command): Command =>
  command
    .option('--url <url>', 'the server, else MAILBOX_URL; unix:PATH for a Unix socket')
    .option('--uds <path>', 'the Unix socket of the server')
    .option('--ca <file>', 'certificates (PEM) to trust, else MAILBOX_CA')
    .option('--cap <capability>', 'the capability, else MAILBOX_CAP (safer: arguments can be seen by others)')
    .option('--json', 'print JSON, errors too');

/** Of what is tried again when the server asks for patience. */
export const retrying = (command: Command): Command =>
  connecting(command).option(
    '--retry-for <duration>',
    'wait so long altogether to try again when the server asks for it, 60s unless said; 0s fails at once',
    ms('--retry-for'),
  );

/** An argument as it is, or standard input for `-`. */
export const textOf = (argument: string): string => (argument === '-' ? standardInput().toString().trim() : argument);

/** Reads an option that is a duration of at least `min` and at most `max` ms. */
export function ms(name: string, min = 0, max = Number.POSITIVE_INFINITY): (text: string) => number {
  return (text) => {
    const value = durationMs(text);
    if (value === null || value < min || value > max) {
      const most = max === Number.POSITIVE_INFINITY ? '' : ` of at most ${max / 1000} s`;
      throw new UsageError(`${name} ${echoed(text)}: must be a duration${most}, like 250ms 5s 1h 7d`);
    }
    return value;
  };
}
