import type { Command } from 'commander';
import { clientVariables } from '../config/load.ts';
import type { PostgresEngine } from '../postgres/engine.ts';
import { UsageError } from './usage.ts';

export interface EngineOptions {
  readonly engine?: string;
  readonly cluster: string;
  readonly schema: string;
}

export const PASSWORD_NOTE =
  'The password need not stand in the URL, where other users of the machine can see it: PGPASSWORD is read, too.';

/** Options of every command on an engine. */
export const onEngine = (command: Command): Command =>
  command
    .option('--engine <url>', 'postgres://user@host:port/database, else MAILBOX_ENGINE')
    .option('--cluster <name>', 'the cluster whose tables are meant', 'mailbox')
    .option('--schema <name>', 'where its tables are', 'mailbox');

/** What the engine is opened with. @throws UsageError */
export function engineOf({ engine, cluster, schema }: EngineOptions) {
  const url = engine ?? clientVariables().MAILBOX_ENGINE;
  if (url === undefined) throw new UsageError('engine: name one with --engine or MAILBOX_ENGINE');
  return { url, cluster, schema };
}

/** @throws UsageError, in one line, where the engine is not what is needed */
export async function withEngine<Result>(
  options: EngineOptions,
  use: (engine: PostgresEngine) => Promise<Result>,
): Promise<Result> {
  const { PostgresEngine } = await import('../postgres/engine.ts');
  const engine = await refusedAsUsage(() => PostgresEngine.open(engineOf(options)));
  try {
    return await refusedAsUsage(() => use(engine));
  } finally {
    engine.close();
  }
}

/** @throws UsageError for what an engine is refused for */
export async function refusedAsUsage<Result>(work: () => Promise<Result>): Promise<Result> {
  const { EngineRefusal } = await import('../postgres/refusal.ts');
  try {
    return await work();
  } catch (error) {
    if (error instanceof EngineRefusal) throw new UsageError(error.message);
    throw error;
  }
}

/** What is told by a callback, as something to wait for. */
export const settled = <Result>(ask: (done: (result: Result | Error) => void) => void): Promise<Result> =>
  new Promise((resolve, reject) => ask((result) => (result instanceof Error ? reject(result) : resolve(result))));
