import type { Command } from 'commander';
import { loadConfig } from '../../config/load.ts';
import { UsageError } from '../usage.ts';

export interface Options {
  readonly data?: string;
  readonly config?: string;
  readonly json?: true;
}

/** Options of every command on a data directory. */
export const onData = (command: Command): Command =>
  command
    .option('--data <dir>', 'the data directory, else as configured (./data)')
    .option('--config <file>', 'TOML file of settings')
    .option('--json', 'print JSON');

export const dataOf = ({ data, config }: Options): string =>
  loadConfig(data === undefined ? {} : { data }, process.env, config).settings.data;

/**
 * The files of a data directory that is ours to read, and how to read them. Loaded when it is asked for: the other commands start
 * without it. @throws UsageError when the directory is not there, or not ours alone
 */
export async function openData(options: Options) {
  const data = dataOf(options);
  const { checkFolder } = await import('../../journal/folder.ts');
  const { FileStorage } = await import('../../journal/file-storage.ts');
  const { RECOVERING } = await import('../../journal/durable.ts');
  await asUsage(() => checkFolder(data));
  return { data, source: new FileStorage(data), recovering: RECOVERING };
}

/** A directory that cannot be used, or holds no journal, is a wrong call, and no verdict on a journal. @throws UsageError */
export async function asUsage<T>(use: () => T | Promise<T>): Promise<T> {
  const [{ FolderError }, { UnreadableError }] = await Promise.all([
    import('../../journal/folder.ts'),
    import('../../journal/read-live.ts'),
  ]);
  try {
    return await use();
  } catch (error) {
    const isWrong = error instanceof FolderError || (error instanceof UnreadableError && error.isAbsent);
    if (isWrong) throw new UsageError((error as Error).message, 'E_FILE');
    throw error;
  }
}

export const many = (count: number, what: string): string =>
  `${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`;
