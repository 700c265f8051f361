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
import { type Column, table } from './table.ts';

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
      tell(page.messages);
      if (page.next !== null) print(visible(`(more: --cursor ${page.next})`));
    },
  );
}

const COLUMNS: readonly Column<MessageView>[] = [
  { head: 'msg_id', of: ({ msg_id }) => msg_id },
  { head: 'state', of: ({ state }) => state },
  { head: 'sent', of: ({ ts }) => ts },
  { head: 'idem_key', of: ({ idem_key }) => idem_key },
  { head: 'attempt', of: ({ attempt }) => attempt, right: true },
  { head: 'bytes', of: ({ payload_bytes }) => payload_bytes, right: true },
  { head: 'reason', of: ({ reason }) => reason },
];

/** Each message, and below it the payload that came with it. */
function tell(messages: readonly MessageView[]): void {
  const [head, ...lines] = table(COLUMNS, messages);
  if (messages.length > 0) print(head as string);
  for (const [at, { state, payload_b64 }] of messages.entries()) {
    printStated(lines[at] as string, state);
    if (payload_b64 !== undefined) print(payloadShown(Buffer.from(payload_b64, 'base64')).text);
  }
}
