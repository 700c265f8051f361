import type { Command } from 'commander';
import { visible } from '../platform/visible.ts';
import type { Company } from '../ports/engine.ts';
import type { PostgresEngine } from '../postgres/engine.ts';
import {
  type EngineOptions,
  engineOf,
  onEngine,
  PASSWORD_NOTE,
  refusedAsUsage,
  settled,
  withEngine,
} from './engine.ts';
import { many } from './journal/shared.ts';
import { examples, print, printJson, wholeNumber } from './shared.ts';

interface StatusOptions extends EngineOptions {
  readonly json?: true;
}

interface InitOptions extends EngineOptions {
  readonly shards: number;
}

/** Long enough for an engine that waits for its standby. */
const ANSWERS_WITHIN_MS = 10_000;
const SHARDS = 64;
const SHARDS_MAX = 1_024;

export function addCluster(program: Command): void {
  const cluster = program.command('cluster').description('shards of several nodes, kept in an engine');
  addInit(cluster);
  addStatus(cluster);
  addUpgrade(cluster);
  addAcceptLoss(cluster);
}

function addInit(cluster: Command): void {
  const command = onEngine(cluster.command('init').description('make the tables of a cluster in a database'));
  command.option('--shards <count>', 'how many, for good', wholeNumber('--shards', 1, SHARDS_MAX), SHARDS);
  command.addHelpText('after', `\n${PASSWORD_NOTE}`);
  examples(command, 'mailbox cluster init --engine postgres://mailbox@db1,db2/mailbox');
  command.action(async (options: InitOptions) => {
    const { createCluster } = await import('../postgres/engine.ts');
    await refusedAsUsage(() => createCluster({ ...engineOf(options), shards: options.shards }));
    await withEngine(options, async ({ cluster: { name, shards } }) => print(`${name}: ${shards} shards`));
  });
}

function addUpgrade(cluster: Command): void {
  const command = onEngine(
    cluster.command('upgrade').description('make the tables of the version before those of this program'),
  );
  command.addHelpText(
    'after',
    `\nAll or nothing, and in a moment. Servers of the version before go on; what is new in the tables they do not know. ${PASSWORD_NOTE}`,
  );
  examples(command, 'mailbox cluster upgrade --engine postgres://mailbox@db1,db2/mailbox');
  command.action(async (options: EngineOptions) => {
    const { upgradeCluster } = await import('../postgres/engine.ts');
    let isDone = false;
    await refusedAsUsage(async () => {
      isDone = await upgradeCluster(engineOf(options));
    });
    print(isDone ? 'upgraded' : 'nothing to do');
  });
}

function addStatus(cluster: Command): void {
  const command = onEngine(cluster.command('status').description('who is there, and who has which shards'));
  command.option('--json', 'as JSON').addHelpText('after', `\n${PASSWORD_NOTE}`);
  examples(command, 'mailbox cluster status --engine postgres://mailbox@db1,db2/mailbox');
  command.action((options: StatusOptions) =>
    withEngine(options, (engine) => showStatus(engine, options.json === true)),
  );
}

async function showStatus(engine: PostgresEngine, json: boolean): Promise<void> {
  const { name, shards } = engine.cluster;
  const { members, holders } = await settled<Company>((done) => engine.members.look(done));
  const has = (owner: string): number[] =>
    holders.filter((held) => held.owner === owner && held.shard < shards).map(({ shard }) => shard);
  const nodes = members.map(({ owner, quietMs, isConnected, ...node }) => ({
    ...{ name: node.name, url: node.url, version: node.version, connected: isConnected },
    ...{ quiet_ms: Math.round(quietMs), shards: has(owner).sort((a, b) => a - b) },
  }));
  const owned = new Set(nodes.flatMap((node) => node.shards));
  const free = Array.from({ length: shards }, (_, shard) => shard).filter((shard) => !owned.has(shard));
  if (json) return printJson({ cluster: name, shards, nodes, without_node: free });
  print(`${name}: ${many(shards, 'shard')}, ${many(nodes.length, 'node')}`);
  for (const { name: node, url, version, connected, quiet_ms, shards: own } of nodes) {
    const there = connected ? '' : '  no connection';
    print(
      visible(
        `${node}  ${url}  version ${version}  heard ${(quiet_ms / 1000).toFixed(1)} s ago${there}  shards ${own.join(' ') || '-'}`,
      ),
    );
  }
  if (free.length > 0) print(`no node has ${free.join(' ')}`);
}

function addAcceptLoss(cluster: Command): void {
  const command = onEngine(
    cluster
      .command('accept-loss')
      .argument('<log>', 'the number of the shard, or of the log', wholeNumber('log', 0, 65_535))
      .description('serve a shard again that may have lost what was answered'),
  );
  command.addHelpText(
    'after',
    `\nAn owner writes down what the engine promised it. After a failover behind answers that waited for no standby, or on another
database, what was acked may come again and what was accepted may be gone: nobody goes on with that unasked. ${PASSWORD_NOTE}`,
  );
  examples(command, 'mailbox cluster accept-loss 3 --engine postgres://mailbox@db1,db2/mailbox');
  command.action((number: number, options: EngineOptions) => withEngine(options, (engine) => accept(engine, number)));
}

async function accept(engine: PostgresEngine, number: number): Promise<void> {
  const { acceptLoss } = await import('../cluster/loss.ts');
  const { blake3 } = await import('../integrity/blake3.ts');
  const { systemRandom, systemTime } = await import('../platform/system.ts');
  const { salt, shards } = engine.cluster;
  const why = await settled<string | null>((done) =>
    acceptLoss(
      {
        ...{ engine, number, shard: number < shards ? number : null, secret: { salt, hash: blake3 } },
        ...{ owner: `accept-loss.${systemRandom.token(8)}`, answersWithinMs: ANSWERS_WITHIN_MS },
        ...{ timers: globalThis as never, monotonicMs: () => systemTime.monotonicMs() },
      },
      done,
    ),
  );
  print(why === null ? `log ${number}: nothing to accept` : `accepted: ${why.replace(/\. To go on.*/s, '')}`);
}
