import { type Command, Option } from 'commander';
import type { MessageView } from '../client/types.ts';
import { payloadShown, visible } from '../platform/visible.ts';
import {
  type Connecting,
  clientOf,
  connecting,
  examples,
  print,
  printJson,
  printStated,
  wholeNumber,
} from './shared.ts';

const STATES = ['queued', 'leased', 'redelivered', 'dead_lettered'] as const;

interface Options extends Connecting {
  readonly state?: (typeof STATES)[number];
  readonly limit: number;
  readonly cursor?: string;
  readonly payload?: true;
}

/** Messages of a topic as they are, without a lease. */
export function addPeek(program: Command): void {
  const peek = connecting(program.command('peek <topic>').description('messages of a topic, none of them leased'))
    .addOption(new Option('--state <state>', 'only these').choices([...STATES]))
    .option('--limit <n>', 'at most so many', wholeNumber('--limit', 1, 1000), 100)
    .option('--cursor <cursor>', 'go on where a page ended')
    .option('--payload', 'with their payloads');
  examples(peek, 'mailbox peek orders --limit 5 --payload', 'mailbox peek orders --state leased --json').action(
    async (topic: string, options: Options) => {
      const { state, limit, cursor, payload } = options;
      const page = await clientOf(options).messages({
        ...{ topic, limit: String(limit) },
        ...(state === undefined ? {} : { state }),
        ...(cursor === undefined ? {} : { cursor }),
        ...(payload === undefined ? {} : { include: 'payload' }),
      });
      if (options.json) return printJson(page);
      for (const message of page.messages) tell(message);
      if (page.next !== null) print(visible(`(more: --cursor ${page.next})`));
    },
  );
}

function tell(message: MessageView): void {
  const { msg_id, state, ts, idem_key, attempt, reason, payload_bytes, payload_b64 } = message;
  const why = reason === null ? '' : `  ${reason}`;
  printStated(
    visible(`${msg_id}  ${state}  ${ts}  ${idem_key}  attempt ${attempt}${why}  ${payload_bytes} bytes`),
    state,
  );
  if (payload_b64 !== undefined) print(payloadShown(Buffer.from(payload_b64, 'base64')).text);
}
