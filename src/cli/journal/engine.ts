import type { Command } from 'commander';
import { loadConfig } from '../../config/load.ts';
import type { Replica } from '../../journal/replica.ts';
import { visible } from '../../platform/visible.ts';
import type { PostgresEngine } from '../../postgres/engine.ts';
import {
  engineOf,
  type EngineOptions as OnEngine,
  onEngine,
  PASSWORD_NOTE,
  refusedAsUsage,
  settled,
  withEngine,
} from '../engine.ts';
import { examples, print, printJson } from '../shared.ts';
import { asUsage, many, type Options, onData, openData } from './shared.ts';

interface EngineOptions extends Options, OnEngine {}

export function addExport(journal: Command): void {
  const command = onEngine(
    journal
      .command('export <directory>')
      .description('make a data directory of what a cluster keeps in its engine')
      .option('--config <file>', 'TOML file of settings')
      .option('--json', 'print JSON'),
  );
  command.addHelpText(
    'after',
    `\nThe directory must be empty or not there. Nodes may go on meanwhile. ${PASSWORD_NOTE}`,
  );
  examples(command, 'mailbox journal export /backup/cluster --engine postgres://mailbox@db1,db2/mailbox');
  command.action(async (directory: string, options: EngineOptions) => {
    const segmentBytes = loadConfig({}, process.env, options.config).settings.segment_size;
    const { writeOut } = await import('../../journal/backup.ts');
    const { RECOVERING } = await import('../../journal/durable.ts');
    const { salt, replica } = await withEngine(options, readAll);
    const copied = await asUsage(() => writeOut(directory, { replica, salt, segmentBytes }, RECOVERING));
    const shards = replica.shards.length;
    if (options.json) return printJson({ directory, ready_shards: shards, ...copied });
    // A server that is to go on from it must be told how many there are.
    print(`${visible(directory)}: ${many(copied.messages, 'message')}, ready_shards = ${shards}`);
  });
}

export function addImport(journal: Command): void {
  const command = onEngine(
    onData(journal.command('import').description('begin a cluster in an engine with what a data directory holds')),
  );
  command.addHelpText(
    'after',
    `\nMakes the tables, which must not be there yet. No server may write to the directory meanwhile. ${PASSWORD_NOTE}`,
  );
  examples(command, 'mailbox journal import --data /var/lib/mailbox --engine postgres://mailbox@db1,db2/mailbox');
  command.action(async (options: EngineOptions) => {
    const { source, recovering, data } = await openData(options);
    const { holdFolder } = await import('../../journal/folder.ts');
    const { mustRecover } = await import('../../journal/read-live.ts');
    // A server that serves from it would go on with what is in two places then.
    const held = await asUsage(() => holdFolder(data));
    try {
      const { replica, salt } = await asUsage(() => mustRecover(source, recovering));
      await begin(options, replica, salt);
      const messages = replica.shards.reduce((sum, { slotCount, freeSlots }) => sum + slotCount - freeSlots.length, 0);
      if (options.json) return printJson({ data, cluster: options.cluster, shards: replica.shards.length, messages });
      print(`${options.cluster}: ${many(replica.shards.length, 'shard')}, ${many(messages, 'message')}`);
    } finally {
      held.release();
    }
  });
}

async function readAll(engine: PostgresEngine): Promise<{ readonly salt: Uint8Array; readonly replica: Replica }> {
  const { readLogs } = await import('../../cluster/logs-as-replica.ts');
  const { blake3 } = await import('../../integrity/blake3.ts');
  const { shards, salt } = engine.cluster;
  const logs = await settled<readonly number[]>((done) => engine.logs(done));
  const processLogs = logs.filter((log) => log >= shards);
  const reading = { engine, secret: { salt, hash: blake3 }, shards, processLogs };
  return { salt, replica: await settled<Replica>((done) => readLogs(reading, done)) };
}

async function begin(options: EngineOptions, replica: Replica, salt: Uint8Array): Promise<void> {
  const { createCluster } = await import('../../postgres/engine.ts');
  const { writeLogs } = await import('../../cluster/replica-as-logs.ts');
  const { blake3 } = await import('../../integrity/blake3.ts');
  const shards = replica.shards.length;
  const topicHash = replica.limits?.topicHash ?? 0;
  await refusedAsUsage(() => createCluster({ ...engineOf(options), shards, salt, topicHash }));
  const write = withEngine(options, (engine) =>
    settled<null>((done) =>
      writeLogs({ engine, secret: { salt, hash: blake3 }, processLog: shards, replica }, done as never),
    ),
  );
  await write.catch(({ message }: Error) => {
    // Some shards are there, and a node would take the others for empty.
    throw new Error(`import: broke off: ${message}; begin again after DROP SCHEMA ${options.schema} CASCADE`);
  });
}
