import type { Command } from 'commander';
import type { MailboxClient } from '../client/client.ts';
import type { Envelope } from '../client/types.ts';
import type { PublicJwk } from '../integrity/signature.ts';
import { payloadShown, visible } from '../platform/visible.ts';
import { readText, writeBytes } from './files.ts';
import {
  type Connecting,
  clientOf,
  connecting,
  EXIT,
  examples,
  ms,
  print,
  printJson,
  say,
  UsageError,
  wholeNumber,
} from './shared.ts';
import { writeOut } from './standard.ts';

interface RecvOptions extends Connecting {
  readonly max?: number;
  readonly wait?: number;
  readonly visibility?: number;
  readonly ack?: true;
  readonly stream?: true;
  readonly credit?: number;
  readonly signedBy?: string;
  readonly raw?: true;
  readonly out?: string;
}

const STREAM_MAX = 1_000_000_000;
const RECV_MAX = 256;
const MAX_RANGE = `1..${RECV_MAX}, with --stream 1..${STREAM_MAX}`;
const RECV_WAIT_MS = 20_000;

export function addRecv(program: Command): void {
  const recv = connecting(program.command('recv <topic>').description('lease messages; their hashes are verified'))
    .option(
      '--max <n>',
      `at most so many, ${MAX_RANGE}; 1 unless said, with --stream no limit`,
      wholeNumber('--max', 1, STREAM_MAX, MAX_RANGE),
    )
    .option(
      '--wait <duration>',
      'for a first one up to 20s; with --stream it ends when none came for so long',
      ms('--wait'),
    )
    .option('--visibility <duration>', 'length of the lease', ms('--visibility'))
    .option('--stream', 'go on as they come')
    .option('--credit <n>', 'with --stream: most messages unsettled at once', wholeNumber('--credit', 1, 256))
    .option('--ack', 'acknowledge what was printed')
    .option('--raw', 'payloads as they are, byte for byte and nothing else; the rest goes to standard error')
    .option('--out <file>', 'the payload of one message into a file, byte for byte')
    .option('--signed-by <file>', 'only what a key of this file signed, as `GET /v1/keys` gave it');
  recv.addHelpText(
    'after',
    '\nPayloads are shown as text, what does something to a terminal as \\u001b, or in base64 when they are no UTF-8.',
  );
  examples(
    recv,
    'mailbox recv demo --wait 20s --ack',
    'mailbox recv demo --out invoice.pdf',
    'mailbox recv demo --stream --ack --json',
  );
  recv.action(async (topic: string, options: RecvOptions) => {
    check(options);
    const client = clientOf(options);
    const keys = options.signedBy === undefined ? undefined : publicKeysIn(options.signedBy);
    for await (const envelope of options.stream ? streamed(client, topic, options) : received(client, topic, options)) {
      await show(client, envelope, options, keys);
    }
  });
}

/** Options that do not go together. @throws UsageError */
function check({ max = 1, wait = 0, credit, stream, raw, out, json }: RecvOptions): void {
  if (out !== undefined && (stream === true || max > 1))
    throw new UsageError('--out: one message, without --stream and --max');
  if ([raw, out, json].filter((way) => way !== undefined).length > 1)
    throw new UsageError('--raw, --out, --json: one of them');
  if (stream === true) return;
  if (max > RECV_MAX) throw new UsageError(`--max ${max}: must be a whole number ${MAX_RANGE}`);
  if (wait > RECV_WAIT_MS) throw new UsageError(`--wait ${wait}ms: at most 20s without --stream`);
  if (credit !== undefined) throw new UsageError('--credit: only with --stream');
}

const leaseOf = ({ visibility }: RecvOptions) => (visibility === undefined ? {} : { visibility_ms: visibility });

async function* received(client: MailboxClient, topic: string, options: RecvOptions): AsyncGenerator<Envelope> {
  const { max = 1, wait = 0 } = options;
  const { messages } = await client.recv({ topic, max_messages: max, wait_ms: wait, ...leaseOf(options) });
  yield* messages;
}

function streamed(client: MailboxClient, topic: string, options: RecvOptions): AsyncGenerator<Envelope> {
  const { max, wait, credit } = options;
  return client.stream({
    topic,
    ...leaseOf(options),
    ...(credit === undefined ? {} : { credit }),
    ...(max === undefined ? {} : { max_messages: max }),
    ...(wait === undefined ? {} : { wait_ms: wait }),
  });
}

/** The keys of a file as `GET /v1/keys` writes it. */
function publicKeysIn(file: string): readonly PublicJwk[] {
  const text = readText('--signed-by', file);
  try {
    const { keys } = JSON.parse(text) as { keys: readonly PublicJwk[] };
    if (keys.every(({ kid, x }) => typeof kid === 'string' && typeof x === 'string')) return keys;
  } catch {}
  throw new UsageError(`--signed-by ${visible(file)}: no public keys in it; curl $MAILBOX_URL/v1/keys gives them`);
}

async function show(
  client: MailboxClient,
  envelope: Envelope,
  options: RecvOptions,
  keys: readonly PublicJwk[] | undefined,
): Promise<void> {
  const broken = await brokenIn(envelope, keys);
  if (broken !== null) {
    say(`recv: ${visible(String(envelope.msg_id))}: ${broken} does not hold`);
    process.exitCode = EXIT.failed;
    return;
  }
  tell(envelope, options);
  if (options.ack) await client.ack(envelope.msg_id, envelope.receipt);
}

/** What does not hold of it; something else than a mailbox may have made it. */
async function brokenIn(envelope: Envelope, keys: readonly PublicJwk[] | undefined): Promise<string | null> {
  const { verifyEnvelope } = await import('../integrity/verify.ts');
  try {
    return verifyEnvelope(envelope, keys);
  } catch {
    return 'its form';
  }
}

function tell(envelope: Envelope, { json, stream, raw, out }: RecvOptions): void {
  // A stream may go on for long: one object a line.
  if (json === true) return stream === true ? print(JSON.stringify(envelope)) : printJson(envelope);
  const payload = Buffer.from(envelope.payload_b64, 'base64');
  const { as, text } = payloadShown(payload);
  const { msg_id, receipt, attempt, ts } = envelope;
  const head = `${msg_id}  receipt ${receipt}  attempt ${attempt}  ${ts}  ${payload.length} bytes`;
  if (raw === true) {
    say(visible(head));
    return writeOut(payload);
  }
  if (out !== undefined) {
    writeBytes('--out', out, payload);
    return print(visible(`${head} in ${out}`));
  }
  print(visible(`${head}${as === 'text' ? '' : `, ${as}`}`));
  print(text);
}
