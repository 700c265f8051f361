import type { Command } from 'commander';
import type { MailboxClient } from '../client/client.ts';
import type { Envelope } from '../client/types.ts';
import type { PublicJwk } from '../integrity/signature.ts';
import { verifyEnvelope } from '../integrity/verify.ts';
import {
  type Connecting,
  clientOf,
  connecting,
  EXIT,
  examples,
  fileText,
  ms,
  print,
  printJson,
  UsageError,
  wholeNumber,
} from './shared.ts';

interface RecvOptions extends Connecting {
  readonly max?: number;
  readonly wait?: number;
  readonly visibility?: number;
  readonly ack?: true;
  readonly stream?: true;
  readonly credit?: number;
  readonly signedBy?: string;
}

const MAX = 1_000_000_000;
const RECV_MAX = 256;
const RECV_WAIT_MS = 20_000;

export function addRecv(program: Command): void {
  const recv = connecting(program.command('recv <topic>').description('lease messages; their hashes are verified'))
    .option('--max <n>', 'at most so many: 1 and up to 256, with --stream no limit', wholeNumber('max', 1, MAX))
    .option(
      '--wait <duration>',
      'for a first one up to 20s; with --stream it ends when none came for so long',
      ms('wait'),
    )
    .option('--visibility <duration>', 'length of the lease', ms('visibility'))
    .option('--stream', 'go on as they come')
    .option('--credit <n>', 'with --stream: most messages unsettled at once', wholeNumber('credit', 1, 256))
    .option('--ack', 'acknowledge what was printed')
    .option('--signed-by <file>', 'only what a key of this file signed, as `GET /v1/keys` gave it');
  examples(recv, 'mailbox recv demo --wait 20s --ack', 'mailbox recv demo --stream --ack --json');
  recv.action(async (topic: string, options: RecvOptions) => {
    const client = clientOf(options);
    const keys = options.signedBy === undefined ? undefined : publicKeysIn(options.signedBy);
    for await (const envelope of options.stream ? streamed(client, topic, options) : received(client, topic, options)) {
      await show(client, envelope, options, keys);
    }
  });
}

const leaseOf = ({ visibility }: RecvOptions) => (visibility === undefined ? {} : { visibility_ms: visibility });

async function* received(client: MailboxClient, topic: string, options: RecvOptions): AsyncGenerator<Envelope> {
  const { max = 1, wait = 0, credit } = options;
  if (max > RECV_MAX) throw new UsageError(`max: at most ${RECV_MAX} without --stream`);
  if (wait > RECV_WAIT_MS) throw new UsageError('wait: at most 20s without --stream');
  if (credit !== undefined) throw new UsageError('credit: only with --stream');
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
  try {
    const { keys } = JSON.parse(fileText('signed-by', file)) as { keys: readonly PublicJwk[] };
    if (keys.every(({ kid, x }) => typeof kid === 'string' && typeof x === 'string')) return keys;
  } catch (error) {
    if (error instanceof UsageError) throw error;
  }
  throw new UsageError('signed-by: no public keys in it');
}

async function show(
  client: MailboxClient,
  envelope: Envelope,
  options: RecvOptions,
  keys: readonly PublicJwk[] | undefined,
): Promise<void> {
  const broken = verifyEnvelope(envelope, keys);
  if (broken !== null) {
    process.stderr.write(`recv: ${envelope.msg_id}: ${broken} does not hold\n`);
    process.exitCode = EXIT.failed;
    return;
  }
  // A stream may go on for long: one object a line.
  if (options.json) options.stream ? print(JSON.stringify(envelope)) : printJson(envelope);
  else {
    print(`${envelope.msg_id}  receipt ${envelope.receipt}  attempt ${envelope.attempt}  ${envelope.ts}`);
    print(Buffer.from(envelope.payload_b64, 'base64').toString());
  }
  if (options.ack) await client.ack(envelope.msg_id, envelope.receipt);
}
