import type { Command } from 'commander';
import type { Copied } from '../../journal/backup.ts';
import { visible } from '../../platform/visible.ts';
import { examples, print, printJson } from '../shared.ts';
import { asUsage, dataOf, many, type Options, onData } from './shared.ts';

export function addBackup(journal: Command): void {
  const backup = onData(
    journal.command('backup <directory>').description('copy it as it stands, while a server may be serving from it'),
  );
  backup.addHelpText(
    'after',
    '\nThe directory must be empty or not there. On the same file system files that never change are linked, not copied.',
  );
  examples(backup, 'mailbox journal backup /backup/2026-11-25 --data /var/lib/mailbox');
  backup.action(async (directory: string, options: Options) => {
    const data = dataOf(options);
    const { backUp } = await import('../../journal/backup.ts');
    const { RECOVERING } = await import('../../journal/durable.ts');
    printCopied(options, directory, await asUsage(() => backUp(data, directory, RECOVERING)));
  });
}

export function addRestore(journal: Command): void {
  const command = onData(
    journal.command('restore <directory>').description('make a data directory of a backup, where there is none yet'),
  );
  command.addHelpText('after', '\nWhat was acked after the backup was made will be delivered again.');
  examples(command, 'mailbox journal restore /backup/2026-11-25 --data /var/lib/mailbox');
  command.action(async (directory: string, options: Options) => {
    const data = dataOf(options);
    const { restore } = await import('../../journal/backup.ts');
    const { RECOVERING } = await import('../../journal/durable.ts');
    printCopied(options, data, await asUsage(() => restore(directory, data, RECOVERING)));
  });
}

function printCopied({ json }: Options, directory: string, copied: Copied): void {
  if (json) return printJson({ directory, ...copied });
  const { files, sequence, messages } = copied;
  print(`${visible(directory)}: ${many(files, 'file')}, up to frame ${sequence}, ${many(messages, 'message')}`);
}
