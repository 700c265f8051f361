import type { Command } from 'commander';
import type { MailboxClient } from '../client/client.ts';
import { type FrameMessage, isItemError, type SendResult, type Sent } from '../client/types.ts';
import { freshCorrId } from '../observe/ids.ts';
import { echoed, visible } from '../platform/visible.ts';
import { LONGEST_BYTES, readBytes } from './files.ts';
import {
  type Connecting,
  clientOf,
  EXIT,
  examples,
  ms,
  print,
  printJson,
  retrying,
  say,
  UsageError,
} from './shared.ts';

/** From this size on a payload goes in a frame: as base64 in JSON it might be too large. */
const FRAME_FROM_BYTES = 512 * 1024;
const BATCH_MESSAGES = 256;
const BATCH_BYTES = 512 * 1024;
/** No server takes more in one request, and so no larger payload. */
const PAYLOAD_BYTES_MAX = 1024 ** 2;

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
  if (at < 1) throw new UsageError(`--attr ${echoed(text)}: must be KEY=VALUE`);
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

export function addSend(program: Command): void {
  const send = retrying(program.command('send <topic> [payload]').description('send a message, or many'))
    .option('--file <file>', 'payload from a file, - for standard input')
    .option('--lines <file>', 'a message a line of a file, - for standard input; sent in batches')
    .option('--idem-key <key>', 'idempotency key, else a fresh one; of lines: KEY-1, KEY-2, ..')
    .option('--attr <key=value>', 'attribute, repeatable', attr, {})
    .option('--delay <duration>', 'not before', ms('--delay'))
    .option('--ttl <duration>', 'dead-letter when no one took it by then', ms('--ttl'));
  examples(
    send,
    'mailbox send demo "hello"',
    'mailbox send demo --file invoice.pdf --idem-key invoice-4711',
    'mailbox send demo --lines orders.ndjson --idem-key orders-2026-01-31',
  ).action(async (topic: string, payload: string | undefined, options: SendOptions) => {
    const given = [payload, options.file, options.lines].filter((source) => source !== undefined);
    if (given.length !== 1) throw new UsageError('send: a payload, --file or --lines: one of them');
    const client = clientOf(options);
    const common = commonOf(topic, options);
    if (options.lines !== undefined) return sendLines(client, common, options);
    const bytes =
      options.file === undefined
        ? Buffer.from(payload as string)
        : readBytes('--file', options.file, PAYLOAD_BYTES_MAX);
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
  print(`${visible(msg_id)}${duplicate ? '  (duplicate: sent before)' : ''}`);

/** Sends every line, in batches; lines that are refused are told one by one. */
async function sendLines(client: MailboxClient, common: Common, options: SendOptions): Promise<void> {
  const lines = linesIn(readBytes('--lines', options.lines as string, LONGEST_BYTES));
  const key = (number: number): string =>
    options.idemKey === undefined ? freshCorrId() : `${options.idemKey}-${number}`;
  for (let at = 0; at < lines.length; ) {
    const start = at;
    const messages: FrameMessage[] = [];
    let bytes = 0;
    do {
      const payload = lines[at++] as Uint8Array;
      bytes += payload.length;
      messages.push({ ...common, idem_key: key(at), payload });
    } while (
      at < lines.length &&
      messages.length < BATCH_MESSAGES &&
      bytes + (lines[at] as Uint8Array).length < BATCH_BYTES
    );
    printResults(await client.sendFrames(messages), start + 1, options);
  }
}

const LINE_FEED = 0x0a;

/** As bytes, not as text: a line need not be UTF-8. */
function linesIn(bytes: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(LINE_FEED, at);
    const stop = end < 0 ? bytes.length : end;
    lines.push(bytes.subarray(at, stop));
    at = stop + 1;
  }
  return lines;
}

function printResults(results: readonly SendResult[], firstLine: number, { json, lines }: SendOptions): void {
  for (const [i, result] of results.entries()) {
    if (json) printJson(result);
    else if (!isItemError(result)) printSent(result);
    if (!isItemError(result)) continue;
    const { code, message, reason } = result;
    say(visible(`${lines}:${firstLine + i}: ${code}: ${message}${reason === undefined ? '' : ` (reason ${reason})`}`));
    process.exitCode = EXIT.failed;
  }
}
