import type { Command } from 'commander';
import type { Stat } from '../../journal/stat.ts';
import { visible } from '../../platform/visible.ts';
import { examples, print, printJson } from '../shared.ts';
import { asUsage, many, type Options, onData, openData } from './shared.ts';

export function addStat(journal: Command): void {
  const stat = onData(journal.command('stat').description('what is in it, and how much'));
  examples(stat, 'mailbox journal stat --data /var/lib/mailbox --json');
  stat.action(async (options: Options) => {
    const { data, source, recovering } = await openData(options);
    const { statOf } = await import('../../journal/stat.ts');
    const found = await asUsage(() => statOf(source, recovering));
    if (options.json) printJson({ data, ...found });
    else print(statLines(data, found).map(visible).join('\n'));
  });
}

function statLines(data: string, stat: Stat): string[] {
  const size = ({ count, bytes }: Stat['segments'], what: string): string =>
    `${many(count, what)} of ${bytes.toLocaleString('en')} bytes`;
  const { segments, snapshots, payload_files, messages } = stat;
  const cut = stat.torn_bytes > 0 ? `, then ${many(stat.torn_bytes, 'byte')} of a write that was cut off` : '';
  const covered = stat.snapshot_sequence === null ? 'no snapshot' : `a snapshot up to ${stat.snapshot_sequence}`;
  return [
    `data       ${data}, format ${stat.format}${stat.reserve ? '' : ', no reserve of space'}`,
    `files      ${size(segments, 'segment')}, ${size(snapshots, 'snapshot')}, ${size(payload_files, 'payload file')}`,
    `log        frame ${stat.sequence} ends in ${stat.end.file} at ${stat.end.at}${cut}; ${covered}`,
    `processes  ${stat.term} so far`,
    `shards     ${stat.shards}`,
    `messages   ${Object.entries(messages)
      .map(([state, count]) => `${state} ${count.toLocaleString('en')}`)
      .join(', ')}`,
    `remembered ${many(stat.idempotency_entries, 'idempotency window')}, ${many(stat.settled_receipts, 'settled receipt')}`,
  ];
}
