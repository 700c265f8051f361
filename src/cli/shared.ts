import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { MailboxClient } from '../client/client.ts';
import { nodeFetch } from '../client/node.ts';
import { clientVariables } from '../config/load.ts';
import { durationMs } from '../config/values.ts';

/** Exit codes of every command: done, failed, wrongly called. */
export const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

/** The call itself was wrong: one line, exit 2. */
export class UsageError extends Error {}

export const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

export const printJson = (value: unknown): void => print(JSON.stringify(value, null, 2));

/** Adds an example to a command's help. */
export const examples = (command: Command, ...lines: readonly string[]): Command =>
  command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`);

export function wholeNumber(name: string, min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^[0-9]+$/.test(text) || value < min || value > max) {
      throw new UsageError(`${name}: a whole number ${min}..${max}`);
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
}

/** The client of `MAILBOX_URL`, `MAILBOX_CA` and `MAILBOX_CAP`, which flags override; `unix:PATH` is a URL, too. */
export function clientOf(options: Connecting): MailboxClient {
  const { MAILBOX_URL, MAILBOX_CA, MAILBOX_CAP } = clientVariables();
  const capability = options.cap ?? MAILBOX_CAP;
  if (capability === undefined) throw new UsageError('capability: set MAILBOX_CAP or give --cap');
  const given = options.url ?? MAILBOX_URL ?? 'http://127.0.0.1:9410';
  const socketPath = options.uds ?? (given.startsWith(UNIX) ? given.slice(UNIX.length) : undefined);
  const url = socketPath === undefined ? given : 'http://mailbox';
  if (!/^https?:/.test(url) || !URL.canParse(url)) throw new UsageError('url: http://.., https://.. or unix:PATH');
  const caFile = options.ca ?? MAILBOX_CA;
  if (socketPath === undefined && caFile === undefined) return new MailboxClient({ url, capability });
  const ca = caFile === undefined ? undefined : fileText('ca', caFile);
  return new MailboxClient({ url, capability, fetch: nodeFetch({ socketPath, ca }) });
}
const UNIX = 'unix:';

/** What a file holds. @throws UsageError naming the option */
export function fileText(name: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`${name} ${file}: ${(error as NodeJS.ErrnoException).code ?? 'cannot be read'}`);
  }
}

/** Options of every command that talks to a server. */
export const connecting = (command: Command): Command =>
  command
    .option('--url <url>', 'the server, else MAILBOX_URL; unix:PATH for a Unix socket')
    .option('--uds <path>', 'the Unix socket of the server')
    .option('--ca <file>', 'certificates (PEM) to trust, else MAILBOX_CA')
    .option('--cap <capability>', 'the capability, else MAILBOX_CAP (safer: arguments can be seen by others)')
    .option('--json', 'print JSON');

/** An argument as it is, or standard input for `-`. */
export const textOf = (argument: string): string => (argument === '-' ? readFileSync(0, 'utf8').trim() : argument);

/** Reads an option that is a duration. */
export function ms(name: string): (text: string) => number {
  return (text) => {
    const value = durationMs(text);
    if (value === null) throw new UsageError(`${name}: a duration, like 5s`);
    return value;
  };
}
