import { type Command, Option } from 'commander';
import { DEAD_REASONS, type DeadReason } from '../../spec/vocabulary.ts';
import type { MailboxClient } from '../client/client.ts';
import type { DeadLetter, DeadLetters } from '../client/types.ts';
import { payloadShown, visible } from '../platform/visible.ts';
import { writeBytes } from './files.ts';
import {
  type Connecting,
  clientOf,
  connecting,
  EXIT,
  examples,
  ms,
  print,
  printFields,
  printJson,
  say,
  UsageError,
  wholeNumber,
} from './shared.ts';
import { writeOut } from './standard.ts';
import { type Column, table } from './table.ts';

interface Options extends Connecting {
  readonly reason?: DeadReason;
  readonly limit?: number;
  readonly rate?: number;
  readonly dryRun?: true;
  readonly olderThan?: number;
  readonly raw?: true;
  readonly out?: string;
}

const COLUMNS: readonly Column<DeadLetter>[] = [
  { head: 'msg_id', of: ({ msg_id }) => msg_id },
  { head: 'dead_at', of: ({ dead_at }) => dead_at },
  { head: 'reason', of: ({ reason }) => reason },
  { head: 'attempt', of: ({ attempt }) => attempt, right: true },
  { head: 'last_error', of: ({ last_error }) => last_error },
];

/** Dead letters, for their admin. */
export function addDlq(program: Command): void {
  const dlq = program.command('dlq').description('dead letters of a topic (needs an admin capability)');
  const list = connecting(dlq.command('list <topic>').description('oldest first'))
    .addOption(new Option('--reason <reason>', 'only these').choices([...DEAD_REASONS]))
    .option('--limit <n>', 'at most so many', wholeNumber('--limit', 1, 1000), 100);
  examples(list, 'mailbox dlq list orders --reason max_attempts').action(async (topic: string, options: Options) => {
    const query = { topic, limit: String(options.limit), ...(options.reason ? { reason: options.reason } : {}) };
    const { dead_letters, next } = await clientOf(options).deadLetters(query);
    if (options.json) return printJson({ dead_letters, next });
    if (dead_letters.length > 0) print(table(COLUMNS, dead_letters).join('\n'));
    if (next !== null) print('(more)');
  });

  const show = connecting(dlq.command('show <topic> <msg_id>').description('one dead letter with its payload'))
    .option('--raw', 'the payload as it is, byte for byte and nothing else')
    .option('--out <file>', 'the payload into a file, byte for byte');
  examples(show, 'mailbox dlq show orders 01J8ZC4V2N6Q9R0S3T5W7X8Y1A --out order.json').action(showOne);

  const reprocess = connecting(dlq.command('reprocess <topic> [msg_ids...]').description('back into the queue'))
    .addOption(new Option('--reason <reason>', 'only these').choices([...DEAD_REASONS]))
    .option('--limit <n>', 'at most so many', wholeNumber('--limit', 1, 1000))
    .option('--rate <n>', 'at most so many a second', wholeNumber('--rate', 1, 100_000))
    .option('--dry-run', 'say what would be moved, and move nothing');
  reprocess.addHelpText('after', '\nExit: 0 all were moved or skipped, 1 some failed, 2 wrongly called.');
  examples(
    reprocess,
    'mailbox dlq reprocess orders --dry-run',
    'mailbox dlq reprocess orders --reason max_attempts --rate 100',
  ).action(async (topic: string, msgIds: string[], options: Options) => {
    const { limit, rate, reason, dryRun } = options;
    const answer = await clientOf(options).reprocess({
      topic,
      ...(msgIds.length > 0 ? { msg_ids: msgIds } : {}),
      ...(limit === undefined ? {} : { limit }),
      ...(reason === undefined ? {} : { reason }),
      ...(rate === undefined ? {} : { rate_per_s: rate }),
      ...(dryRun === true ? { dry_run: true } : {}),
    });
    if (options.json) printJson(answer);
    else
      print(
        `${dryRun === true ? 'would be ' : ''}moved ${answer.moved}, skipped ${answer.skipped}, failed ${answer.failed}`,
      );
    if (answer.failed === 0) return;
    const why = 'not there (any more), or no room in the shard';
    if (!options.json) say(`dlq reprocess: ${answer.failed} could not be moved: ${why}`);
    process.exitCode = EXIT.failed;
  });

  const purge = connecting(dlq.command('purge <topic> [msg_ids...]').description('delete dead letters for good'));
  purge.option('--older-than <duration>', 'all that are older, like 7d', ms('--older-than'));
  examples(purge, 'mailbox dlq purge orders --older-than 7d');
  purge.action(async (topic: string, msgIds: string[], options: Options) => {
    const { olderThan } = options;
    if (msgIds.length > 0 === (olderThan !== undefined))
      throw new UsageError('dlq purge: msg_ids, or --older-than: one of them');
    const by = olderThan === undefined ? { msg_ids: msgIds } : { older_than_ms: olderThan };
    const answer = await clientOf(options).purge({ topic, ...by });
    if (options.json) printJson(answer);
    else print(`purged ${answer.purged}`);
  });
}

async function showOne(topic: string, msgId: string, options: Options): Promise<void> {
  const { json, raw, out } = options;
  if ([raw, out, json].filter((way) => way !== undefined).length > 1)
    throw new UsageError('--raw, --out, --json: one of them');
  const found = await find(clientOf(options), topic, msgId);
  if (found === null) {
    say(`dlq show: no dead letter ${visible(msgId)} of ${visible(topic)}`);
    process.exitCode = EXIT.failed;
    return;
  }
  if (json === true) return printJson(found);
  const { payload_b64 = '', ...rest } = found;
  const payload = Buffer.from(payload_b64, 'base64');
  if (raw === true) return writeOut(payload);
  printFields(rest);
  if (out !== undefined) {
    writeBytes('--out', out, payload);
    return print(visible(`${'payload'.padEnd(14)}${payload.length} bytes in ${out}`));
  }
  const { as, text } = payloadShown(payload);
  print(`${'payload'.padEnd(14)}${payload.length} bytes, ${as}`);
  print(text);
}

async function find(client: MailboxClient, topic: string, msgId: string): Promise<DeadLetter | null> {
  for (let cursor: string | null = '0'; cursor !== null; ) {
    const page: DeadLetters = await client.deadLetters({
      ...{ topic, cursor, limit: '1000', include: 'payload' },
    });
    const found = page.dead_letters.find((dead) => dead.msg_id === msgId);
    if (found !== undefined) return found;
    cursor = page.next;
  }
  return null;
}
