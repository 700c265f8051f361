import type { Command } from 'commander';
import { MailboxClient } from '../client/client.ts';
import { clientVariables } from '../config/load.ts';
import { standardInput } from './standard.ts';

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

/** The client of `MAILBOX_URL` and `MAILBOX_CAP`, which `--url` and `--cap` override. */
export function clientOf({ url, cap }: { readonly url?: string; readonly cap?: string }): MailboxClient {
  const { MAILBOX_URL, MAILBOX_CAP } = clientVariables();
  const capability = cap ?? MAILBOX_CAP;
  if (capability === undefined) throw new UsageError('capability: set MAILBOX_CAP or give --cap');
  const base = url ?? MAILBOX_URL ?? 'http://127.0.0.1:9410';
  if (!URL.canParse(base)) throw new UsageError('url: not a URL');
  return new MailboxClient({ url: base, capability });
}

/** Options of every command that talks to a server. */
export const connecting = (command: Command): Command =>
  command
    .option('--url <url>', 'the server, else MAILBOX_URL')
    .option('--cap <capability>', 'the capability, else MAILBOX_CAP (safer: arguments can be seen by others)')
    .option('--json', 'print JSON');

/** An argument as it is, or standard input for `-`. */
export const textOf = (argument: string): string => (argument === '-' ? standardInput().toString().trim() : argument);
