import type { Command } from 'commander';
import type { TopicStats } from '../client/types.ts';
import { visible } from '../platform/visible.ts';
import { type Connecting, clientOf, connecting, examples, print, printJson, wholeNumber } from './shared.ts';
import { type Column, table } from './table.ts';

interface Options extends Connecting {
  readonly limit: number;
  readonly cursor?: string;
}

/** What is in each topic that the capability may see. */
export function addTopics(program: Command): void {
  const topics = connecting(program.command('topics [prefix]').description('what is in each topic, by name'))
    .option('--limit <n>', 'at most so many', wholeNumber('--limit', 1, 1000), 100)
    .option('--cursor <cursor>', 'go on where a page ended');
  examples(topics, 'mailbox topics', 'mailbox topics orders. --json').action(
    async (prefix: string | undefined, options: Options) => {
      const { limit, cursor } = options;
      const page = await clientOf(options).topics({
        limit: String(limit),
        ...(prefix === undefined ? {} : { prefix }),
        ...(cursor === undefined ? {} : { cursor }),
      });
      if (options.json) return printJson(page);
      if (page.topics.length > 0) print(table(COLUMNS, page.topics).join('\n'));
      if (page.next !== null) print(visible(`(more: --cursor ${page.next})`));
    },
  );
}

const COLUMNS: readonly Column<TopicStats>[] = [
  { head: 'topic', of: ({ topic }) => topic },
  { head: 'depth', of: ({ depth }) => depth, right: true },
  { head: 'queued', of: ({ queued }) => queued, right: true },
  { head: 'leased', of: ({ leased }) => leased, right: true },
  { head: 'redelivered', of: ({ redelivered }) => redelivered, right: true },
  { head: 'dead', of: ({ dead_lettered }) => dead_lettered, right: true },
  { head: 'oldest', of: ({ oldest_ready_ms }) => `${(Number(oldest_ready_ms) / 1000).toFixed(1)} s`, right: true },
];
