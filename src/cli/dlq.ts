import type { Command } from 'commander';
import { durationMs } from '../config/values.ts';
import {
  type Connecting,
  clientOf,
  connecting,
  EXIT,
  examples,
  print,
  printJson,
  UsageError,
  wholeNumber,
} from './shared.ts';

interface Options extends Connecting {
  readonly reason?: string;
  readonly limit?: number;
  readonly rate?: number;
  readonly olderThan?: string;
}

interface DeadLetter {
  readonly msg_id: string;
  readonly reason: string;
  readonly attempt: number;
  readonly last_error: string | null;
  readonly dead_at: string;
  readonly payload_b64?: string;
}

/** Dead letters, for their admin. */
export function addDlq(program: Command): void {
  const dlq = program.command('dlq').description('dead letters of a topic (needs an admin capability)');
  const list = connecting(dlq.command('list <topic>').description('oldest first'))
    .option('--reason <reason>', 'only these')
    .option('--limit <n>', 'at most so many', wholeNumber('limit', 1, 1000), 100);
  examples(list, 'mailbox dlq list orders --reason max_attempts').action(async (topic: string, options: Options) => {
    const query = { topic, limit: String(options.limit), ...(options.reason ? { reason: options.reason } : {}) };
    const { dead_letters, next } = await clientOf(options).deadLetters(query);
    if (options.json) return printJson({ dead_letters, next });
    for (const dead of dead_letters as DeadLetter[]) {
      print([dead.msg_id, dead.dead_at, dead.reason, `attempt ${dead.attempt}`, dead.last_error ?? ''].join('  '));
    }
    if (next !== null) print('(more)');
  });

  const show = connecting(dlq.command('show <topic> <msg_id>').description('one dead letter with its payload'));
  show.action(async (topic: string, msgId: string, options: Options) => {
    const client = clientOf(options);
    for (let cursor: string | null = '0'; cursor !== null; ) {
      const page: { dead_letters: unknown[]; next: string | null } = await client.deadLetters({
        topic,
        cursor,
        limit: '1000',
        include: 'payload',
      });
      const found = (page.dead_letters as DeadLetter[]).find((dead) => dead.msg_id === msgId);
      if (found !== undefined) return printJson(found);
      cursor = page.next;
    }
    process.stderr.write('dlq show: no such dead letter\n');
    process.exitCode = EXIT.failed;
  });

  const reprocess = connecting(dlq.command('reprocess <topic> [msg_ids...]').description('back into the queue'))
    .option('--reason <reason>', 'only these')
    .option('--limit <n>', 'at most so many', wholeNumber('limit', 1, 1000))
    .option('--rate <n>', 'at most so many a second', wholeNumber('rate', 1, 100_000));
  reprocess.action(async (topic: string, msgIds: string[], options: Options) => {
    const { limit, rate, reason } = options;
    const answer = await clientOf(options).reprocess({
      topic,
      ...(msgIds.length > 0 ? { msg_ids: msgIds } : {}),
      ...(limit === undefined ? {} : { limit }),
      ...(reason === undefined ? {} : { reason }),
      ...(rate === undefined ? {} : { rate_per_s: rate }),
    });
    if (options.json) printJson(answer);
    else print(`moved ${answer.moved}, skipped ${answer.skipped}, failed ${answer.failed}`);
  });

  const purge = connecting(dlq.command('purge <topic> [msg_ids...]').description('delete dead letters for good'));
  purge.option('--older-than <duration>', 'all that are older, like 7d');
  purge.action(async (topic: string, msgIds: string[], options: Options) => {
    const olderThan = options.olderThan === undefined ? undefined : durationMs(options.olderThan);
    if (olderThan === null) throw new UsageError('older-than: a duration, like 7d');
    if (msgIds.length > 0 === (olderThan !== undefined)) throw new UsageError('purge: msg_ids, or --older-than');
    const by = olderThan === undefined ? { msg_ids: msgIds } : { older_than_ms: olderThan };
    const answer = await clientOf(options).purge({ topic, ...by });
    if (options.json) printJson(answer);
    else print(`purged ${answer.purged}`);
  });
}
