import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { durationMs } from '../config/values.ts';
import type { PublicJwk } from '../integrity/signature.ts';
import { verifyEnvelope } from '../integrity/verify.ts';
import { freshCorrId } from '../observe/ids.ts';
import { clientOf, connecting, EXIT, examples, print, printJson, UsageError, wholeNumber } from './shared.ts';

interface Connection {
  readonly url?: string;
  readonly cap?: string;
  readonly json?: true;
}

function ms(name: string): (text: string) => number {
  return (text) => {
    const value = durationMs(text);
    if (value === null) throw new UsageError(`${name}: a duration, like 5s`);
    return value;
  };
}

function attr(text: string, before: Record<string, string>): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new UsageError('attr: key=value');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

/** The verbs of producers and consumers, for people. */
export function addMessages(program: Command): void {
  const send = connecting(program.command('send <topic> [payload]').description('send a message'))
    .option('--file <file>', 'payload from a file, - for standard input')
    .option('--idem-key <key>', 'idempotency key, else a fresh one')
    .option('--attr <key=value>', 'attribute, repeatable', attr, {})
    .option('--delay <duration>', 'not before', ms('delay'))
    .option('--ttl <duration>', 'dead-letter when no one took it by then', ms('ttl'));
  examples(send, 'mailbox send demo "hello"', 'mailbox send demo --file invoice.pdf --idem-key invoice-4711');
  send.action(async (topic: string, payload: string | undefined, options: SendOptions) => {
    if ((payload === undefined) === (options.file === undefined)) throw new UsageError('send: a payload, or --file');
    const bytes = options.file === undefined ? Buffer.from(payload as string) : read(options.file);
    const sent = await clientOf(options).send({
      topic,
      idem_key: options.idemKey ?? freshCorrId(),
      payload_b64: bytes.toString('base64'),
      ...(Object.keys(options.attr).length > 0 ? { attrs: options.attr } : {}),
      ...(options.delay === undefined ? {} : { delay_ms: options.delay }),
      ...(options.ttl === undefined ? {} : { ttl_ms: options.ttl }),
    });
    if (options.json) printJson(sent);
    else print(`${sent.msg_id}${sent.duplicate ? '  (duplicate: sent before)' : ''}`);
  });

  const recv = connecting(program.command('recv <topic>').description('lease messages; their hashes are verified'))
    .option('--max <n>', 'at most so many', wholeNumber('max', 1, 256), 1)
    .option('--wait <duration>', 'wait for one, up to 20s', ms('wait'), 0)
    .option('--visibility <duration>', 'length of the lease', ms('visibility'))
    .option('--ack', 'acknowledge what was printed')
    .option('--signed-by <file>', 'only what a key of this file signed, as `GET /v1/keys` gave it');
  examples(recv, 'mailbox recv demo --wait 20s --ack').action(async (topic: string, options: RecvOptions) => {
    const client = clientOf(options);
    const keys = options.signedBy === undefined ? undefined : publicKeysIn(read(options.signedBy));
    const { messages } = await client.recv({
      topic,
      max_messages: options.max,
      wait_ms: options.wait,
      ...(options.visibility === undefined ? {} : { visibility_ms: options.visibility }),
    });
    for (const envelope of messages) {
      const broken = verifyEnvelope(envelope, keys);
      if (broken !== null) {
        process.stderr.write(`recv: ${envelope.msg_id}: ${broken} does not hold\n`);
        process.exitCode = EXIT.failed;
        continue;
      }
      if (options.json) printJson(envelope);
      else {
        print(`${envelope.msg_id}  receipt ${envelope.receipt}  attempt ${envelope.attempt}  ${envelope.ts}`);
        print(Buffer.from(envelope.payload_b64, 'base64').toString());
      }
      if (options.ack) await client.ack(envelope.msg_id, envelope.receipt);
    }
  });

  const ack = connecting(program.command('ack <msg_id> <receipt>').description('done with a message'));
  examples(ack, 'mailbox ack 01J8ZC4V2N6Q9R0S3T5W7X8Y1A Xk3...').action(
    async (msgId: string, receipt: string, options: Connection) => {
      const answer = await clientOf(options).ack(msgId, receipt);
      if (options.json) printJson(answer);
      else print('acked');
    },
  );

  const nack = connecting(program.command('nack <msg_id> <receipt>').description('give a message back'))
    .option('--reason <text>', 'kept with a dead letter')
    .option('--retry-after <duration>', 'instead of the backoff', ms('retry-after'))
    .option('--dead-letter', 'never again');
  nack.action(async (msgId: string, receipt: string, options: NackOptions) => {
    const { reason, retryAfter, deadLetter } = options;
    const answer = await clientOf(options).nack(msgId, {
      receipt,
      ...(reason === undefined ? {} : { reason }),
      ...(retryAfter === undefined ? {} : { retry_after_ms: retryAfter }),
      ...(deadLetter === undefined ? {} : { dead_letter: true }),
    });
    if (options.json) printJson(answer);
    else print(answer.state);
  });

  const extend = connecting(program.command('extend <msg_id> <receipt>').description('lease a message for longer'));
  extend.option('--visibility <duration>', 'from now', ms('visibility'));
  extend.action(async (msgId: string, receipt: string, options: Connection & { visibility?: number }) => {
    const { visibility } = options;
    const more = visibility === undefined ? { receipt } : { receipt, visibility_ms: visibility };
    const answer = await clientOf(options).extend(msgId, more);
    if (options.json) printJson(answer);
    else print(`${answer.deadline_in_ms} ms left`);
  });

  const stats = connecting(program.command('stats <topic>').description('what is in a topic'));
  stats.action(async (topic: string, options: Connection) => {
    const answer = await clientOf(options).stats(topic);
    if (options.json) return printJson(answer);
    for (const [name, value] of Object.entries(answer)) print(`${name.padEnd(16)}${value}`);
  });
}

interface SendOptions extends Connection {
  readonly file?: string;
  readonly idemKey?: string;
  readonly attr: Record<string, string>;
  readonly delay?: number;
  readonly ttl?: number;
}
interface RecvOptions extends Connection {
  readonly max: number;
  readonly wait: number;
  readonly visibility?: number;
  readonly ack?: true;
  readonly signedBy?: string;
}
interface NackOptions extends Connection {
  readonly reason?: string;
  readonly retryAfter?: number;
  readonly deadLetter?: true;
}

function read(file: string): Buffer {
  try {
    return readFileSync(file === '-' ? 0 : file);
  } catch (error) {
    throw new UsageError(`file: ${(error as NodeJS.ErrnoException).code ?? 'cannot be read'}`);
  }
}

/** The keys of a file as `GET /v1/keys` writes it. */
function publicKeysIn(file: Buffer): readonly PublicJwk[] {
  try {
    const { keys } = JSON.parse(file.toString('utf8')) as { keys: readonly PublicJwk[] };
    if (keys.every(({ kid, x }) => typeof kid === 'string' && typeof x === 'string')) return keys;
  } catch {}
  throw new UsageError('signed-by: no public keys in it');
}
