import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { MailboxClient } from '../client/client.ts';
import { type FrameMessage, isItemError, type SendResult, type Sent } from '../client/types.ts';
import { freshCorrId } from '../observe/ids.ts';
import { type Connecting, clientOf, connecting, EXIT, examples, ms, print, printJson, UsageError } from './shared.ts';

/** From this size on a payload goes in a frame: as base64 in JSON it might be too large. */
const FRAME_FROM_BYTES = 512 * 1024;
const BATCH_MESSAGES = 256;
const BATCH_BYTES = 512 * 1024;

interface SendOptions extends Connecting {
  readonly file?: string;
  readonly lines?: string;
  readonly idemKey?: string;
  readonly attr: Record<string, string>;
  readonly delay?: number;
  readonly ttl?: number;
}

function attr(text: string, before: Record<string, string>): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new UsageError('attr: key=value');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

export function addSend(program: Command): void {
  const send = connecting(program.command('send <topic> [payload]').description('send a message, or many'))
    .option('--file <file>', 'payload from a file, - for standard input')
    .option('--lines <file>', 'a message a line of a file, - for standard input; sent in batches')
    .option('--idem-key <key>', 'idempotency key, else a fresh one; of lines: KEY-1, KEY-2, ..')
    .option('--attr <key=value>', 'attribute, repeatable', attr, {})
    .option('--delay <duration>', 'not before', ms('delay'))
    .option('--ttl <duration>', 'dead-letter when no one took it by then', ms('ttl'));
  examples(
    send,
    'mailbox send demo "hello"',
    'mailbox send demo --file invoice.pdf --idem-key invoice-4711',
    'mailbox send demo --lines orders.ndjson --idem-key orders-2026-01-31',
  ).action(async (topic: string, payload: string | undefined, options: SendOptions) => {
    const given = [payload, options.file, options.lines].filter((source) => source !== undefined);
    if (given.length !== 1) throw new UsageError('send: a payload, --file or --lines');
    const client = clientOf(options);
    const common = commonOf(topic, options);
    if (options.lines !== undefined) return sendLines(client, common, options);
    const bytes = options.file === undefined ? Buffer.from(payload as string) : read(options.file);
    const sent = await sendOne(client, { ...common, idem_key: options.idemKey ?? freshCorrId() }, bytes);
    if (options.json) printJson(sent);
    else printSent(sent);
  });
}

type Common = ReturnType<typeof commonOf>;
const commonOf = (topic: string, { attr: attrs, delay, ttl }: SendOptions) => ({
  topic,
  ...(Object.keys(attrs).length > 0 ? { attrs } : {}),
  ...(delay === undefined ? {} : { delay_ms: delay }),
  ...(ttl === undefined ? {} : { ttl_ms: ttl }),
});

const sendOne = (client: MailboxClient, common: Common & { idem_key: string }, payload: Buffer): Promise<Sent> =>
  payload.length < FRAME_FROM_BYTES
    ? client.send({ ...common, payload_b64: payload.toString('base64') })
    : client.sendBytes({ ...common, payload });

const printSent = ({ msg_id, duplicate }: Pick<Sent, 'msg_id' | 'duplicate'>): void =>
  print(`${msg_id}${duplicate ? '  (duplicate: sent before)' : ''}`);

/** Sends every line, in batches; lines that are refused are told one by one. */
async function sendLines(client: MailboxClient, common: Common, options: SendOptions): Promise<void> {
  const lines = read(options.lines as string)
    .toString('utf8')
    .split('\n');
  if (lines.at(-1) === '') lines.pop();
  const key = (number: number): string =>
    options.idemKey === undefined ? freshCorrId() : `${options.idemKey}-${number}`;
  for (let at = 0; at < lines.length; ) {
    const start = at;
    const messages: FrameMessage[] = [];
    let bytes = 0;
    do {
      const payload = Buffer.from(lines[at++] as string);
      bytes += payload.length;
      messages.push({ ...common, idem_key: key(at), payload });
    } while (
      at < lines.length &&
      messages.length < BATCH_MESSAGES &&
      bytes + (lines[at] as string).length < BATCH_BYTES
    );
    printResults(await client.sendFrames(messages), start + 1, options);
  }
}

function printResults(results: readonly SendResult[], firstLine: number, { json, lines }: SendOptions): void {
  for (const [i, result] of results.entries()) {
    if (json) printJson(result);
    else if (!isItemError(result)) printSent(result);
    if (!isItemError(result)) continue;
    process.stderr.write(`${lines}:${firstLine + i}: ${result.code}: ${result.message}\n`);
    process.exitCode = EXIT.failed;
  }
}

function read(file: string): Buffer {
  try {
    return readFileSync(file === '-' ? 0 : file);
  } catch (error) {
    throw new UsageError(`${file}: ${(error as NodeJS.ErrnoException).code ?? 'cannot be read'}`);
  }
}
